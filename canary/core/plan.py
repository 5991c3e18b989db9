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
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from hashlib import blake2b

from canary.api.analysis_spec import Analysis
from canary.core.weights import FULL

_DIGEST_BYTES = 8


class Gate(StrEnum):
    """What is asked before a step, or before the promotion."""

    TRAFFIC = "traffic"
    PROMOTION = "promotion"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What the canary gets, and for how long."""

    weight: int = 0
    """Percent of the requests that take part."""
    matched: bool = False
    """Whether only the requests that `analysis.match` describes take part."""
    mirror: int = 0
    """Percent of the primary's requests that the canary gets a copy of."""
    passes: int = 1
    """How many analyses must pass before the next step."""
    gate: Gate | None = Gate.TRAFFIC
    """What is asked before this step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The steps of a run, and the way back."""

    steps: tuple[Step, ...]
    way_back: int = FULL
    """Percent by which traffic returns to the promoted primary."""
    gates: tuple[Gate, ...] = (Gate.TRAFFIC, Gate.PROMOTION)
    """What is asked after the last step, before the promotion."""

    @property
    def digest(self) -> str:
        """Tells this plan from others, so that an edit during a run is noticed."""
        return _digest(self.steps)

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
        """Find the last step whose traffic is no more than this, by its number; 0 without one.

        All requests are more than some requests, whatever their weights.
        """
        numbers = (
            number
            for number, step in enumerate(self.steps, 1)
            if not step.weight or (step.weight <= weight and (step.matched or not matched))
        )
        return max(numbers, default=0)

    def back(self, weight: int) -> int:
        """Give the next weight while traffic returns to the promoted primary."""
        return max(weight - self.way_back, 0)


def plan(analysis: Analysis) -> Plan:
    """Turn the shorthand of a spec into the plan of its runs."""
    mirror = FULL if analysis.mirror_weight is None else analysis.mirror_weight
    return _plan(
        weights=_weights(analysis),
        iterations=analysis.iterations or 0,
        matched=bool(analysis.match),
        mirror=mirror if analysis.mirror else 0,
        way_back=analysis.step_weight_promotion or FULL,
    )


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


@lru_cache(maxsize=1024)
def _plan(
    *, weights: tuple[int, ...], iterations: int, matched: bool, mirror: int, way_back: int
) -> Plan:
    if not iterations:
        steps = _weighted(weights, matched=matched, mirror=mirror)
        return Plan(steps=tuple(steps), way_back=way_back)
    if matched:
        step = Step(weight=FULL, matched=True, passes=iterations, gate=None)
        return Plan(steps=(step,), way_back=way_back, gates=(Gate.PROMOTION,))
    beside = Step(mirror=mirror, passes=iterations, gate=None)
    switch = Step(weight=FULL, gate=Gate.PROMOTION)
    return Plan(steps=(beside, switch), way_back=way_back, gates=())


def _weighted(weights: tuple[int, ...], *, matched: bool, mirror: int) -> Iterator[Step]:
    if mirror:
        yield Step(mirror=mirror, gate=None)
    for weight in weights:
        yield Step(weight=weight, matched=matched)


@lru_cache(maxsize=1024)
def _digest(steps: tuple[Step, ...]) -> str:
    return blake2b(repr(steps).encode(), digest_size=_DIGEST_BYTES).hexdigest()
