"""Decisions that are taken once: releases of a simulation are alike but for what chance says.

A decision hangs on the status, the cluster, the time, and what judges say: pass, fail or neither. The
words and the memory of a judgement are kept beside the status here. So two releases with the same
verdicts come to the same statuses, and what was decided in one is recalled in the other.
"""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from analysis.model import Check, Memory, Report, Verdict
from canary.api.canary import CanarySpec
from canary.api.status import CanaryStatus
from canary.core.decide import decide
from canary.core.needs import Analyse, Need
from canary.core.plan import plan
from canary.core.situation import Decision
from canary.simulation.cluster import SimulatedCluster
from canary.simulation.lazy import LazyAnswers

Answer = Callable[[Need[object]], object]

MOST = 5_000
"""How many situations are remembered, where nothing else is said."""
_BESIDE: Mapping[str, str] = {"kept": "beside"}
"""What stands in a status for the memory of a judge."""


@dataclass(slots=True)
class _Known:
    """A situation, the judgement that it asks for, and what was decided by each."""

    status: CanaryStatus
    """Kept, so that no other one is taken for it."""
    need: Analyse | None = None
    decisions: dict[Hashable, Decision] = field(default_factory=dict)


@dataclass(slots=True)
class Memories:
    """What the judges of one release have kept, by the metric's name."""

    kept: dict[str, Memory] = field(default_factory=dict)

    def judge(self, need: Analyse, answer: Answer) -> Report:
        """Judge with what was kept, and keep what the judges keep now."""
        memories = ((name, tuple(self.kept[name].items())) for name, _ in need.memories)
        report = answer(replace(need, memories=tuple(memories)))
        assert isinstance(report, Report), "a judgement is what was asked for"
        self.kept.update(report.memories)
        return report


class Recalled:
    """What was decided so far in releases by one spec, in the first situations of so many."""

    def __init__(self, spec: CanarySpec, *, most: int = MOST) -> None:
        self._spec, self._most = spec, most
        self._early = any(step.early for step in plan(spec.analysis).steps)
        self._known: dict[Hashable, _Known] = {}

    @staticmethod
    def fits(spec: CanarySpec) -> bool:
        """Tell whether decisions by a spec hang on verdicts alone, and on no number of requests."""
        metrics = (each for _, each in spec.analysis.placed_metrics())
        return spec.analysis.verify_traffic is None and not any(each.objective for each in metrics)

    def decide(
        self, status: CanaryStatus, cluster: SimulatedCluster, memories: Memories, answer: Answer
    ) -> Decision:
        """Decide, or recall what was decided where everything was the same."""
        # A status that was decided here is recalled as itself, so that none need be compared.
        key = (id(status), cluster.now, cluster.state)
        known = self._known.get(key)
        if known is None:
            known = _Known(status)
            if len(self._known) < self._most:
                self._known[key] = known
            return self._decide(known, cluster, memories, answer, {})
        if known.need is None:
            return known.decisions[()]
        report = memories.judge(known.need, answer)
        decision = known.decisions.get(self._verdicts(report))
        if decision is not None:
            return decision
        return self._decide(known, cluster, memories, answer, {known.need: report})

    def _decide(
        self,
        known: _Known,
        cluster: SimulatedCluster,
        memories: Memories,
        answer: Answer,
        reports: dict[Analyse, Report],
    ) -> Decision:
        def found(need: Need[object]) -> object:
            if not isinstance(need, Analyse):
                return answer(need)
            if need not in reports:
                known.need = need
                reports[need] = memories.judge(need, answer)
            return self._without_words(reports[need])

        decision = decide(self._spec, known.status, cluster.facts(LazyAnswers(found)), cluster.now)
        assert isinstance(decision, Decision), "everything was answered"
        verdicts = [self._verdicts(report) for report in reports.values()]
        known.decisions[verdicts[0] if verdicts else ()] = decision
        return decision

    def _verdicts(self, report: Report) -> Hashable:
        """Give of a report what is acted on."""
        return (
            tuple((each.metric, *self._acted_on(each).values()) for each in report.checks),
            tuple(name for name, memory in report.memories.items() if memory),
        )

    def _without_words(self, report: Report) -> Report:
        """Give a report as it is where only what is acted on differs."""
        return Report(
            checks=tuple(
                Check(metric=each.metric, value=None, bound="", message="", query="", **said)
                for each in report.checks
                if (said := self._acted_on(each))
            ),
            memories={name: _BESIDE if memory else {} for name, memory in report.memories.items()},
        )

    def _acted_on(self, check: Check) -> dict[str, Any]:
        """Give of a check what is acted on: of a pass its proof only where it may end a step."""
        verdict = check.verdict
        return {
            "verdict": verdict,
            "proven": check.proven and (self._early or verdict is not Verdict.PASS),
            "shadow": check.shadow,
            "unanswered": check.unanswered,
            "undecided": check.undecided and verdict is Verdict.INCONCLUSIVE,
        }
