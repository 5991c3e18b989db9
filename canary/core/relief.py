"""Relief: traffic leaves the primary before an update takes its last pod, or mixes revisions.

The canary serves meanwhile, as it may at a weight of 100. The stage tells how far it has come: the
route turns, requests in flight end, and then the primary is updated.
"""

from collections.abc import Callable

from canary.api.status import Phase, Stage
from canary.core import waits as why
from canary.core.capacity import sized
from canary.core.revision import current_revision
from canary.core.situation import Situation
from canary.core.weights import FULL

Wait = Callable[[Situation, str, str], Situation]
"""Wait for a reason, with a message, as the phase waits."""


def relieve(situation: Situation, wait: Wait) -> Situation | None:
    """Move all traffic to the canary, and wait for the update; None where there is no need."""
    if not _endangered(situation):
        return None
    if not still_serves(situation):
        return _await_update(situation, wait)
    if not situation.carries_all:
        if not (situation.target_ready and sized(situation, FULL)):
            message = f"waiting for all pods of {situation.canary_name} to be ready"
            return wait(situation, why.CANARY_NOT_READY, message)
        situation = situation.carry_all().tell("TrafficMoved", _moved(situation))
    refusal = situation.facts.refusal
    if refusal or not _routes_left(situation):
        message = _awaited(situation)
        return wait(situation, why.ROUTING, f"{message}: {refusal}" if refusal else message)
    draining = situation.drain("waiting for requests in flight on the primary to end")
    return _await_update(draining, wait) if draining.overdue else draining


def _moved(situation: Situation) -> str:
    """Say why all traffic is the canary's while the primary is updated."""
    primary, target = situation.spec.primary_name, situation.canary_name
    if _in_place(situation):
        return f"The remaining pods of {target} get the new revision"
    if situation.facts.splits:
        return f"The update of {primary} takes its last pod: {target} serves all traffic meanwhile"
    return f"{target} serves all traffic while {primary} is updated"


def _awaited(situation: Situation) -> str:
    if _in_place(situation):
        return f"waiting for all pods of {situation.canary_name} to run the new revision"
    return "waiting for the route to send all traffic to the canary"


def _in_place(situation: Situation) -> bool:
    target = situation.facts.target
    return target is not None and target.strategy.in_place


def still_serves(situation: Situation) -> bool:
    """Tell whether the primary has, or has just had, traffic that its update leaves without a pod."""
    left = _routes_left(situation) and situation.carries_all
    return _endangered(situation) and not (left and situation.stage is Stage.UPDATING)


def will_be_updated(situation: Situation) -> bool:
    """Tell whether the primary runs something else than what it gets now."""
    primary, wanted = situation.facts.primary, _wanted(situation)
    return bool(wanted) and primary is not None and primary.revision != wanted


def _routes_left(situation: Situation) -> bool:
    """Tell whether no route leads to the primary, one of former names included."""
    routed = situation.facts.routed
    former = (each.routed for each in situation.facts.former if each.routed is not None)
    return routed is not None and all(seen.spares_primary() for seen in (routed, *former))


def _endangered(situation: Situation) -> bool:
    target, primary = situation.facts.target, situation.facts.primary
    if target is None or primary is None or not primary.serves:
        return False
    # Clients that are switched as a whole never meet two revisions behind one service.
    switches = not situation.facts.splits and situation.status.phase is Phase.PROMOTING
    leaves_none = target.strategy.leaves_none(primary.replicas)
    return will_be_updated(situation) and (switches or leaves_none)


def _wanted(situation: Situation) -> str:
    """Give the revision that the primary gets now, where the target is at it."""
    status = situation.status
    if status.phase is Phase.PROMOTING:
        return status.last_applied_spec
    revision = current_revision(status, situation.facts)
    if revision is None or status.phase not in {Phase.INITIALIZED, Phase.SUCCEEDED}:
        return ""
    return revision.id if revision.id == status.last_promoted_spec else ""


def _await_update(situation: Situation, wait: Wait) -> Situation:
    message = f"waiting for all pods of the primary to run {situation.revision_name} and be ready"
    return wait(situation, why.PRIMARY_UPDATING, message)
