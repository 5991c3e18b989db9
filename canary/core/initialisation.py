"""Initialising: the primary comes up beside the serving target, then takes its traffic over."""

from datetime import datetime

from canary.api.status import Outcome, Phase, Severity, Stage, clip
from canary.core import waits as why
from canary.core.facts import Revision
from canary.core.peers import leaving_rival
from canary.core.preflight import hold_for_risk
from canary.core.revision import current_revision, no_revision, pin
from canary.core.situation import Situation
from canary.core.stop import hold_initialisation
from canary.core.subsets import hold_for_label

SWITCHING = frozenset({Stage.ROUTING, Stage.DRAINING})
"""The stages in which clients come over from the target to a primary that is ready."""


def initialise(situation: Situation) -> Situation:
    """Have the primary come up, and give it the traffic when it can serve."""
    situation = situation.enter(Phase.INITIALIZING)
    if rival := leaving_rival(situation.spec, situation.facts.others):
        message = f"waiting for Canary {rival}, which is being deleted, to be gone"
        return situation.wait(why.RIVAL_LEAVING, message)
    if situation.facts.taken:
        return hold_for_name(situation)
    # Clients that are on their way to the primary arrive there.
    held = None if situation.stage in SWITCHING else hold_initialisation(situation)
    if held is not None:
        return held
    revision = current_revision(situation.status, situation.facts)
    if revision is None:
        return _await(situation, *no_revision(situation))
    # What has the apex service's clients by now keeps them.
    lacking = None if situation.stage in SWITCHING else hold_for_label(situation)
    return lacking or hold_for_risk(situation) or _take_over(situation, revision)


def _take_over(situation: Situation, revision: Revision) -> Situation:
    switching = situation.stage in SWITCHING
    if not switching:
        situation = _pin_first(situation, revision)
    primary, revision_id = situation.facts.primary, situation.status.last_applied_spec
    if primary is None or primary.revision != revision_id:
        message = f"waiting for the primary to receive {situation.revision_name}"
        return _await(situation, why.PRIMARY_UPDATING, message)
    if situation.primary_smaller and not switching:
        # With an autoscaler it begins with one, and would be given the load of all.
        message = "waiting for the primary to have as many replicas as the target"
        return _await(situation, why.PRIMARY_NOT_READY, message)
    if not situation.primary_ready:
        trouble = f": {primary.failing}" if primary.failing else ""
        message = f"waiting for all pods of the primary to be ready{trouble}"
        return _await(_relieved(situation, revision), why.PRIMARY_NOT_READY, message)
    situation = situation.step_to(0)
    refusal, seen = situation.facts.refusal, situation.facts.routed
    routed = seen is not None and not seen.exposes_canary()
    known_at = _known_at(situation)
    if not routed and not switching and situation.now < known_at:
        # A proxy that learns of a service and of a route to it at once may fail requests.
        message = "waiting for proxies to learn of the new services"
        waiting = situation.at(Stage.PROPAGATING, until=known_at)
        return waiting.say(why.PROPAGATING, message, until=known_at)
    if not routed or refusal:
        message = "waiting for the route to send all traffic to the primary"
        message = f"{message}: {refusal}" if refusal else situation.untaken(message)
        return situation.insist(why.ROUTING, message, blocked=why.ROUTING_BLOCKED)
    message = "waiting for clients to move from the target to the primary"
    draining = situation.drain(message)
    return _complete(draining) if draining.overdue else draining


def _known_at(situation: Situation) -> datetime:
    """Tell when proxies know what the route will lead to.

    Services are made as the phase begins; the primary's pods come behind the apex service when all
    of them are ready.
    """
    if not situation.facts.by_subsets:
        return situation.propagated_at
    stage = situation.status.stage
    since = stage.since if stage and stage.name is Stage.PROPAGATING else situation.now
    return since + situation.drain_time


def hold_for_name(situation: Situation) -> Situation:
    """Wait for a name that another owner's object has, and call for help once."""
    taken = situation.facts.taken
    held = situation.wait(why.NAME_TAKEN, taken)
    if situation.stage is Stage.BLOCKED:
        return held
    return held.tell(why.NAME_TAKEN, taken, Severity.ERROR, alert=True)


def _pin_first(situation: Situation, revision: Revision) -> Situation:
    """Record what the primary runs first: what the target runs, while the target serves.

    Where a primary of ours serves already, a status was lost, or the target has moved on: what
    serves stays, and the target's revision has to pass a run of its own. Clients that have come
    over to the primary are served, however many of its pods are ready. One that has none of them, and
    lacks the label that the apex service selects by, is given it.
    """
    target, primary = situation.facts.target, situation.facts.primary
    ours = primary.revision if primary is not None else ""
    parked = target is not None and target.replicas == 0
    if primary is None or not ours:
        return pin(situation, revision)
    sound = situation.primary_ready and not primary.lacking
    if ours != revision.id and (parked or sound or _has_clients(situation)):
        return pin(situation, Revision(id=ours, images=primary.images)).but(target_version="")
    return pin(situation, revision)


def _has_clients(situation: Situation) -> bool:
    """Tell whether the primary serves clients, who must not meet what was not analysed."""
    routed = situation.facts.routed
    return situation.primary_serves and routed is not None and not routed.spares_primary()


def _relieved(situation: Situation, revision: Revision) -> Situation:
    """Give all traffic to the target where the primary has not come up within a whole deadline.

    After that it may be given what the target runs, which may repair it.
    """
    applied, before = situation.status.last_applied_spec, situation.status.history[:1]
    failed = any((each.revision, each.outcome) == (applied, Outcome.ROLLED_BACK) for each in before)
    relieves = failed and revision.id != applied and situation.target_ready
    return situation.carry_all() if relieves and _has_clients(situation) else situation


def _await(situation: Situation, reason: str, message: str) -> Situation:
    waiting = situation.progress(reason, message)
    if not waiting.overdue:
        return waiting
    late = (
        f"Initialisation did not finish in time; the target serves: {situation.obstructed(message)}"
    )
    late, before = clip(late), situation.status.history[:1]
    again = any(
        (each.revision, each.message) == (situation.status.last_applied_spec, late)
        for each in before
    )
    failed = waiting.close_run(Outcome.ROLLED_BACK, reason, late).enter(Phase.FAILED)
    if again:
        # The first failure was reported, and all since are the same.
        return failed.but(history=failed.status.history[1:])
    return failed.tell("InitializationFailed", late, Severity.ERROR, alert=True)


def _complete(situation: Situation) -> Situation:
    initialised = situation.enter(Phase.INITIALIZED)
    status = initialised.status
    initialised = initialised.but(
        last_promoted_spec=status.last_applied_spec, promoted_images=status.applied_images
    )
    message = (
        f"{initialised.target_name} is initialised; the primary serves {initialised.revision_name}"
    )
    return initialised.tell("Initialized", message, alert=True)
