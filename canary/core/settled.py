"""When a decision is followed by no other: its own writes leave nothing to decide.

After a write the Canary is otherwise decided again at once, as the write may allow the next step.
While pods must come up first, the next analysis is not due, or a run has just ended, it allows
nothing: their events wake the Canary, or the clock does. That is said only where all else is as it
should be.
"""

from collections.abc import Sequence

from canary.api.status import Phase, Stage
from canary.core.actions import (
    Action,
    EnsureAutoscaler,
    EnsurePrimary,
    EnsureServices,
    HoldFinalizer,
    PauseAutoscaler,
    RouteTraffic,
    ScaleTarget,
)
from canary.core.capacity import can_carry_all
from canary.core.revision import current_revision
from canary.core.situation import Situation

_ALLOWS_NOTHING = EnsureAutoscaler | EnsureServices | HoldFinalizer | PauseAutoscaler | RouteTraffic


def settled(situation: Situation, actions: Sequence[Action]) -> bool:
    """Tell whether only time, or what is not written here, can change what was decided."""
    if not _is_sound(situation) or not all(_allows_nothing(situation, each) for each in actions):
        return False
    match situation.status.phase, situation.stage:
        case Phase.PROGRESSING, Stage.FILLING:
            return _is_parked(situation)
        case Phase.PROGRESSING, Stage.ANALYSING:
            return _awaits_analysis(situation)
        case Phase.PROMOTING, Stage.UPDATING:
            return _will_roll(situation)
        case Phase.SUCCEEDED, None:
            return _keeps_revision(situation)
        case _:
            return False


def _is_sound(situation: Situation) -> bool:
    """Tell whether the primary serves, and nothing stands in the way or was changed by others."""
    facts, status = situation.facts, situation.status
    changed = facts.drifts or status.repairs or status.former_names
    odd = facts.obstacle or facts.refusal or changed or (facts.routed and facts.routed.pending)
    special = facts.deleting or facts.by_replicas or facts.ordinals or facts.routed is None
    return can_carry_all(situation) and not odd and not special


def _allows_nothing(situation: Situation, action: Action) -> bool:
    """Tell whether a write leaves all that is decided as it is; to resize what has pods may not."""
    primary = situation.facts.primary
    if isinstance(action, ScaleTarget):
        # Between runs a target is only parked, and its event tells when that is done.
        return _is_parked(situation) or situation.status.phase is Phase.SUCCEEDED
    if isinstance(action, EnsurePrimary):
        return primary is not None and action.replicas == primary.replicas
    return isinstance(action, _ALLOWS_NOTHING)


def _is_parked(situation: Situation) -> bool:
    """Tell whether the canary is still to be given its first pods."""
    target = situation.facts.target
    return target is not None and not target.replicas and not situation.begun


def _awaits_analysis(situation: Situation) -> bool:
    """Tell whether the traffic is that of the step, no other step is bound, and the canary is ready."""
    run = situation.current_run
    due = run.next_analysis_at
    moves = situation.above_step or situation.below_step or run.next_step is not None
    return situation.target_ready and not moves and due is not None and situation.now < due


def _will_roll(situation: Situation) -> bool:
    """Tell whether the primary is still to be given the revision, so that its pods are replaced."""
    primary = situation.facts.primary
    if primary is None or primary.strategy.at_once:
        return False
    return primary.revision != situation.status.last_applied_spec


def _keeps_revision(situation: Situation) -> bool:
    """Tell whether the target has nothing newer than what was promoted, and the route is at rest.

    A route that takes conditions of requests back may need several writes.
    """
    revision, routed = current_revision(situation.status, situation.facts), situation.facts.routed
    rests = routed is not None and not routed.matched and routed.does(situation.intended)
    return rests and revision is not None and revision.id == situation.status.last_promoted_spec
