"""Holds for want of a proof: how long a metric may hold the weight at a step, and what ends that.

A metric is undecided where its judge has what it asked for, and finds nothing proven either way. Its
`holdLimit` counts from the first such check at the step until there is a verdict. An outage and
missing data neither end that time nor take part in its end: they are held by `holdTimeout`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from analysis.durations import format_duration
from analysis.model import Check, Report, Verdict
from canary.api.metrics import HoldLimit, HoldOutcome
from canary.api.status import Severity
from canary.core import waits as why
from canary.core.judgements import metrics_at
from canary.core.lasting_holds import alert_unproven
from canary.core.limits import held_since
from canary.core.situation import Situation

_THEN = {
    HoldOutcome.ADVANCE: "the run goes on without a proof",
    HoldOutcome.ROLLBACK: "the run is rolled back",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofHold:
    """A metric that holds the weight for want of a proof, and for how long it may."""

    check: Check
    limit: HoldLimit
    since: datetime

    @property
    def ends(self) -> datetime:
        """When it ends."""
        return self.since + self.limit.after

    @property
    def rolls_back(self) -> bool:
        """Whether the run ends with it."""
        return self.limit.then is HoldOutcome.ROLLBACK

    @property
    def text(self) -> str:
        """Say when it ends, and with what."""
        then = _THEN[self.limit.then]
        return f"{self.check.metric} until {self.ends:%Y-%m-%d %H:%M:%S} UTC, then {then}"


def proof_holds(situation: Situation, report: Report) -> tuple[ProofHold, ...]:
    """List the metrics with a limit of whom nothing is proven now, shadows as well."""
    return tuple(_proof_holds(situation, report))


def _proof_holds(situation: Situation, report: Report) -> Iterator[ProofHold]:
    limits = {each.name: each.hold_limit for each in metrics_at(situation)}
    began = situation.status.step_started_at
    known = {each.name: held_since(each, began) for each in situation.status.metrics}
    for check in report.checks:
        limit = limits.get(check.metric)
        if limit and check.undecided and check.verdict is Verdict.INCONCLUSIVE:
            since = known.get(check.metric) or situation.now
            yield ProofHold(check=check, limit=limit, since=since)


def concluded(situation: Situation, report: Report) -> Report:
    """Give a report in which those pass whose hold is over, and ends so."""
    over = {
        each.check.metric: f"{each.check.message}; held for {format_duration(each.limit.after)} "
        "without a proof, and passes (holdLimit)"
        for each in proof_holds(situation, report)
        if situation.clock >= each.ends and not each.rolls_back
    }
    if not over:
        return report
    checks = (
        replace(check, verdict=Verdict.PASS, message=over[check.metric])
        if check.metric in over
        else check
        for check in report.checks
    )
    return replace(report, checks=tuple(checks))


def unproven(situation: Situation, report: Report) -> str:
    """Say whose hold is over, and ends with a rollback; empty where there is none."""
    return "; ".join(
        f"{each.check.message}; held for {format_duration(each.limit.after)} (holdLimit)"
        for each in proof_holds(situation, report)
        if situation.clock >= each.ends and each.rolls_back and not each.check.shadow
    )


def await_proof(situation: Situation, report: Report, message: str) -> Situation | None:
    """Hold the weight where nothing but metrics with a limit does; None where anything else does."""
    open_ = [each for each in report.counting if each.verdict is Verdict.INCONCLUSIVE]
    holds = [each for each in proof_holds(situation, report) if not each.check.shadow]
    if not open_ or len(holds) < len(open_):
        return None
    since, ends = min(each.since for each in holds), [each.ends for each in holds]
    deadline = min((each.ends for each in holds if each.rolls_back), default=None)
    until = None if deadline else max(ends)
    told = "; ".join(each.text for each in holds)
    said = f"waiting for a proof, at the weight as it is ({told}): {message}"
    held = situation.with_run(analysis_passed=False).end_holds(why.ANALYSIS_INCONCLUSIVE)
    held = held.wait(why.ANALYSIS_INCONCLUSIVE, said, since=since)
    held = held.at(held.stage, until=deadline or until)
    held = held.say(why.ANALYSIS_INCONCLUSIVE, said, since=since, deadline=deadline, until=until)
    if since == situation.now:
        held = held.tell("AnalysisInconclusive", f"Holding: {message}", Severity.WARN)
    return alert_unproven(held, message, since).look_again().look_no_later(min(ends))
