"""What must be true of the cluster, as a function of spec, status and facts.

Long because every action that there is has its condition here.
"""

from collections.abc import Iterator

from canary.api.status import Phase, Stage
from canary.core.actions import (
    Action,
    ClearCommands,
    EnsureAutoscaler,
    EnsureBudgets,
    EnsureCanary,
    EnsurePrimary,
    EnsureServices,
    HoldFinalizer,
    PauseAutoscaler,
    RemoveAutoscaler,
    ReplaceStrays,
    RestoreRoutes,
    ResumeTarget,
    RouteTraffic,
    ScalePrimary,
    ScaleTarget,
    Side,
)
from canary.core.autoscaling import former_autoscaler
from canary.core.baseline_actions import leave_behind, settle_baseline
from canary.core.capacity import is_held, primary_size, scales_canary, size_for, sized
from canary.core.drift import template_to_restore
from canary.core.initialisation import SWITCHING
from canary.core.leave import Stop, stopped
from canary.core.names import (
    former_routes,
    former_routes_left,
    formers_reach_canary,
    new_way_waits,
    to_give_back,
)
from canary.core.peers import leaving_rival
from canary.core.phases import IDLE
from canary.core.relief import still_serves
from canary.core.revision import at_applied
from canary.core.scale import canary_size, goes_to_first_traffic
from canary.core.situation import Situation
from canary.core.subsets import shares_apex
from canary.core.termination import leads_back, replicas_to_give_back
from canary.core.traffic import Seen
from canary.core.unroutable import unroutable
from canary.core.upkeep import left_alone

_PROMOTED = frozenset({Phase.PROMOTING, Phase.FINALISING})
_WITH_CANARY = frozenset({Phase.PROGRESSING, Phase.WAITING_PROMOTION, Phase.PROMOTING})
"""The phases in which a canary runs what the target has."""


def desired(situation: Situation) -> tuple[Action, ...]:
    """List what must be true of the cluster, in the order in which it is made true."""
    if unroutable(situation):
        return tuple(_clear_commands(situation))
    if situation.facts.deleting:
        return tuple(_while_terminating(situation))
    if stopped(situation, Stop.ALL):
        return tuple(_clear_commands(situation))
    if situation.status.phase is Phase.INITIALIZING:
        return tuple(_while_initializing(situation))
    return tuple(_while_served(situation))


def _clear_commands(situation: Situation) -> Iterator[Action]:
    """Clear what is done; what is not keeps its annotation."""
    open_records = [record for record in situation.status.commands if not record.cleared]
    done = {(record.verb, record.value) for record in open_records}
    verbs = tuple(
        command.verb
        for command in situation.facts.commands
        if (command.verb, command.value) in done
    )
    if verbs:
        yield ClearCommands(verbs=verbs)


def _while_terminating(situation: Situation) -> Iterator[Action]:
    target, released = situation.facts.target, situation.stage is Stage.RELEASING
    if not situation.facts.has_finalizer:
        return
    if not situation.spec.reverts_on_deletion:
        yield from leave_behind(situation, released=released)
        return
    unknown = target is None and situation.facts.obstacle
    if former := former_autoscaler(situation):
        yield RemoveAutoscaler(name=former)
    if released or (target is None and not unknown):
        yield from _pause_autoscaler(situation, None)
        yield HoldFinalizer(present=False)
        return
    if target is None:
        yield RestoreRoutes()
        return
    replicas = replicas_to_give_back(situation)
    yield from _keep_pods(situation, replicas)
    if target.replicas < replicas:
        yield ScaleTarget(replicas=replicas)
    if situation.stage is Stage.FILLING:
        if situation.status.last_promoted_spec and situation.facts.routed is not None:
            yield RouteTraffic(traffic=situation.intended)
        return
    if leads_back(situation):
        yield EnsureServices(apex=Side.TARGET)
        yield RestoreRoutes()
    else:
        yield RestoreRoutes(alone=True)
    if situation.facts.kept:
        yield ResumeTarget()


def _while_initializing(situation: Situation) -> Iterator[Action]:
    status, spec = situation.status, situation.spec
    yield HoldFinalizer(present=True)
    yield from _clear_commands(situation)
    rival = leaving_rival(spec, situation.facts.others)
    if not status.last_applied_spec or situation.facts.taken or rival is not None:
        return
    # The apex service is created last: before there is a primary, its clients have a service of
    # their own, or none.
    yield EnsurePrimary(revision=status.last_applied_spec, replicas=_replicas(situation))
    switching = situation.stage in SWITCHING
    if spec.autoscaler_ref:
        # It neither undoes what the primary begins with, nor puts to sleep what has no traffic yet.
        held = not switching or situation.facts.primary_rests
        yield EnsureAutoscaler(minimum=_replicas(situation) if held else 0)
    if situation.facts.budgeted:
        yield EnsureBudgets()
    if situation.primary_smaller and not switching and not situation.facts.kept:
        yield ScalePrimary(replicas=_replicas(situation))
    apex = Side.PRIMARY if switching else None
    yield EnsureServices(apex=apex, shared=shares_apex(situation))
    if switching or status.canary_weight:
        yield RouteTraffic(traffic=situation.intended)


def _while_served(situation: Situation) -> Iterator[Action]:
    status, spec = situation.status, situation.spec
    yield HoldFinalizer(present=True)
    yield from _clear_commands(situation)
    if not status.last_promoted_spec:
        # Nothing was ever promoted: the target serves as it did before tidegate.
        return
    # Traffic comes first: whatever else can't be written must not keep it on a side that is lost.
    shared, left = shares_apex(situation), left_alone(situation)
    yield EnsureServices(apex=Side.PRIMARY, shared=shared, left=left)
    yield from _route(situation)
    if situation.facts.strays:
        yield ReplaceStrays()
    yield from former_routes(situation)
    promoted = status.phase in _PROMOTED or _promotion_failed(situation)
    if not still_serves(situation) and f"{spec.target_ref.kind}/{spec.primary_name}" not in left:
        yield EnsurePrimary(
            revision=status.last_applied_spec if promoted else status.last_promoted_spec,
            template=template_to_restore(situation),
            replicas=_replicas(situation),
        )
    if spec.autoscaler_ref:
        minimum = primary_size(situation) if is_held(situation) else 0
        yield EnsureAutoscaler(minimum=minimum, left=left)
    if former := former_autoscaler(situation):
        yield RemoveAutoscaler(name=former)
    if situation.facts.budgeted:
        yield EnsureBudgets(left=left)
    yield from _hold_size(situation)
    yield from _canary(situation)
    yield from _scale(situation)
    yield from settle_baseline(situation)
    yield from to_give_back(situation)


def _replicas(situation: Situation) -> int:
    """Give how many replicas the primary is made or updated with: no fewer than serve now."""
    facts = situation.facts
    wanted = facts.target.replicas if facts.target else 0
    serving = facts.primary.replicas if facts.primary else 0
    size = max(wanted, serving, situation.status.primary_replicas, 1)
    return min(size, facts.autoscaler_maximum or size)


def _hold_size(situation: Situation) -> Iterator[Action]:
    """Have the primary as large as it was when the run began, whatever has made it smaller."""
    primary, size = situation.facts.primary, primary_size(situation)
    if primary is not None and primary.replicas < size and is_held(situation):
        yield ScalePrimary(replicas=size)


def _promotion_failed(situation: Situation) -> bool:
    """Tell whether the primary was left with the revision that it could not be brought up with."""
    status, primary = situation.status, situation.facts.primary
    return (
        status.phase is Phase.FAILED
        and primary is not None
        and primary.revision == status.last_applied_spec
        # One that is kept does not go on by itself: what its user writes next would go with it.
        and not primary.moving
    )


def _route(situation: Situation) -> Iterator[Action]:
    """Route traffic as intended, if it may be now.

    Traffic that returns to the primary always may. An increase that was intended before a restart,
    or undone by hand, waits until the canary can take it.
    """
    routed = situation.facts.routed
    if (routed is None and _new_names_wait(situation)) or new_way_waits(situation):
        return
    traffic, left = situation.intended, left_alone(situation)
    if situation.facts.cut_off:
        traffic = traffic.without_canary()
    if situation.facts.ordinals is not None and traffic.weight and not at_applied(situation):
        # A partition that is lowered starts whatever the template holds by now.
        return
    sizes = situation.facts.by_replicas or scales_canary(situation)
    # A target that is gone takes nothing: a route that is made again leads to the primary.
    there = situation.facts.target is not None
    alone = there and traffic.spares_primary and not (sizes and situation.primary_serves)
    # How many requests match is not known: there the canary has what its step says.
    share = 0 if traffic.match else traffic.weight
    able = alone or (situation.target_ready and sized(situation, share))
    if able or traffic.weight <= (routed or Seen()).weight:
        yield RouteTraffic(traffic=traffic, left=left)
    elif routed is None:
        yield RouteTraffic(traffic=traffic.without_canary(), left=left)


def _new_names_wait(situation: Situation) -> bool:
    """Tell whether a first route under new names would lead to services that are not ours, or not there.

    Services are made from the target: while it is missing the former route goes on.
    """
    facts = situation.facts
    if facts.target is None and former_routes_left(situation):
        return True
    return bool(facts.taken and situation.status.former_names)


def _canary(situation: Situation) -> Iterator[Action]:
    """Have the canary of a kept target run the revision of the run, once no traffic is lost by that."""
    facts, status = situation.facts, situation.status
    if not facts.kept or status.phase not in _WITH_CANARY:
        return
    exposed = facts.routed is not None and facts.routed.exposes_canary()
    if not (exposed and situation.target_serves):
        yield EnsureCanary(revision=status.last_applied_spec)


def _scale(situation: Situation) -> Iterator[Action]:
    facts, status = situation.facts, situation.status
    target, primary = facts.target, facts.primary
    if target is None:
        return
    if status.phase in IDLE | {Phase.WAITING} and not still_serves(situation):
        exposed = facts.routed is not None and facts.routed.exposes_canary()
        meant = status.canary_weight or exposed or formers_reach_canary(situation)
        short = target.replicas and not sized(situation, status.canary_weight)
        if meant and short and status.phase in IDLE:
            # It serves for want of the primary, with the pods that a step had.
            yield ScaleTarget(replicas=size_for(situation, status.canary_weight))
        # Clients may be with the target until the first route under new names is known.
        unmade = facts.routed is None and bool(status.former_names) and not facts.taken
        if meant or unmade or facts.refusal or not situation.drained:
            return
        if not situation.primary_serves:
            # The target may have been given pods meanwhile so that they serve.
            return
        meant_for_primary = status.target_parked and target.replicas and not facts.kept
        if meant_for_primary and primary is not None and not situation.spec.autoscaler_ref:
            # The user gave the target a new number of replicas: it is meant for who serves. A tool
            # that only writes the old one again must not shrink what serves more by now.
            yield ScalePrimary(replicas=max(target.replicas, primary.replicas))
        # It would give the target pods again.
        yield from _pause_autoscaler(situation, 0)
        yield ScaleTarget(replicas=0)
        return
    if situation.primary_wakes and not target.replicas:
        # It comes first: a canary that is ready before it would have all traffic.
        return
    size = canary_size(situation)
    if size is not None and not situation.primary_serves:
        # Nothing else serves: no pod is taken from who may have to.
        size = max(size, target.replicas)
    kept = target.replicas if size is None else size
    if goes_to_first_traffic(situation):
        # It would take pods again that have nothing to do yet.
        yield from _pause_autoscaler(situation, kept)
    else:
        yield from _keep_pods(situation, kept)
    if size is not None and size != target.replicas:
        yield ScaleTarget(replicas=size)


def _keep_pods(situation: Situation, replicas: int) -> Iterator[Action]:
    """Let the target's autoscaler scale it, but not take its last pods before it has traffic."""
    yield from _pause_autoscaler(situation, replicas if situation.facts.target_rests else None)


def _pause_autoscaler(situation: Situation, replicas: int | None) -> Iterator[Action]:
    if situation.spec.autoscaler_ref:
        yield PauseAutoscaler(replicas=replicas)
