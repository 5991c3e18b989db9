"""Capacity: how many replicas carry all traffic on the primary, and how much its ready pods can take.

The primary's size is remembered in the status. At rest it follows the primary. From the start of a
run until all traffic is back on the primary, the primary is held at no less.
"""

from canary.api.status import Phase
from canary.core.phases import IDLE, RUNNING
from canary.core.plan import Step
from canary.core.situation import Situation
from canary.core.waits import CANARY_NOT_READY
from canary.core.weights import FULL

HALF = 2


def remember_size(situation: Situation) -> Situation:
    """Remember how many replicas carry all traffic, as long as the primary has any.

    What an autoscaler does from minute to minute is not worth a write each time: its peak is
    remembered until the primary has shrunk to half of it.
    """
    status, primary = situation.status, situation.facts.primary
    if primary is None or not primary.replicas or not status.last_promoted_spec:
        return situation
    size, known = primary.replicas, status.primary_replicas
    if not primary.scales:
        # Nodes come and go: what is there is all that there can be.
        kept = size
    elif is_held(situation):
        kept = known if known and situation.spec.autoscaler_ref else max(known, size)
    else:
        near = bool(situation.spec.autoscaler_ref) and size < known < size * HALF
        kept = known if near else size
    return situation.but(primary_replicas=kept)


def settle_size(situation: Situation) -> Situation:
    """Take the size that the primary has as a run begins for that which carries all traffic."""
    primary = situation.facts.primary
    if primary is None or not primary.replicas or is_held(situation):
        return situation
    return situation.but(primary_replicas=primary.replicas)


def is_held(situation: Situation) -> bool:
    """Tell whether the primary may not become smaller: in a run, and while the canary serves.

    At its first gate a run has not begun to need it.
    """
    status = situation.status
    served = bool(status.canary_weight) and status.phase in IDLE | {Phase.WAITING}
    return served or status.phase in RUNNING - {Phase.WAITING}


def primary_size(situation: Situation) -> int:
    """Give how many replicas the primary needs to carry all traffic."""
    facts = situation.facts
    seen = facts.primary.replicas if facts.primary else 0
    size = situation.status.primary_replicas or seen or 1
    return min(size, facts.autoscaler_maximum or size)


def can_carry_all(situation: Situation) -> bool:
    """Tell whether the primary is ready for all traffic, in as many replicas as it needs."""
    primary = situation.facts.primary
    sized = primary is not None and primary.replicas >= primary_size(situation)
    return sized and situation.primary_ready


def capacity(situation: Situation) -> int:
    """Give the percentage of all traffic that the primary's ready pods can carry."""
    if can_carry_all(situation):
        return FULL
    primary = situation.facts.primary
    available = primary.available if primary else 0
    return min(FULL, available * FULL // primary_size(situation))


def beyond_primary(situation: Situation, step: Step | None) -> int:
    """Give the percentage of all traffic that a step returns to the primary beyond its ready pods.

    0 where they can carry what the step leaves them, or it gives them no more than they have.
    """
    weights = situation.status.weights
    if step is None or weights.matched or situation.above_step:
        return 0
    left = 0 if step.matched else step.weight
    beyond = left < weights.canary and capacity(situation) < FULL - left
    return FULL - left if beyond else 0


def whole_size(situation: Situation) -> int:
    """Give how many replicas the canary needs to serve all traffic: as many as serve now."""
    primary = situation.facts.primary
    return max(primary.replicas if primary else 0, primary_size(situation))


def scales_canary(situation: Situation) -> bool:
    """Tell whether the plan says how many replicas the canary has, and nothing else decides it."""
    target, plan = situation.facts.target, situation.plan
    decided = situation.facts.by_replicas or situation.spec.autoscaler_ref is not None
    return plan.scaled and not decided and (target is None or target.scales)


def size_for(situation: Situation, weight: int) -> int:
    """Give how many replicas the canary needs for a weight of all traffic, in percent."""
    whole = whole_size(situation)
    if situation.facts.by_replicas:
        return replicas_for(whole, weight)
    return part_of(whole, weight) if scales_canary(situation) else whole


def size_at(situation: Situation, step: Step) -> int:
    """Give how many replicas the canary has at a step: as it says, and no fewer than it needs."""
    whole, scale = whole_size(situation), step.scale
    if situation.plan.scaled and situation.spec.autoscaler_ref:
        return part_of(whole, step.share)
    if scale is None or not scales_canary(situation):
        return whole
    percent = step.weight if scale.match_traffic_weight else scale.percent or 0
    return max(scale.replicas or part_of(whole, percent), part_of(whole, step.share))


def sized(situation: Situation, weight: int) -> bool:
    """Tell whether the canary has the replicas that a weight needs, where tidegate scales it."""
    return _has(situation, size_for(situation, weight))


def sized_at(situation: Situation, step: Step) -> bool:
    """Tell whether the canary has the replicas of a step, where its plan says how many.

    Where an autoscaler says it, the first traffic needs them, for as long as it is waited for.
    """
    if is_fed_first(situation, step) and not _awaited_enough(situation):
        return _enough(situation, size_at(situation, step))
    return situation.facts.by_replicas or _has(situation, size_at(situation, step))


def is_fed_first(situation: Situation, step: Step) -> bool:
    """Tell whether a step gives its first traffic to a canary that an autoscaler may have shrunk.

    It had the pods for that from its start, and nothing to do since.
    """
    scaled = situation.spec.autoscaler_ref is not None and not situation.facts.by_replicas
    idle = situation.begun and not situation.status.canary_weight
    target = situation.facts.target
    return scaled and idle and step.weight > 0 and target is not None and target.scales


def _awaited_enough(situation: Situation) -> bool:
    """Tell whether the canary has had an interval to get the pods of the step that it goes to.

    An autoscaler that takes them again is not fought for longer.
    """
    run = situation.current_run
    due = run.next_analysis_at
    awaited = run.next_step is not None and situation.held_by(CANARY_NOT_READY)
    return awaited and due is not None and situation.now >= due


def _has(situation: Situation, replicas: int) -> bool:
    decided = situation.facts.by_replicas or scales_canary(situation)
    return not decided or _enough(situation, replicas)


def _enough(situation: Situation, replicas: int) -> bool:
    target = situation.facts.target
    return target is not None and target.replicas >= replicas


def part_of(whole: int, percent: int) -> int:
    """Give the replicas that a percentage of so many comes to, rounded up, and one at least."""
    return max(-(-whole * percent // FULL), 1)


def replicas_for(whole: int, weight: int) -> int:
    """Give the replicas whose share beside a primary of so many comes nearest to a weight.

    One at least, so that a small weight is exceeded; otherwise the weight is not. Never more than
    the primary has: a weight above half is half, until the canary serves all traffic.
    """
    if HALF * weight >= FULL:
        return whole
    return max(whole * weight // (FULL - weight), 1)


def possible_weight(whole: int, weight: int) -> int:
    """Give the percentage that these replicas make of a weight; none and all are exact."""
    if weight in {0, FULL}:
        return weight
    return share_of(replicas_for(whole, weight), whole)


def share_of(canary: int, primary: int) -> int:
    """Give the percentage that pods of the canary are of all; 0 where there is none."""
    return round(FULL * canary / (canary + primary)) if canary else 0
