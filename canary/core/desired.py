"""What must be true of the cluster, as a function of spec, status and facts."""

from collections.abc import Iterator

from canary.api.status import Phase
from canary.core.actions import (
    Action,
    ClearCommands,
    EnsureAutoscaler,
    EnsurePrimary,
    EnsureServices,
    HoldFinalizer,
    RestoreRoutes,
    RouteTraffic,
    ScalePrimary,
    ScaleTarget,
    Side,
)
from canary.core.conditions import (
    DRAINING,
    RESTORING,
    ROUTING,
    TARGET_NOT_READY,
    TERMINATION_BLOCKED,
)
from canary.core.phases import IDLE
from canary.core.situation import Situation
from canary.core.weights import Split

_PROMOTED = frozenset({Phase.PROMOTING, Phase.FINALISING})


def desired(situation: Situation) -> tuple[Action, ...]:
    """List what must be true of the cluster, in the order in which it is to be made true."""
    if situation.facts.deleting:
        return tuple(_while_terminating(situation))
    if situation.spec.suspend:
        return tuple(_clear_commands(situation))
    if situation.status.phase is Phase.INITIALIZING:
        return tuple(_while_initializing(situation))
    return tuple(_while_served(situation))


def _clear_commands(situation: Situation) -> Iterator[Action]:
    if situation.facts.commands:
        yield ClearCommands(verbs=tuple(command.verb for command in situation.facts.commands))


def _while_terminating(situation: Situation) -> Iterator[Action]:
    facts, spec = situation.facts, situation.spec
    if not facts.has_finalizer:
        return
    if facts.target is None or not spec.reverts_on_deletion:
        yield HoldFinalizer(present=False)
        return
    if facts.target.replicas == 0:
        yield ScaleTarget(replicas=max(facts.primary.replicas if facts.primary else 1, 1))
    if situation.waits_for(TARGET_NOT_READY) or situation.waits_for(TERMINATION_BLOCKED):
        return
    yield EnsureServices(apex=Side.TARGET)
    yield RestoreRoutes()
    if not situation.waits_for(RESTORING) and not situation.waits_for(DRAINING):
        yield HoldFinalizer(present=False)


def _while_initializing(situation: Situation) -> Iterator[Action]:
    status, spec = situation.status, situation.spec
    yield HoldFinalizer(present=spec.reverts_on_deletion)
    yield from _clear_commands(situation)
    if not status.last_applied_spec:
        return
    # The apex service is created last: before there is a primary, its clients have a service of
    # their own, or none.
    yield EnsurePrimary(revision=status.last_applied_spec)
    if spec.autoscaler_ref:
        yield EnsureAutoscaler()
    switching = situation.waits_for(ROUTING) or situation.waits_for(DRAINING)
    yield EnsureServices(apex=Side.PRIMARY if switching else None)
    if switching:
        yield RouteTraffic(split=_intended(situation))


def _while_served(situation: Situation) -> Iterator[Action]:
    status, spec = situation.status, situation.spec
    yield HoldFinalizer(present=spec.reverts_on_deletion)
    yield from _clear_commands(situation)
    if not status.last_promoted_spec:
        # Nothing was ever promoted: the target serves as it did before tidegate.
        return
    promoting = status.phase in _PROMOTED or _promotion_failed(situation)
    yield EnsurePrimary(
        revision=status.last_applied_spec if promoting else status.last_promoted_spec
    )
    if spec.autoscaler_ref:
        yield EnsureAutoscaler()
    yield EnsureServices(apex=Side.PRIMARY)
    if _may_route(situation):
        yield RouteTraffic(split=_intended(situation))
    yield from _scale(situation)


def _promotion_failed(situation: Situation) -> bool:
    """Tell whether the primary was left with the revision that it could not be brought up with."""
    status, primary = situation.status, situation.facts.primary
    return (
        status.phase is Phase.FAILED
        and primary is not None
        and primary.revision == status.last_applied_spec
    )


def _intended(situation: Situation) -> Split:
    return Split.to_canary(situation.status.canary_weight)


def _may_route(situation: Situation) -> bool:
    """Tell whether the route may be written now.

    Traffic that returns to the primary always may. An increase that was intended before a restart,
    or undone by somebody's hand, waits until the canary can take it.
    """
    routed, intended, target = (
        situation.facts.routed,
        _intended(situation),
        situation.facts.target,
    )
    if routed is None or intended.canary <= routed.canary:
        return True
    threshold = situation.spec.analysis.canary_ready_threshold
    return target is not None and (target.ready(threshold) or intended.primary == 0)


def _scale(situation: Situation) -> Iterator[Action]:
    facts, status = situation.facts, situation.status
    target, primary = facts.target, facts.primary
    if target is None:
        return
    if status.phase in IDLE:
        routed = facts.routed.canary if facts.routed else 0
        if status.canary_weight or routed or not situation.drained:
            return
        if status.target_parked and target.replicas and primary and not situation.spec.autoscaler_ref:
            # The user gave the target a new number of replicas: it is meant for who serves.
            yield ScalePrimary(replicas=target.replicas)
        yield ScaleTarget(replicas=0)
    elif status.phase is Phase.WAITING:
        if not status.canary_weight:
            yield ScaleTarget(replicas=0)
    elif target.replicas == 0:
        # As many as serve now: the canary must be able to take every weight of the plan.
        serving = primary.replicas if primary else 1
        yield ScaleTarget(replicas=max(serving, facts.autoscaler_minimum or 1, 1))
