"""Traffic that returns to the primary in parts: after a rollback, and before a newer revision.

A part lasts an interval from the moment at which its route has given it.
"""

from datetime import datetime

from canary.api.status import Outcome, Phase, Stage
from canary.core import waits as why
from canary.core.situation import STEPPING, Situation
from canary.core.weights import FULL


def back_due(situation: Situation) -> datetime | None:
    """Tell when the next part of the traffic returns to the primary; None where all may at once.

    It returns in parts after a rollback, and before the canary gets a newer revision.
    """
    moved = situation.status.step_started_at
    if moved is None or not situation.status.canary_weight:
        return None
    parted = in_parts(situation, pace(situation))
    return moved + situation.spec.analysis.interval if parted else None


def await_part(situation: Situation, message: str) -> Situation | None:
    """Wait for the next part of the traffic to return, and say when that is; None where none is due.

    A part that its route has not given yet is waited for without an end, so that a decision after
    an outage knows that it came late.
    """
    due = back_due(situation)
    if due is None:
        return None
    if due > situation.now:
        waiting = situation.wait(why.TRAFFIC_RETURNING, message).at(Stage.RETURNING, until=due)
        return waiting.say(why.TRAFFIC_RETURNING, message, until=due)
    if not route_lags(situation):
        return None
    share = situation.share(FULL - situation.status.canary_weight)
    late = f"waiting for the route to send {share} to {situation.spec.primary_name}"
    return situation.wait(why.TRAFFIC_RETURNING, situation.obstructed(situation.untaken(late)))


def rolled_back(situation: Situation) -> bool:
    """Tell whether the canary runs what was rolled back, and has traffic for want of another side."""
    status = situation.status
    ended = status.history[0].outcome if status.history else ""
    return status.phase is Phase.FAILED and ended == Outcome.ROLLED_BACK


def route_lags(situation: Situation) -> bool:
    """Tell whether the route still gives the canary what has returned to the primary since."""
    routed = situation.facts.routed
    return routed is not None and routed.weight > situation.status.canary_weight


def came_late(situation: Situation) -> bool:
    """Tell whether the route gave the last part later than its time."""
    stage = situation.status.stage
    return stage is not None and stage.name is Stage.RETURNING and stage.until is None


def pace(situation: Situation) -> int:
    """Give the percentage that returns at once, and at each interval after that."""
    if rolled_back(situation):
        return situation.plan.retreat
    if not keeps_former(situation) or situation.status.phase not in STEPPING:
        return FULL
    return FULL if situation.begun else situation.plan.restart


def keeps_former(situation: Situation) -> bool:
    """Tell whether the canary beside a kept target still has the pods of another revision."""
    target = situation.facts.target
    return situation.facts.kept and target is not None and target.serves and not target.observed


def in_parts(situation: Situation, part: int) -> bool:
    """Tell whether traffic returns in parts: both sides serve, and no pod fails.

    Which requests match a step of its own is known to its run alone: they return at once.
    """
    forgotten = situation.status.weights.matched and not situation.spec.analysis.match
    if part == FULL or forgotten:
        return False
    target = situation.facts.target
    sound = target is not None and target.serves and target.trouble is None
    splits = situation.facts.splits and situation.primary_serves
    return sound and splits


def weight_after(situation: Situation, part: int) -> int:
    """Give the weight that the canary has after one part more has returned."""
    return max(situation.status.canary_weight - part, 0)
