"""The decision: one pure function from spec, status, facts and time to what happens next.

Rule 1: a decision is complete. It names everything that must be true of the cluster, so that
carrying it out again changes nothing, and a crash at any point loses nothing.
Rule 2: a question is asked as a `Need`, and only when the decision depends on its answer.
Rule 3: nothing here raises, whatever a hand-edited status says.
Rule 4: weights are intended in the status before they are routed; they move only towards a side
that can serve.
Rule 5: what is promoted is the revision that was analysed, and no other.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType

from canary.api.analysis_spec import PodFailurePolicy
from canary.api.canary import CanarySpec
from canary.api.people import WebhookType
from canary.api.status import CanaryStatus, Outcome, Phase, Severity
from canary.core import conditions as why
from canary.core.actions import HoldFinalizer
from canary.core.commands import obey
from canary.core.desired import desired
from canary.core.facts import Facts, Revision
from canary.core.gates import Passed, Refused, ask_gate
from canary.core.needs import Need
from canary.core.phases import IDLE, RUNNING
from canary.core.run import (
    Turn,
    await_canary,
    begin,
    cancel,
    complete,
    fail_promotion,
    finalise,
    follow_revision,
    held_gate,
    hold_rollout,
    look,
    pin,
    return_traffic,
    roll_back,
    start,
)
from canary.core.situation import Decision, Situation, earliest, notice
from canary.core.weights import ALL_PRIMARY, Split
from canary.errors import Problem


def decide(spec: CanarySpec, status: CanaryStatus, facts: Facts, now: datetime) -> Decision | Need:
    """Decide what happens next, or name the one fact that is missing to decide."""
    situation = Situation(spec=spec, status=status, facts=facts, now=now)
    # A status that was edited by hand may say two things; the weight is what counts.
    turn = _turn(situation.split(Split.to_canary(status.canary_weight)))
    return _conclude(turn, status) if isinstance(turn, Situation) else turn


def refuse(
    status: CanaryStatus,
    problems: tuple[Problem, ...],
    *,
    generation: int,
    deleting: bool,
    delivered: frozenset[str],
    now: datetime,
) -> Decision:
    """Decide about a Canary whose spec can't be acted on: say why, and leave everything as it is.

    Of a Canary that is being deleted so little can be read that there is nothing to give back.
    """
    conditions = why.invalid(status, generation, now, problems)
    before = status.condition(why.INVALID)
    after = next(each for each in conditions if each.type == why.INVALID)
    notices = tuple(each for each in status.notices if each.id not in delivered)
    if before is None or (before.status, before.message) != (after.status, after.message):
        notices = (
            *notices,
            notice(status, why.INVALID, after.message, Severity.ERROR, now, alert=True),
        )
    return Decision(
        status=status.but(
            conditions=conditions, observed_generation=generation, notices=notices
        ),
        actions=(HoldFinalizer(present=False),) if deleting else (),
    )


def current_revision(status: CanaryStatus, facts: Facts) -> Revision | None:
    """Tell which revision the target is at.

    Where neither the target nor a tracked config has moved since a revision was recorded, it is
    that revision, however an upgrade of Kubernetes or of the controller would hash it today.
    """
    revision, target = facts.revision, facts.target
    if revision is None or target is None:
        return None
    unmoved = status.target_version == target.version
    if status.last_applied_spec and unmoved and dict(revision.configs) == status.tracked_configs:
        return Revision(id=status.last_applied_spec, configs=revision.configs)
    return revision


def _turn(situation: Situation) -> Turn:
    if situation.facts.deleting:
        return _terminate(situation)
    if situation.spec.suspend:
        return _suspended(situation)
    if situation.waits_for(why.SUSPENDED):
        situation = situation.but(waiting_for=None).tell("Resumed", "The Canary is resumed")
    obeyed = obey(situation)
    if not isinstance(obeyed, Situation):
        return obeyed
    return _PHASES[obeyed.status.phase](obeyed)


def _conclude(situation: Situation, before: CanaryStatus) -> Decision:
    situation = situation.but(
        observed_generation=situation.facts.generation, conditions=why.conditions(situation)
    )
    if situation.status != before or situation.status.phase not in RUNNING:
        # What was delivered during a run is forgotten with the next thing worth writing.
        situation = _forget_delivered(situation)
    return Decision(
        status=situation.status, actions=desired(situation), wake_at=_wake_at(situation)
    )


def _wake_at(situation: Situation) -> datetime | None:
    """Tell when time alone may change the decision."""
    status = situation.status
    if situation.spec.suspend and not situation.facts.deleting:
        return None
    wait, run = status.waiting_for, status.run
    looking = status.phase in RUNNING and status.paused is None
    draining = status.phase in IDLE | {Phase.FINALISING}
    return earliest(
        moment
        for moment in (
            wait.deadline if wait else None,
            run.next_analysis_at if run and looking else None,
            situation.drained_at if draining else None,
            wait.since + situation.facts.policy.drain
            if wait and wait.reason == why.DRAINING
            else None,
        )
        if moment is not None and moment > situation.now
    )


def _forget_delivered(situation: Situation) -> Situation:
    delivered = situation.facts.delivered
    if not delivered:
        return situation
    return situation.but(
        notices=tuple(each for each in situation.status.notices if each.id not in delivered)
    )


def _suspended(situation: Situation) -> Turn:
    first = not situation.waits_for(why.SUSPENDED)
    held = situation.wait(why.SUSPENDED, "spec.suspend is to be false")
    if first:
        held = held.tell("Suspended", "The Canary is suspended; traffic stays as it is")
    return obey(held, deferred=True)


def _initialize(situation: Situation) -> Turn:
    situation = situation.enter(Phase.INITIALIZING)
    switching = situation.waits_for(why.ROUTING) or situation.waits_for(why.DRAINING)
    revision = current_revision(situation.status, situation.facts)
    if revision is None:
        return _initialization_waits(situation, *_no_revision(situation))
    primary = situation.facts.primary
    if not switching:
        situation = pin(situation, _first_revision(situation, revision)).split(ALL_PRIMARY)
    threshold = situation.spec.analysis.primary_ready_threshold
    current = primary is not None and primary.revision == situation.status.last_applied_spec
    if primary is None or not current or not primary.ready(threshold):
        trouble = f": {primary.trouble}" if primary and primary.trouble else ""
        return _initialization_waits(
            situation, why.PRIMARY_NOT_READY, f"all pods of the primary are to be ready{trouble}"
        )
    if situation.facts.routed != ALL_PRIMARY:
        return _initialization_waits(situation, why.ROUTING, "traffic is to go to the primary")
    if not situation.waits_for(why.DRAINING):
        return situation.wait(why.DRAINING, "clients are to move from the target to the primary")
    wait = situation.status.waiting_for
    if wait is not None and situation.now < wait.since + situation.facts.policy.drain:
        return situation
    initialized = situation.enter(Phase.INITIALIZED)
    initialized = initialized.but(last_promoted_spec=initialized.status.last_applied_spec)
    return initialized.tell(
        "Initialized",
        f"{initialized.spec.target_ref.name} is initialised; the primary serves",
        alert=True,
    )


def _first_revision(situation: Situation, revision: Revision) -> Revision:
    """Tell what the primary is to run first.

    That is the target's revision while the target serves. Where the target has no pods and a
    primary of ours serves, the status was lost: what serves stays, and the target's revision has
    to pass a run of its own.
    """
    target, primary = situation.facts.target, situation.facts.primary
    if target is not None and target.replicas == 0 and primary is not None and primary.revision:
        return Revision(id=primary.revision)
    return revision


def _initialization_waits(situation: Situation, reason: str, message: str) -> Situation:
    if situation.facts.obstacle:
        message = f"{message}: {situation.facts.obstacle}"
    waiting = situation.wait(reason, message, situation.progress_deadline)
    if not waiting.overdue:
        return waiting
    failed = waiting.close_run(Outcome.ROLLED_BACK, reason, f"Not in time: {message}")
    return failed.enter(Phase.FAILED).tell(
        "InitializationFailed",
        f"Initialisation did not end in time, the target serves: {message}",
        Severity.ERROR,
        alert=True,
    )


def _no_revision(situation: Situation) -> tuple[str, str]:
    target = situation.spec.target_ref
    if situation.facts.target is None:
        return why.TARGET_MISSING, f"{target.kind} {target.name} is to exist"
    return why.REVISION_UNKNOWN, f"what {target.kind} {target.name} refers to is to be readable"


def _rest(situation: Situation) -> Turn:
    """Initialized and Succeeded: nothing is under way."""
    revision = current_revision(situation.status, situation.facts)
    if revision is None:
        return situation.wait(*_no_revision(situation))
    status = situation.status
    if revision.id not in {status.last_applied_spec, status.last_promoted_spec}:
        return begin(situation.but(waiting_for=None), revision)
    return _keep(situation, revision)


def _keep(situation: Situation, revision: Revision) -> Situation:
    """Stay at a revision, with the record of where it was read brought up to date."""
    target, primary = situation.facts.target, situation.facts.primary
    parked = situation.status.target_parked or (target is not None and target.replicas == 0)
    kept = pin(situation, revision).but(target_parked=parked)
    ready = primary is not None and primary.ready(kept.spec.analysis.primary_ready_threshold)
    if kept.status.canary_weight and ready:
        kept = kept.split(ALL_PRIMARY)
    if primary is None and revision.id != kept.status.last_promoted_spec:
        return kept.wait(
            why.PRIMARY_MISSING,
            "the primary is gone, and the target is not at the promoted revision: "
            "return the target to it, or retry",
        )
    if situation.facts.obstacle:
        return kept.wait(why.OBSTACLE, situation.facts.obstacle)
    return kept.but(waiting_for=None)


def _failed(situation: Situation) -> Turn:
    revision = current_revision(situation.status, situation.facts)
    if revision is None:
        return situation.wait(*_no_revision(situation))
    status, primary = situation.status, situation.facts.primary
    ready = primary is not None and primary.ready(situation.spec.analysis.primary_ready_threshold)
    if not status.last_promoted_spec:
        if revision.id != status.last_applied_spec or ready:
            return _initialize(situation)
        return situation
    if revision.id == status.last_promoted_spec:
        message = f"{situation.spec.target_ref.name} is back at the promoted revision"
        back = pin(situation, revision).but(failed_checks=0, metrics=())
        return _keep(back.enter(Phase.SUCCEEDED), revision).tell(
            "RevisionReverted", message, alert=True
        )
    if revision.id != status.last_applied_spec:
        return begin(situation.but(waiting_for=None), revision)
    ended = status.history[0].outcome if status.history else ""
    if ended == Outcome.PROMOTION_FAILED and primary and ready:
        if primary.revision == status.last_applied_spec:
            return finalise(situation)
    return _keep(situation, revision)


def _waiting(situation: Situation) -> Turn:
    revision = current_revision(situation.status, situation.facts)
    if revision is not None and revision.id == situation.status.last_promoted_spec:
        return cancel(situation, revision)
    if revision is not None and revision.id != situation.status.last_applied_spec:
        return begin(situation.but(waiting_for=None), revision)
    if situation.status.paused:
        return situation.wait(why.PAUSED, _resume_by(situation))
    run = situation.current_run
    approved = WebhookType.CONFIRM_ROLLOUT in run.approvals
    if not approved and run.next_analysis_at and situation.now < run.next_analysis_at:
        return _hold_on(situation)
    answer = ask_gate(situation, WebhookType.CONFIRM_ROLLOUT)
    if isinstance(answer, Refused):
        return hold_rollout(situation, answer.message)
    if not isinstance(answer, Passed):
        return answer
    return start(situation)


def _hold_on(situation: Situation) -> Situation:
    """Go on waiting at a gate, or end the run where its deadline has passed."""
    if situation.overdue:
        return roll_back(situation, "GateDeadlineExceeded", "Nobody opened the gate in time")
    return situation


def _progressing(situation: Situation) -> Turn:
    """Progressing and WaitingPromotion: the canary is looked at, at each interval."""
    followed = follow_revision(situation, current_revision(situation.status, situation.facts))
    if followed is not None:
        return followed
    target = situation.facts.target
    if target is None:
        reason, message = _no_revision(situation)
        return _run_waits(situation, reason, message)
    if target.trouble and situation.spec.analysis.on_pod_failure is PodFailurePolicy.FAST:
        return roll_back(situation, target.trouble.reason, str(target.trouble))
    if not target.ready(situation.spec.analysis.canary_ready_threshold):
        return _canary_not_ready(situation)
    if situation.status.paused:
        return situation.wait(why.PAUSED, _resume_by(situation))
    if held_gate(situation) and situation.overdue:
        return _hold_on(situation)
    if situation.waits_for(why.CANARY_NOT_READY):
        situation = situation.but(waiting_for=None)
    return look(situation)


def _canary_not_ready(situation: Situation) -> Turn:
    target = situation.facts.target
    if target is not None and target.replicas and target.deadline_exceeded:
        trouble = f": {target.trouble}" if target.trouble else ""
        return roll_back(
            situation,
            "ProgressDeadlineExceeded",
            f"{target.name} did not progress within its own deadline{trouble}",
        )
    waiting = await_canary(situation)
    if waiting.overdue:
        return roll_back(
            waiting,
            "ProgressDeadlineExceeded",
            f"{situation.spec.target_ref.name} was not ready within "
            f"{situation.spec.progress_deadline_seconds} s",
        )
    return waiting


def _run_waits(situation: Situation, reason: str, message: str) -> Situation:
    waiting = situation.wait(reason, message, situation.progress_deadline)
    return roll_back(waiting, reason, f"Not in time: {message}") if waiting.overdue else waiting


def _resume_by(situation: Situation) -> str:
    by = situation.status.paused.by if situation.status.paused else ""
    return "resume by annotation tidegate.dev/resume" + (f" (paused: {by})" if by else "")


def _promoting(situation: Situation) -> Turn:
    primary = situation.facts.primary
    revision = current_revision(situation.status, situation.facts)
    applied = situation.status.last_applied_spec
    if primary is None or primary.revision != applied:
        followed = follow_revision(situation, revision)
        if followed is not None:
            return followed
        return _promotion_waits(situation, why.PRIMARY_UPDATING, f"the primary is to run {applied}")
    if revision is not None and revision.id != applied and primary.serves:
        # The canary's pods are being replaced by something that nobody has looked at. Both
        # revisions that the primary may still be running were analysed.
        return finalise(situation)
    if not primary.ready(situation.spec.analysis.primary_ready_threshold):
        if primary.trouble and situation.spec.analysis.on_pod_failure is PodFailurePolicy.FAST:
            return fail_promotion(situation, primary.trouble.reason, str(primary.trouble))
        if primary.deadline_exceeded:
            return fail_promotion(
                situation, "ProgressDeadlineExceeded", "The primary's own deadline has passed"
            )
        return _promotion_waits(
            situation, why.PRIMARY_NOT_READY, f"all pods of the primary are to run {applied}"
        )
    return return_traffic(situation)


def _promotion_waits(situation: Situation, reason: str, message: str) -> Situation:
    waiting = situation.wait(reason, message, situation.progress_deadline)
    if waiting.overdue:
        return fail_promotion(waiting, "ProgressDeadlineExceeded", f"Not in time: {message}")
    return waiting


def _finalising(situation: Situation) -> Turn:
    routed = situation.facts.routed
    if routed is not None and routed.canary:
        return situation.wait(why.ROUTING, "the route is to send all traffic to the primary")
    if not situation.drained:
        return situation.wait(why.DRAINING, "requests in flight on the canary are to end")
    return complete(situation)


def _terminate(situation: Situation) -> Situation:
    """Give the target its pods and its traffic back before anything is removed."""
    facts = situation.facts
    if not facts.has_finalizer:
        return situation
    leaving = situation.enter(Phase.TERMINATING)
    if facts.target is None or not situation.spec.reverts_on_deletion:
        return leaving.but(waiting_for=None)
    if leaving.waits_for(why.DRAINING):
        wait = leaving.status.waiting_for
        if wait is not None and situation.now < wait.since + facts.policy.drain:
            return leaving
        return leaving.but(waiting_for=None)
    if leaving.waits_for(why.RESTORING):
        if facts.restored:
            return leaving.wait(why.DRAINING, "requests in flight on the primary are to end")
        return leaving
    if facts.target.ready():
        return leaving.wait(why.RESTORING, "traffic is to return to the target")
    return _target_not_ready(leaving)


def _target_not_ready(leaving: Situation) -> Situation:
    name = leaving.spec.target_ref.name
    message = (
        f"all pods of {name} are to be ready before traffic returns to them; "
        "spec.revertOnDeletion: false deletes the Canary without waiting"
    )
    if leaving.waits_for(why.TERMINATION_BLOCKED):
        return leaving
    waiting = leaving.wait(why.TARGET_NOT_READY, message, leaving.progress_deadline)
    if not waiting.overdue:
        return waiting
    return waiting.wait(why.TERMINATION_BLOCKED, message).tell(
        why.TERMINATION_BLOCKED,
        f"{name} is not ready, the primary goes on serving until it is",
        Severity.ERROR,
        alert=True,
    )


_PHASES: Mapping[Phase, Callable[[Situation], Turn]] = MappingProxyType(
    {
        Phase.NEW: _initialize,
        Phase.INITIALIZING: _initialize,
        Phase.INITIALIZED: _rest,
        Phase.WAITING: _waiting,
        Phase.PROGRESSING: _progressing,
        Phase.WAITING_PROMOTION: _progressing,
        Phase.PROMOTING: _promoting,
        Phase.FINALISING: _finalising,
        Phase.SUCCEEDED: _rest,
        Phase.FAILED: _failed,
        # Terminating without a deletion is a status edited by hand: begin from what is there.
        Phase.TERMINATING: lambda situation: _initialize(situation.but(phase=Phase.NEW)),
    }
)
