"""Where traffic may rest: never on a side without a ready pod while the other side has one.

Rule 1: a side that has lost its last ready pod gives its traffic up at once, in every phase.
Rule 2: in a run the weight of the step is remembered, and comes back with the side.
Rule 3: a rollback moves at once what the primary's ready pods can carry, and the rest as more of
them become ready. Whatever else goes to a side waits until that side is ready, and its proxies know it.
"""

from canary.api.status import Outcome, Phase, Severity
from canary.core import waits as why
from canary.core.capacity import can_carry_all, capacity
from canary.core.parts import (
    back_due,
    came_late,
    in_parts,
    keeps_former,
    pace,
    route_lags,
    weight_after,
)
from canary.core.phases import IDLE
from canary.core.propagation import known, note_returning, returning
from canary.core.relief import will_be_updated
from canary.core.revision import current_revision
from canary.core.situation import STEPPING, Situation
from canary.core.subsets import unlabelled
from canary.core.weights import FULL

_HOME_IS_PRIMARY = IDLE | {Phase.FINALISING}
"""Phases in which the canary has traffic only for want of a primary that can carry it."""


def place(situation: Situation) -> Situation:
    """Take traffic off a side that cannot serve, and give it back when the side is ready."""
    placed = _placed(situation)
    return note_returning(placed, comes_back=returns_unknown(placed))


def returns_unknown(situation: Situation) -> bool:
    """Tell whether the primary could have traffic back that the canary carries for it, but for proxies.

    They have yet to learn of its pods.
    """
    if not _above_at_home(situation) or returning(situation):
        return False
    return _restored_primary(situation) is not situation


def _placed(situation: Situation) -> Situation:
    status, weight = situation.status, situation.status.canary_weight
    initialising = status.phase is Phase.INITIALIZING and situation.facts.routed is not None
    if not initialising and not status.last_promoted_spec:
        return situation
    if situation.canary_alone and (not situation.carries_all or _untold(situation)):
        return _to_canary(situation)
    exposed = weight or status.weights.mirror
    if exposed and situation.primary_serves and not situation.target_serves:
        return _to_primary(situation)
    if status.phase in STEPPING and situation.below_step:
        back = situation.target_ready and known(situation)
        return _restore_canary(situation) if back else situation
    back = _above_at_home(situation) and returning(situation)
    return _restored_primary(situation) if back else situation


def _above_at_home(situation: Situation) -> bool:
    """Tell whether the canary carries more than its step has in a phase in which that goes back."""
    at_home = situation.status.phase in STEPPING | _HOME_IS_PRIMARY
    return at_home and situation.above_step


def _untold(situation: Situation) -> bool:
    """Tell whether a run has lost its primary, and that was not reported."""
    return situation.status.phase in STEPPING and not situation.held_by(why.PRIMARY_NOT_READY)


def withdraw(situation: Situation, *, replaced: bool = False) -> Situation:
    """Move the canary's traffic to the primary as far as its ready pods can carry it.

    All of it where the canary has no ready pod, or where its pods are `replaced` all at once. What
    stays follows as the primary's pods become ready.
    """
    return situation.carry(_left(situation, replaced=replaced), step=0)


def retreat(situation: Situation) -> Situation:
    """Withdraw from a canary that was judged sick, as fast as the plan says."""
    return _withdraw_by(situation, situation.plan.retreat)


def lead_back(situation: Situation, before: Situation) -> Situation:
    """Withdraw from a canary that a newer revision takes the place of; `before` had the older one.

    A canary beside a kept target keeps its pods until its traffic has left, which may take its time.
    One that was on its way back already gives back no more for that.
    """
    if not keeps_former(situation):
        return withdraw_from_replaced(situation)
    if back_due(before) is not None:
        return situation.carry(situation.status.canary_weight, step=0)
    return _withdraw_by(situation, situation.plan.restart)


def _withdraw_by(situation: Situation, part: int) -> Situation:
    left = _left(situation, replaced=False)
    kept = weight_after(situation, part) if in_parts(situation, part) else 0
    return situation.carry(max(left, kept), step=0)


def withdraw_from_replaced(situation: Situation) -> Situation:
    """Withdraw from a canary whose pods are being replaced by those of another revision."""
    target = situation.facts.target
    replaced = target is not None and target.strategy.leaves_none(target.replicas)
    return withdraw(situation, replaced=replaced)


def _left(situation: Situation, *, replaced: bool) -> int:
    if not situation.primary_serves:
        return FULL if situation.target_serves else 0
    if replaced or not situation.target_serves:
        return 0
    return _excess(situation)


def _excess(situation: Situation) -> int:
    """Give the percentage of all traffic that stays on the canary for want of the primary's pods.

    Traffic that cannot be split stays as a whole.
    """
    weight, short = situation.status.canary_weight, FULL - capacity(situation)
    if not situation.facts.splits:
        return weight if short else 0
    return min(weight, short)


def _to_canary(situation: Situation) -> Situation:
    first = not situation.held_by(why.PRIMARY_NOT_READY)
    message = (
        f"{situation.spec.primary_name} has no ready pod: {situation.canary_name} serves all "
        "traffic until the primary is ready"
    )
    moved = _noted(situation, why.PRIMARY_NOT_READY).carry_all()
    return moved.tell("PrimaryNotServing", message, Severity.ERROR, alert=first)


def _to_primary(situation: Situation) -> Situation:
    first = not situation.held_by(why.CANARY_NOT_READY)
    fault = unlabelled(situation) or f"{situation.canary_name} has no ready pod"
    message = f"{fault}: the primary serves all traffic"
    if situation.status.phase in STEPPING and situation.step_weight:
        message = f"{message}; {situation.step_weight} % comes back when the canary is ready"
    moved = _noted(situation, why.CANARY_NOT_READY).carry(0)
    return moved.tell("CanaryNotServing", message, Severity.WARN, alert=first)


def _noted(situation: Situation, reason: str) -> Situation:
    """Note in a run that a side is lost: its flapping is one episode, and is alerted once."""
    return situation.note_hold(reason) if situation.status.phase in STEPPING else situation


def _restore_canary(situation: Situation) -> Situation:
    weight = situation.step_weight
    back = f"its weight is back at {weight} %" if weight else "requests are mirrored to it again"
    message = f"{situation.canary_name} is ready again: {back}"
    restored = situation.resume(weight).with_run(analysis_passed=False).look_again()
    if restored.status.phase is not Phase.WAITING:
        restored = restored.wait(why.ANALYSIS_DUE, f"the analysis at {weight} %")
    return restored.tell("TrafficRestored", message)


def _restored_primary(situation: Situation) -> Situation:
    """Give the primary its traffic back once it is ready.

    What the canary was never let have goes back before that, as fast as it can be carried.
    """
    weight, step = situation.status.canary_weight, situation.step_weight
    if will_be_updated(situation) or _came_up_late(situation):
        return situation
    due = back_due(situation)
    if due is not None:
        if situation.now < due or route_lags(situation):
            return situation
        # A part that came late is given its time before the next one.
        late = came_late(situation)
        return situation.but(step_started_at=situation.now) if late else _go_back(situation)
    if can_carry_all(situation):
        message = f"The primary is ready again and serves {_given_back(situation)}"
        first = _is_first_loss(situation)
        return situation.resume(step).tell("TrafficReturned", message, alert=first)
    left = weight if step or _sound(situation) else _excess(situation)
    if left == weight:
        return situation
    message = f"The primary's ready pods take {situation.share(FULL - left)}"
    return situation.carry(left).tell("TrafficReturning", message)


def _go_back(situation: Situation) -> Situation:
    left = max(_excess(situation), weight_after(situation, pace(situation)))
    if left == situation.status.canary_weight:
        return situation
    why_so = "after the rollback"
    if situation.status.phase in STEPPING:
        why_so = f"before {situation.canary_name} gets the newer revision"
    message = f"Weight of the primary advanced to {FULL - left} % {why_so}"
    return situation.carry(left).tell("TrafficReturning", message)


def _given_back(situation: Situation) -> str:
    """Say what the primary serves once the canary has no more than its step."""
    weight, step = situation.step_weight, situation.step
    if step is not None and step.matched:
        some = f"all but {weight} % of the requests that match"
        return "the requests that do not match" if weight == FULL else some
    return f"{FULL - weight} % of the traffic" if weight else "all traffic"


def _is_first_loss(situation: Situation) -> bool:
    """Tell whether the primary was lost no more than once in this episode of a run."""
    run, moved = situation.status.run, situation.status.step_started_at
    holds = run.holds if run else ()
    return not any(
        hold.reason == why.PRIMARY_NOT_READY and moved is not None and hold.since < moved
        for hold in holds
    )


def _came_up_late(situation: Situation) -> bool:
    """Tell whether the primary still has what it could not be promoted to: it may be finished."""
    status, primary = situation.status, situation.facts.primary
    promoted = primary is not None and primary.revision == status.last_applied_spec
    return status.phase is Phase.FAILED and promoted and _sound(situation)


def _sound(situation: Situation) -> bool:
    """Tell whether the canary runs what has passed its analysis."""
    status = situation.status
    revision = current_revision(status, situation.facts)
    analysed = revision is not None and revision.id == status.last_applied_spec
    if status.phase is Phase.FINALISING:
        return analysed
    ended = status.history[0].outcome if status.history else ""
    return analysed and status.phase is Phase.FAILED and ended == Outcome.PROMOTION_FAILED
