"""Terminating: the target gets its pods and its traffic back before anything is removed.

Or all is left as it is, for those who ask for that: what serves then serves on.
"""

from datetime import datetime

from canary.api.status import Phase, Severity, Stage
from canary.core import waits as why
from canary.core.baseline import baseline_kept_until
from canary.core.facts import Facts
from canary.core.images import named
from canary.core.situation import Situation


def terminate(situation: Situation) -> Situation:
    """Go through what a deletion gives back, one thing after the other."""
    facts = situation.facts
    if not facts.has_finalizer:
        return situation
    leaving = _tell_held(situation).enter(Phase.TERMINATING)
    if leaving.stage is Stage.RELEASING:
        return leaving
    if not situation.spec.reverts_on_deletion:
        return _leave_behind(leaving)
    if facts.target is None and not facts.obstacle:
        return _release(leaving)
    if leaving.stage is Stage.DRAINING:
        return _drain(leaving)
    if facts.target is None:
        # Where nothing is known of the target, it may still be there.
        return _restore(leaving)
    if leaving.stage is Stage.RESTORING or _target_may_serve(facts):
        return _restore(leaving)
    message = (
        f"waiting for all pods of {facts.target.name} to be ready before traffic returns to them; "
        "spec.revertOnDeletion: false deletes the Canary without waiting"
    )
    return leaving.insist(why.TARGET_NOT_READY, message, blocked=why.TERMINATION_BLOCKED)


def _tell_held(situation: Situation) -> Situation:
    """Say that a kept target stays paused: it would roll out what was never promoted."""
    primary, revision = situation.facts.primary, situation.facts.revision
    told = situation.status.phase is Phase.TERMINATING or not situation.facts.kept
    if told or primary is None or primary.moving or revision is None:
        return situation
    if primary.revision == revision.id:
        return situation
    name = situation.target_name
    message = (
        f"{name} stays paused: its pods do not run its template {named(revision.id, revision.images)}, "
        f"which was not promoted. Write back what they run, or roll it out with "
        f"kubectl rollout resume {situation.spec.target_ref.kind.lower()}/{name}"
    )
    return situation.tell("TargetLeftPaused", message, Severity.WARN, alert=True)


def replicas_to_give_back(situation: Situation) -> int:
    """Tell how many replicas the target must have: enough to take over from the primary."""
    facts, promoted = situation.facts, situation.status.last_promoted_spec
    own = facts.target.replicas if facts.target else 0
    if facts.kept:
        # What serves is the target's already.
        return own
    # A target without replicas that was never taken over from is so because its owner wants it so.
    least = 1 if promoted else 0
    return max(own, facts.primary.replicas if facts.primary else least)


def leads_back(situation: Situation) -> bool:
    """Tell whether the apex service may lead to the target again.

    Where a route tells the sides apart behind it, the route goes first, and proxies have their time
    to follow that: until then it leads them to the primary. One that is its user's as it stands, and
    leads to the sides, is not waited for beyond the deadline.
    """
    facts = situation.facts
    if not facts.by_subsets:
        return True
    due, stage = leads_back_at(situation), situation.status.stage
    late = stage is not None and situation.now >= stage.since + situation.progress_deadline
    gone = facts.routed is None or (late and not facts.obstacle)
    return gone and (due is None or situation.now >= due)


def leads_back_at(situation: Situation) -> datetime | None:
    """Tell when proxies have followed a route that went as soon as it could."""
    stage = situation.status.stage
    restoring = situation.facts.by_subsets and stage is not None and stage.name is Stage.RESTORING
    served = restoring and bool(situation.status.last_promoted_spec)
    return stage.since + situation.drain_time if stage is not None and served else None


def _target_may_serve(facts: Facts) -> bool:
    """Tell whether the target can take over, or there is no side to take over from."""
    target, primary = facts.target, facts.primary
    if primary is None or not primary.serves or facts.kept:
        return True
    return target is not None and target.replicas >= primary.replicas and target.ready()


def _leave_behind(leaving: Situation) -> Situation:
    if leaving.stage is Stage.DRAINING:
        return _drain(leaving)
    routed = leaving.facts.routed
    if routed is not None and routed.baseline:
        return _insist(leaving, "waiting for the route to lead to no baseline, which goes")
    if leaving.facts.left_behind or not leaving.status.last_promoted_spec:
        return _drain(leaving) if baseline_kept_until(leaving) else _release(leaving)
    return _insist(leaving, "waiting for the primary and its route to be left without an owner")


def _restore(leaving: Situation) -> Situation:
    if leaving.facts.restored:
        return _drain(leaving)
    return _insist(leaving, "waiting for traffic to return to the target")


def _insist(leaving: Situation, message: str) -> Situation:
    obstacle, given_up_at = leaving.facts.obstacle, _given_up_at(leaving)
    if given_up_at is not None and leaving.now >= given_up_at:
        # It has not become possible since help was called for: what could be done is done.
        told = f"The Canary is deleted, but not everything could be given back: {obstacle}"
        return _release(leaving.tell("NotGivenBack", told, Severity.ERROR, alert=True))
    waiting = leaving.insist(why.RESTORING, message, blocked=why.RESTORING_BLOCKED)
    until = _given_up_at(waiting)
    return waiting.at(Stage.RESTORING, until=until) if until else waiting


def _given_up_at(leaving: Situation) -> datetime | None:
    """Tell when what cannot be given back is given up: some time after someone was asked to look."""
    stage = leaving.status.stage
    asked = stage.help_at if stage and stage.name is Stage.RESTORING else None
    return asked + leaving.progress_deadline if asked and leaving.facts.obstacle else None


def _drain(leaving: Situation) -> Situation:
    draining = leaving.drain("waiting for requests in flight on the primary to end")
    return _release(draining) if draining.overdue else draining


def _release(leaving: Situation) -> Situation:
    return leaving.wait(why.RELEASING, "waiting for the finalizer to be removed")
