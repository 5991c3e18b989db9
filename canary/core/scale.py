"""How many replicas the canary has, and what is said where that is not tidegate's to decide.

Rule 1: without `canaryScale` and `scale` the canary can take every weight of the plan from its start.
Rule 2: with them it has what its step says, and no fewer than the traffic that it has needs.
Rule 3: it is given the replicas of the next step before the traffic of that step, and loses none
while it serves.
Rule 4: where an autoscaler has a say, it is left to it once the canary has begun; a canary that had no
traffic is given the pods for its first one again, once, as they may have been taken meanwhile.
"""

from collections.abc import Iterator
from dataclasses import replace

from canary.api.shown import shown
from canary.api.status import Phase
from canary.core.capacity import (
    is_fed_first,
    part_of,
    scales_canary,
    size_at,
    size_for,
    sized_at,
    whole_size,
)
from canary.core.names import formers_reach_canary
from canary.core.relief import still_serves
from canary.core.shares import size_of_share
from canary.core.situation import Situation
from canary.core.traffic import Seen
from canary.errors import SpecWarning

_STEPS = frozenset({Phase.PROGRESSING, Phase.WAITING_PROMOTION})


def canary_size(situation: Situation) -> int | None:
    """Give how many replicas the canary must have now; None where it may keep those that it has."""
    status, facts = situation.status, situation.facts
    parked = facts.target is None or not facts.target.replicas
    scales = scales_canary(situation)
    if not facts.by_replicas and not scales:
        return _whole_from_the_start(situation) if parked else _for_first_traffic(situation)
    # What serves all traffic loses no pod, even where its user gave it more than a step needs.
    alone = situation.intended.spares_primary or (facts.routed or Seen()).spares_primary()
    keeps = scales or alone or formers_reach_canary(situation)
    present = facts.target.replicas if facts.target and keeps else 0
    if still_serves(situation):
        return max(whole_size(situation), present)
    serves = status.phase in _STEPS or (status.phase is Phase.PROMOTING and status.canary_weight)
    if not parked and not serves:
        return None
    return max(_of_its_steps(situation) if scales else size_of_share(situation), present)


def _whole_from_the_start(situation: Situation) -> int:
    least, first = situation.facts.autoscaler_minimum or 1, situation.next_step
    if situation.plan.scaled and situation.spec.autoscaler_ref and first is not None:
        return max(part_of(whole_size(situation), first.share), least)
    return max(whole_size(situation), least)


def goes_to_first_traffic(situation: Situation) -> bool:
    """Tell whether a canary that an autoscaler may have shrunk waits for its first traffic."""
    step, bound = situation.next_step, situation.current_run.next_step is not None
    return bound and step is not None and is_fed_first(situation, step)


def _for_first_traffic(situation: Situation) -> int | None:
    step = situation.next_step
    if step is None or not goes_to_first_traffic(situation) or sized_at(situation, step):
        return None
    return size_at(situation, step)


def _of_its_steps(situation: Situation) -> int:
    """Give what the canary needs for its step, for the one that it goes to, and for what it carries."""
    status, bound = situation.status, situation.current_run.next_step is not None
    step = situation.step
    steps = (step, situation.next_step if bound or step is None else None)
    carried = 0 if status.weights.matched else status.canary_weight
    sizes = [size_at(situation, each) for each in steps if each is not None]
    return max([size_for(situation, carried), *sizes])


def warn_of_scale(situation: Situation) -> Situation:
    """Add to what the spec is warned of a scale that something else decides."""
    if not situation.plan.scaled or scales_canary(situation):
        return situation
    reference, facts = situation.spec.autoscaler_ref, situation.facts
    effect = "ignored: the cluster decides how many pods the target has"
    if facts.by_replicas:
        effect = "ignored: the weight decides how many replicas the canary has"
    elif reference is not None:
        least = facts.autoscaler_minimum or 1
        effect = (
            f"{reference.kind} {reference.name} scales the canary: it starts with {least} replicas, "
            "or as many as its first weight needs"
        )
    warnings = (SpecWarning(field, shown(value), effect) for field, value in _written(situation))
    return replace(situation, facts=replace(facts, warnings=(*facts.warnings, *warnings)))


def _written(situation: Situation) -> Iterator[tuple[str, object]]:
    """Name the fields that say how many replicas the canary has."""
    analysis = situation.spec.analysis
    if analysis.canary_scale:
        yield "spec.analysis.canaryScale", analysis.canary_scale
    for index, step in enumerate(analysis.steps or ()):
        if step.scale:
            yield f"spec.analysis.steps[{index}].scale", step.scale
