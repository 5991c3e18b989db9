"""Between runs: what is there is kept as it should be, and a new revision begins a run."""

from datetime import datetime

from canary.api.status import Outcome, Phase, Severity, Stage
from canary.core import waits as why
from canary.core.capacity import can_carry_all
from canary.core.drift import await_template, undo_changes
from canary.core.facts import Revision
from canary.core.initialisation import hold_for_name, initialise
from canary.core.known_good import is_known_good
from canary.core.leave import judgeable, withhold
from canary.core.names import await_former_routes
from canary.core.notices import forgotten_by
from canary.core.parts import await_part, rolled_back
from canary.core.phases import IDLE
from canary.core.placement import returns_unknown
from canary.core.promotion import finalise
from canary.core.propagation import await_primary, returning
from canary.core.relief import relieve
from canary.core.revision import current_revision, no_revision, pin
from canary.core.run import begin
from canary.core.situation import Situation, Turn
from canary.core.subsets import await_label
from canary.core.upkeep import await_peace
from canary.core.weights import FULL
from canary.core.wishes import Granted


def rest(situation: Situation) -> Turn:
    """Initialized and Succeeded: the target is at the promoted revision, or a run begins."""
    revision = current_revision(situation.status, situation.facts)
    if revision is None:
        return _await_revision(situation)
    if revision.id != situation.status.last_promoted_spec:
        return _begin(situation, revision)
    return _keep(situation, revision)


def failed(situation: Situation) -> Turn:
    """Failed: the failed revision is left alone until it is changed, reverted or retried."""
    revision = current_revision(situation.status, situation.facts)
    if revision is None:
        return _await_revision(situation)
    status, primary = situation.status, situation.facts.primary
    if not status.last_promoted_spec:
        return _initialisation_failed(situation, revision)
    if revision.id == status.last_promoted_spec:
        back = pin(situation, revision).but(failed_checks=0, metrics=()).enter(Phase.SUCCEEDED)
        message = f"{situation.target_name} is back at the promoted revision"
        return _keep(back.tell("RevisionReverted", message), revision)
    if revision.id != status.last_applied_spec:
        return _begin(situation, revision)
    ended = status.history[0].outcome if status.history else ""
    promoted = primary is not None and primary.revision == status.last_applied_spec
    if ended == Outcome.PROMOTION_FAILED and promoted and can_carry_all(situation):
        # The primary came up after all, with what has passed its analysis.
        return finalise(situation) if returning(situation) else await_primary(situation)
    return _keep(situation, revision)


def _begin(situation: Situation, revision: Revision) -> Turn:
    """Begin a run, or stay at rest where it could not be judged.

    What is known to be good is judged by nothing but its pods.
    """
    answer = judgeable(situation)
    if isinstance(answer, Granted) or is_known_good(situation, revision.id):
        return begin(situation, revision)
    kept = undo_changes(_parked(situation))
    return _await_upkeep(kept) or withhold(kept, answer)


def _initialisation_failed(situation: Situation, revision: Revision) -> Situation:
    """Try again when something has changed that may help: the revision, the spec, the primary."""
    primary = situation.facts.primary
    gone = (primary is None or not primary.replicas) and not situation.facts.obstacle
    changed = revision.id != situation.status.last_applied_spec
    edited = situation.facts.generation != situation.status.observed_generation
    if changed or edited or gone or situation.primary_ready:
        return initialise(situation)
    return situation.go_on()


def _await_revision(situation: Situation) -> Situation:
    if returns_unknown(situation):
        return await_primary(situation)
    reason, message = no_revision(situation)
    return situation.wait(reason, situation.obstructed(message))


def _keep(situation: Situation, revision: Revision) -> Situation:
    """Stay at a revision, with the record of where it was read brought up to date."""
    kept = undo_changes(_parked(situation, revision))
    if situation.facts.primary is None and revision.id != situation.status.last_promoted_spec:
        return kept.wait(
            why.PRIMARY_MISSING,
            "the primary is gone, and the target is not at the promoted revision: "
            "return the target to it, or retry",
        )
    return _await_upkeep(kept) or kept.go_on()


def _parked(situation: Situation, revision: Revision | None = None) -> Situation:
    """Record that the target was seen without replicas; with a revision, that it is at this one.

    At a known revision, this is recorded with the write that forgets notices, where one is due. A
    target that has been given replicas meanwhile was parked before.
    """
    status, target = situation.status, situation.facts.target
    later = forgotten_by(status) if revision is not None else None
    scaled = later is not None and _changed_while_parked(situation)
    if later is not None and situation.now < later and not scaled:
        return situation
    parked = status.target_parked or scaled or (target is not None and target.replicas == 0)
    pinned = pin(situation, revision) if revision is not None else situation
    return pinned.but(target_parked=parked)


def _changed_while_parked(situation: Situation) -> bool:
    """Tell whether the target has replicas, and has changed since the end of a run was written."""
    target, version = situation.facts.target, situation.status.target_version
    return target is not None and target.replicas > 0 and version not in {"", target.version}


def noted_at(situation: Situation) -> datetime | None:
    """Tell when what is new of the target is recorded, if that waits for notices to be forgotten."""
    status, target = situation.status, situation.facts.target
    if target is None or status.phase not in IDLE:
        return None
    parked = status.target_parked or target.replicas == 0
    noted = (status.target_version, status.target_parked) == (target.version, parked)
    return None if noted else forgotten_by(status)


def _await_upkeep(kept: Situation) -> Situation | None:
    """Wait for what is there to be as it should be; None where it is."""
    if returns_unknown(kept):
        return await_primary(kept)
    if kept.facts.obstacle:
        return kept.wait(why.OBSTACLE, kept.facts.obstacle)
    relieved = relieve(kept, Situation.wait)
    if relieved is not None:
        return relieved
    if kept.status.canary_weight:
        return _await_primary(kept)
    if kept.facts.taken:
        return hold_for_name(kept)
    changed = (
        await_template(kept) or await_label(kept) or await_peace(kept) or await_former_routes(kept)
    )
    if changed is not None:
        return changed
    return _await_autoscaler(kept) if kept.facts.autoscaler_missing else None


def _await_primary(kept: Situation) -> Situation:
    """Wait until the primary can take what the canary still carries.

    What a run that failed has left on the canary does not stay there for ever for want of pods.
    """
    weight, primary = kept.status.canary_weight, kept.spec.primary_name
    part = f"the next part of the traffic back to {primary}: it serves {kept.share(FULL - weight)}"
    if returning_in_parts := await_part(kept, part):
        return returning_in_parts
    if not kept.primary_serves or (weight == FULL and not rolled_back(kept)):
        message = f"waiting for {primary} to be ready: the canary serves {kept.share(weight)}"
        return kept.wait(why.PRIMARY_NOT_READY, message)
    waiting = kept.progress(
        why.PRIMARY_SHORT,
        f"waiting for more pods of {primary} to be ready: the canary still serves "
        f"{kept.share(weight)}",
    )
    if not waiting.overdue:
        return waiting
    message = f"{primary} was not ready in time: the pods it has serve all traffic"
    return waiting.step_to(0).tell("TrafficReturned", message, Severity.WARN, alert=True)


def _await_autoscaler(situation: Situation) -> Situation:
    reference = situation.spec.autoscaler_ref
    kind, name = (reference.kind, reference.name) if reference else ("", "")
    fault, remedy = f"{kind} {name} does not exist", "create it"
    if situation.facts.autoscaler_absent:
        fault, remedy = f"{kind} is not installed in the cluster", "install its CRD"
    message = f"{fault}, so nothing scales the primary: {remedy}, or remove spec.autoscalerRef"
    waiting = situation.wait(why.AUTOSCALER_MISSING, message)
    if situation.stage is Stage.UNSCALED:
        return waiting
    return waiting.tell(why.AUTOSCALER_MISSING, message, Severity.WARN, alert=True)
