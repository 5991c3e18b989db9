"""The plan of a run: its steps, as the spec asks for them.

The one place of the core that reads how `spec.analysis` moves traffic. Every shorthand of the spec
comes to steps, so a strategy is a list of steps and no branch elsewhere:

- `stepWeight` and `stepWeights`: a step for each weight.
- `match` with these: the same steps, among the requests that match.
- `match` with `iterations` (A/B): one step, which gives the canary all requests that match, for as
  many passes.
- `iterations` alone (blue/green): a step without traffic for as many passes, then, behind the
  promotion gate, a step with all traffic.
- `mirror` with weights: a step in front that mirrors. With blue/green the step without traffic
  mirrors.
- `steps`: themselves.
- `bakeTime`: a step at the end with the traffic of the last one, which lasts.
- `advanceOnProof`: every step but the bake may end early.
- `canaryScale`: the replicas of every step that names none.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from functools import cached_property
from hashlib import blake2b
from itertools import takewhile

from canary.api.analysis_spec import Analysis
from canary.api.metrics import MetricSpec
from canary.api.people import Webhook
from canary.api.scale import CanaryScale
from canary.api.steps import AnalysisStep
from canary.api.traffic import HttpMatch
from canary.core.weights import FULL

_DIGEST_BYTES = 8
_PLANS_KEPT = 128


class Gate(StrEnum):
    """What is asked before a step, or before the promotion."""

    TRAFFIC = "traffic"
    PROMOTION = "promotion"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What the canary gets, for how long, and what must hold meanwhile."""

    name: str = ""
    weight: int = 0
    """Percent of the requests that take part."""
    match: tuple[HttpMatch, ...] = ()
    """The requests that take part; all where empty."""
    mirror: int = 0
    """Percent of the primary's requests that the canary gets a copy of."""
    passes: int = 1
    """How many analyses must pass before the next step."""
    lasts: timedelta = timedelta(0)
    """The shortest time between this step and the next."""
    early: bool = False
    """Whether it ends before its passes and time once all that is judged is proven harmless."""
    gate: Gate | None = Gate.TRAFFIC
    """What is asked before this step."""
    approval: bool = False
    """Whether a person must approve the end of this step."""
    scale: CanaryScale | None = None
    """How many replicas the canary has; as many as the primary where that is open."""
    metrics: tuple[MetricSpec, ...] = ()
    """What is judged in this step only."""
    hooks: tuple[Webhook, ...] = ()
    """What is called in this step only."""

    @property
    def matched(self) -> bool:
        """Whether only some of the requests take part."""
        return bool(self.match)

    @property
    def requests(self) -> str:
        """Tells the requests that take part from those of other steps; empty where all do."""
        return _digest(_conditions(self)) if self.match else ""

    @property
    def share(self) -> int:
        """Percent of all traffic that the canary gets, with copies; 0 where only some take part.

        How many requests match is not known.
        """
        return 0 if self.match else min(self.weight + self.mirror, FULL)

    def exceeds(self, weight: int, *, matched: bool) -> bool:
        """Tell whether the canary gets more than this, here.

        All requests are more than some requests, whatever their weights.
        """
        wider = matched and not self.matched
        return self.weight > weight or (bool(self.weight) and wider)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The steps of a run, and the way back."""

    steps: tuple[Step, ...]
    way_back: int = FULL
    """Percent by which traffic returns to the promoted primary."""
    retreat: int = FULL
    """Percent by which traffic returns to the primary after a rollback."""
    restart: int = FULL
    """Percent by which traffic returns to the primary from a canary that another revision replaces."""
    gates: tuple[Gate, ...] = (Gate.TRAFFIC, Gate.PROMOTION)
    """What is asked after the last step, before the promotion."""

    @cached_property
    def digest(self) -> str:
        """Tells this plan from others, so that an edit during a run is noticed."""
        return self.digest_to(len(self.steps))

    def digest_to(self, number: int) -> str:
        """Tell the steps up to one from those of other plans.

        What a step asks of metrics, hooks and replicas is no part of it, nor whether it may end early:
        that is read from the spec whenever it matters.
        """
        return _digest([_said(step) for step in self.steps[:number]])

    @property
    def scaled(self) -> bool:
        """Whether the canary has other replicas than the primary in any step."""
        return any(step.scale for step in self.steps)

    @property
    def weights(self) -> tuple[int, ...]:
        """The canary's weights, step by step."""
        return tuple(step.weight for step in self.steps)

    def step(self, number: int) -> Step | None:
        """Give a step by its number, counted from 1; None before the first and after the last."""
        return self.steps[number - 1] if 0 < number <= len(self.steps) else None

    def reached(self, weight: int) -> int:
        """Find the last step that a weight has come to, by its number; 0 without traffic."""
        numbers = (n for n, step in enumerate(self.steps, 1) if 0 < step.weight <= weight)
        return max(numbers, default=0)

    def place(self, weight: int, *, matched: bool) -> int:
        """Find the last step before the first whose traffic is more than this, by its number.

        0 where that is the first one.
        """
        reached = takewhile(lambda step: not step.exceeds(weight, matched=matched), self.steps)
        return sum(1 for _ in reached)

    def back(self, weight: int) -> int:
        """Give the next weight while traffic returns to the promoted primary."""
        return max(weight - self.way_back, 0)


_PLANS: dict[int, tuple[Analysis, Plan]] = {}
"""The plans of the specs that are decided on now: a decision asks for its plan several times."""


def plan(analysis: Analysis) -> Plan:
    """Turn the steps of a spec, or their shorthand, into the plan of its runs."""
    known = _PLANS.get(id(analysis))
    if known is not None and known[0] is analysis:
        return known[1]
    if len(_PLANS) == _PLANS_KEPT:
        _PLANS.clear()
    made = _planned(analysis)
    _PLANS[id(analysis)] = analysis, made
    return made


def _planned(analysis: Analysis) -> Plan:
    planned = _without_bake(analysis)
    steps = tuple(replace(step, early=analysis.advance_on_proof) for step in planned.steps)
    last = steps[-1]
    if analysis.bake_time:
        bake = Step(
            name="bake",
            weight=last.weight,
            match=last.match,
            lasts=analysis.bake_time,
            gate=None,
            scale=last.scale,
        )
        steps = (*steps, bake)
    if analysis.canary_scale:
        steps = tuple(replace(step, scale=step.scale or analysis.canary_scale) for step in steps)
    return replace(
        planned,
        steps=steps,
        retreat=analysis.step_weight_rollback or FULL,
        restart=analysis.step_weight_restart or FULL,
    )


def _without_bake(analysis: Analysis) -> Plan:
    way_back = analysis.step_weight_promotion or FULL
    if analysis.steps:
        return Plan(steps=tuple(map(_listed, analysis.steps)), way_back=way_back)
    if not analysis.iterations:
        return Plan(steps=tuple(_weighted(analysis)), way_back=way_back)
    if analysis.match:
        step = Step(weight=FULL, match=analysis.match, passes=analysis.iterations, gate=None)
        return Plan(steps=(step,), way_back=way_back, gates=(Gate.PROMOTION,))
    beside = Step(mirror=_mirror(analysis), passes=analysis.iterations, gate=None)
    switch = Step(weight=FULL, gate=Gate.PROMOTION)
    return Plan(steps=(beside, switch), way_back=way_back, gates=())


def _listed(step: AnalysisStep) -> Step:
    return Step(
        name=step.name or "",
        weight=step.weight,
        match=step.match,
        mirror=step.mirror,
        scale=step.scale,
        passes=step.passes,
        lasts=step.duration,
        gate=Gate.TRAFFIC if step.weight else None,
        approval=step.approval,
        metrics=step.metrics,
        hooks=step.webhooks,
    )


def _weighted(analysis: Analysis) -> Iterator[Step]:
    if mirror := _mirror(analysis):
        yield Step(mirror=mirror, gate=None)
    for weight in _weights(analysis):
        yield Step(weight=weight, match=analysis.match)


def _mirror(analysis: Analysis) -> int:
    """Give the percentage of the requests that are copied before the canary gets any."""
    if not analysis.mirror:
        return 0
    return FULL if analysis.mirror_weight is None else analysis.mirror_weight


def _weights(analysis: Analysis) -> tuple[int, ...]:
    """List the weights of the steps.

    With `stepWeight` the last step may overshoot `maxWeight`, as users of the field know it:
    steps of 20 up to 50 are 20, 40, 60.
    """
    if analysis.step_weights:
        return tuple(analysis.step_weights)
    step, last = analysis.step_weight or FULL, analysis.max_weight or FULL
    weights = [min(step, FULL)]
    while weights[-1] < min(last, FULL):
        weights.append(min(weights[-1] + step, FULL))
    return tuple(weights)


def _digest(said: object) -> str:
    written = json.dumps(said, sort_keys=True)
    return blake2b(written.encode(), digest_size=_DIGEST_BYTES).hexdigest()


def _conditions(step: Step) -> list[dict[str, object]]:
    return [
        each.model_dump(mode="json", by_alias=True, exclude_defaults=True) for each in step.match
    ]


def _said(step: Step) -> dict[str, object]:
    """Say in JSON what a step intends, without what is left at its default."""
    said = {
        "name": step.name,
        "weight": step.weight,
        "match": _conditions(step),
        "mirror": step.mirror,
        "passes": step.passes,
        "lasts": step.lasts.total_seconds(),
        "gate": step.gate,
        "approval": step.approval,
    }
    return {name: value for name, value in said.items() if value}
