"""A run up to its first look: how it begins, waits for approval, and has its canary come up.

What is done with a canary that is ready belongs to `look.py`, what follows a pass of the last step
to `promotion.py`.
"""

from datetime import timedelta

from canary.api.analysis_spec import PodFailurePolicy
from canary.api.status import Phase, Severity, Stage
from canary.core import waits as why
from canary.core.advance import UNREADY
from canary.core.asking import signalled
from canary.core.baseline import baseline_lacks
from canary.core.budget import note_budgets
from canary.core.capacity import settle_size
from canary.core.ending import cancel, roll_back, supersede
from canary.core.facts import Revision, Workload
from canary.core.fleet_wave import note_wave
from canary.core.gates import gate_overdue, time_out
from canary.core.group import fail_with_group
from canary.core.hooks import GATES
from canary.core.known_good import is_known_good
from canary.core.lasting_holds import alert_refusal
from canary.core.leave import FLEET, Stop, leave, leave_of_fleet, stopped, thawed, withhold
from canary.core.look import look, look_at_unready
from canary.core.parts import await_part
from canary.core.placement import lead_back
from canary.core.propagation import learning
from canary.core.recorded import run_folder
from canary.core.revision import changes, current_revision, no_revision, pin, pipeline_span
from canary.core.situation import Situation, Turn, timed_out
from canary.core.stop import end_for_stop
from canary.core.subsets import unlabelled
from canary.core.weights import FULL
from canary.core.wishes import Granted, Wish, Withheld


def begin(situation: Situation, revision: Revision) -> Turn:
    """Begin a run for a new revision, at its first gate."""
    return _start(lead_back(_fresh(situation, revision), situation))


def _fresh(situation: Situation, revision: Revision) -> Situation:
    new = pin(situation.go_on(), revision).but(
        failed_checks=0,
        metrics=(),
        run=None,
        runs=situation.status.runs + 1,
    )
    return new.with_run(
        images=changes(situation.status, revision),
        known_good=is_known_good(situation, revision.id),
        record=_record_of(new),
        **pipeline_span(situation),
    )


def _record_of(situation: Situation) -> str:
    """Say where the full record of the run will be."""
    below = situation.facts.records
    return f"{below}{run_folder(situation.current_run.id)}" if below else ""


def _start(situation: Situation) -> Turn:
    """Scale the canary up, with leave to start."""
    situation = note_budgets(situation)
    answer = leave(Wish.START, situation)
    if isinstance(answer, Withheld):
        return withhold(situation.enter(Phase.WAITING), answer)
    return _scale_up(situation) if isinstance(answer, Granted) else answer


def waiting(situation: Situation) -> Turn:
    """Waiting: the run is held at its first gate, before anything is scaled up."""
    revision = current_revision(situation.status, situation.facts)
    if revision is not None and revision.id == situation.status.last_promoted_spec:
        return cancel(situation, revision)
    if revision is not None and revision.id != situation.status.last_applied_spec:
        return begin(supersede(situation, revision), revision)
    if failed := fail_with_group(situation):
        return failed
    still = stopped(situation, Stop.LOOKS)
    return withhold(situation, still) if still else _await_leave(situation)


def _await_leave(situation: Situation) -> Turn:
    """Wait for leave to start: of the fleet first, so that no hook is called before there is that."""
    situation = note_budgets(situation)
    answer = leave_of_fleet(Wish.START, situation)
    if not isinstance(answer, Granted):
        return withhold(situation, answer) if isinstance(answer, Withheld) else answer
    if gate_overdue(situation):
        return time_out(situation)
    run = situation.current_run
    if situation.stage is Stage.WITHHELD:
        return _start(thawed(situation).end_holds(*FLEET))
    if GATES[why.ROLLOUT_GATE] in run.approvals:
        return _start(situation)
    if run.next_analysis_at and situation.now < run.next_analysis_at:
        return situation
    return signalled(situation) or _start(situation)


def _scale_up(situation: Situation) -> Situation:
    """Scale the canary up and go on when it is ready."""
    sized = note_wave(settle_size(situation))
    started = (
        sized.enter(Phase.PROGRESSING)
        .look_again()
        .with_run(next_analysis_at=None, holds=(), queue="", awaits_wave=False)
    )
    changed = f" ({started.current_run.images})" if started.current_run.images else ""
    revision = f"{started.status.last_applied_spec} of {started.target_name}{changed}"
    what = "Known good" if started.current_run.known_good else "New"
    message = f"{what} revision {revision}, {_way(started)}"
    return _come_up(started.tell("RunStarted", message, alert=True))


def _way(started: Situation) -> str:
    """Say how the pods of a new revision come about."""
    if started.serves_already:
        return "which every pod runs already: it is promoted without steps"
    return "scaling up" if started.facts.ordinals is None else "released by ordinals"


def follow_revision(situation: Situation) -> Turn | None:
    """Restart or cancel where the target has moved on; None where the run goes on."""
    revision = current_revision(situation.status, situation.facts)
    if revision is None or revision.id == situation.status.last_applied_spec:
        return None
    if revision.id == situation.status.last_promoted_spec:
        return cancel(situation, revision)
    # The gate is not asked again: the run before had its leave.
    new = lead_back(_fresh(supersede(situation, revision), revision), situation)
    answer = leave_of_fleet(Wish.START, new)
    if isinstance(answer, Withheld):
        return withhold(new.enter(Phase.WAITING), answer)
    if isinstance(answer, Granted):
        return _come_up(note_wave(new).enter(Phase.PROGRESSING))
    # Its pods get no traffic while the answer is on its way.
    return new.enter(Phase.WAITING)


def progressing(situation: Situation) -> Turn:
    """Progressing and WaitingPromotion: the canary is analysed at each interval."""
    ended = follow_revision(situation) or end_for_stop(situation) or fail_with_group(situation)
    if ended is not None:
        return ended
    target = situation.facts.target
    if target is None:
        return _target_missing(situation)
    if target.failing and situation.spec.analysis.on_pod_failure is PodFailurePolicy.FAST:
        return roll_back(situation, target.failing.reason, str(target.failing))
    if not situation.target_ready or baseline_lacks(situation):
        return _side_not_ready(situation, target)
    unused = not situation.begun or situation.below_step
    if unused and (unknown := learning(situation, f"the pods of {situation.canary_name}")):
        return unknown
    if still := stopped(situation, Stop.LOOKS):
        return withhold(situation.end_holds(*UNREADY), still)
    if gate_overdue(situation):
        return time_out(situation)
    return _route_refused(situation) if situation.facts.refusal else look(situation)


def _route_refused(situation: Situation) -> Situation:
    """Hold the weight where it is: the traffic that a higher one means would not come."""
    message = f"waiting for the route to be accepted: {situation.facts.refusal}"
    first = situation.stage is not Stage.REFUSED
    held = situation.wait(why.ROUTE_REFUSED, situation.obstructed(message), situation.hold_timeout)
    if held.overdue:
        return roll_back(held, why.ROUTE_REFUSED, timed_out(message))
    if first:
        return held.tell(why.ROUTE_REFUSED, f"Holding: {message}", Severity.WARN)
    return alert_refusal(held, message)


def _come_up(situation: Situation) -> Situation:
    """Have the canary come up, once what it has of an older revision's traffic is led back."""
    return _lead_back(situation) or _await_canary(situation)


def _lead_back(situation: Situation) -> Situation | None:
    """Wait for the next part of the traffic to return to the primary; None where all of it has.

    The canary's time to come up has not begun.
    """
    share = situation.share(FULL - situation.status.canary_weight)
    message = (
        f"the next part of the traffic back to {situation.spec.primary_name}, before "
        f"{situation.canary_name} gets {situation.revision_name}: it serves {share}"
    )
    return await_part(situation.end_holds(*UNREADY), message)


def _await_canary(situation: Situation) -> Situation:
    """Wait until the canary is ready to be looked at."""
    message = situation.obstructed(_unready(situation))
    return situation.hold(why.CANARY_NOT_READY, message, situation.progress_deadline)


def _unready(situation: Situation) -> str:
    message = (
        f"waiting for all pods of {situation.canary_name} to run the new revision and be ready"
    )
    return unlabelled(situation) or message


def _side_not_ready(situation: Situation, target: Workload) -> Turn:
    ready = situation.target_ready
    return _baseline_not_ready(situation) if ready else _canary_not_ready(situation, target)


def _canary_not_ready(situation: Situation, target: Workload) -> Turn:
    if leading_back := _lead_back(situation):
        return leading_back
    trouble = f": {target.failing}" if target.failing else ""
    if target.given_up:
        message = f"{target.name} did not progress within its own deadline{trouble}"
        return roll_back(situation, "ProgressDeadlineExceeded", message)
    limit = _limit(situation).total_seconds()
    late = situation.obstructed(f"{target.name} was not ready within {limit:.0f} s{trouble}")
    return _hold(
        situation,
        why.CANARY_NOT_READY,
        _unready(situation),
        late=("ProgressDeadlineExceeded", late),
    )


def _baseline_not_ready(situation: Situation) -> Turn:
    """Hold a run that has nothing to be compared with."""
    message = (
        f"waiting for all pods of {situation.spec.baseline_name} to be ready, with which the canary "
        "is compared"
    )
    late = (why.BASELINE_NOT_READY, timed_out(situation.obstructed(message)))
    return _hold(situation, why.BASELINE_NOT_READY, message, late=late)


def _limit(situation: Situation) -> timedelta:
    """How long a canary may take to come up, or to come back once it has taken a step."""
    return situation.hold_timeout if situation.begun else situation.progress_deadline


def _target_missing(situation: Situation) -> Turn:
    reason, message = no_revision(situation)
    return _hold(situation, reason, message, late=(reason, timed_out(message)))


def _hold(situation: Situation, reason: str, message: str, *, late: tuple[str, str]) -> Turn:
    """Hold a run whose canary is not ready, and roll it back at the deadline.

    What has had traffic is judged meanwhile, as often as if it were ready, but only to fail.
    """
    said, limit = situation.obstructed(message), _limit(situation)
    held = situation.hold(reason, said, limit)
    if held.overdue:
        return roll_back(held, *late)
    if held.step_weight and not situation.held_by(reason):
        held = held.tell(reason, f"The run is held: {said}", Severity.WARN)
    if stopped(held, Stop.LOOKS) or situation.stage is not held.stage:
        # What is waited for is said before anything is asked that takes its time.
        return held
    judged = look_at_unready(held)
    if isinstance(judged, Situation) and judged.status.phase is held.status.phase:
        return judged.hold(reason, said, limit)
    return judged
