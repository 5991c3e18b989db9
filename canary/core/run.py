"""A run, from a new revision to its end: how it begins, moves, and ends.

Every function takes a situation and returns the next one, or a need. The phases that call them
are in `decide.py`.
"""

from analysis.model import Report, Verdict
from canary.api.people import WebhookType
from canary.api.status import MetricStatus, Outcome, Phase, Severity
from canary.core import conditions as why
from canary.core.facts import Revision
from canary.core.gates import Passed, Refused, ask, ask_gate, signalled
from canary.core.hooks import gate_deadline, muted
from canary.core.needs import Analyse, Need
from canary.core.situation import Situation
from canary.core.weights import (
    ALL_CANARY,
    ALL_PRIMARY,
    Split,
    next_weight,
    promotion_weight,
    step_plan,
)

Turn = Situation | Need


def pin(situation: Situation, revision: Revision) -> Situation:
    """Record the revision that everything from now on speaks of."""
    target = situation.facts.target
    return situation.but(
        last_applied_spec=revision.id,
        tracked_configs=dict(revision.configs),
        target_version=target.version if target else "",
        target_parked=False,
    )


def begin(situation: Situation, revision: Revision) -> Turn:
    """Begin a run for a new revision, at its first gate."""
    new = pin(situation, revision).but(
        failed_checks=0,
        iterations=0,
        metrics=(),
        run=None,
        paused=None,
        runs=situation.status.runs + 1,
    )
    if _primary_is_ready(new) or not new.status.canary_weight:
        new = new.split(ALL_PRIMARY)
    new = new.run()
    answer = ask_gate(new, WebhookType.CONFIRM_ROLLOUT)
    if isinstance(answer, Refused):
        return hold_rollout(
            new.tell("RevisionDetected", f"New revision {revision.id} of {_target(new)}"),
            answer.message,
        )
    if not isinstance(answer, Passed):
        return answer
    return start(new)


def start(situation: Situation) -> Situation:
    """Scale the canary up and go on when it is ready."""
    revision = situation.status.last_applied_spec
    started = situation.enter(Phase.PROGRESSING).run(next_analysis_at=None)
    return await_canary(
        started.tell(
            "RunStarted", f"New revision {revision} of {_target(started)}, scaling up", alert=True
        )
    )


def restart(situation: Situation, revision: Revision) -> Turn:
    """Begin again with a newer revision; the first gate is not asked again."""
    old = situation.status.last_applied_spec
    message = f"{_target(situation)} changed to revision {revision.id} during the run of {old}"
    new = pin(situation.close_run(Outcome.SUPERSEDED, "NewRevision", message), revision)
    new = new.but(
        failed_checks=0, iterations=0, metrics=(), runs=new.status.runs + 1, waiting_for=None
    )
    new = _settle_on_primary(new).run().enter(Phase.PROGRESSING)
    return await_canary(new.tell("RunRestarted", message, alert=True))


def cancel(situation: Situation, revision: Revision) -> Situation:
    """End a run whose target returned to the promoted revision."""
    old = situation.status.last_applied_spec
    message = f"{_target(situation)} returned to the promoted revision; {old} is dropped"
    ended = situation.close_run(Outcome.CANCELLED, "RevisionReverted", message)
    ended = _settle_on_primary(pin(ended, revision)).but(failed_checks=0, metrics=())
    return ended.enter(Phase.SUCCEEDED).tell(
        "RunCancelled", message, alert=True, hook=WebhookType.POST_ROLLOUT
    )


def await_canary(situation: Situation) -> Situation:
    """Wait until the canary is ready to be looked at."""
    return situation.wait(
        why.CANARY_NOT_READY,
        f"all pods of {_target(situation)} are to run the new revision and be ready",
        situation.progress_deadline,
    )


def follow_revision(situation: Situation, revision: Revision | None) -> Turn | None:
    """Restart or cancel where the target has moved on; None where the run goes on."""
    if revision is None or revision.id == situation.status.last_applied_spec:
        return None
    if revision.id == situation.status.last_promoted_spec:
        return cancel(situation, revision)
    return restart(situation, revision)


def hold_rollout(situation: Situation, message: str) -> Situation:
    """Wait at the first gate."""
    held = situation.enter(Phase.WAITING)
    return _hold(held, WebhookType.CONFIRM_ROLLOUT, why.ROLLOUT_GATE, message)


def look(situation: Situation) -> Turn:
    """Look at a run whose canary is ready: hooks, metrics, and the step that follows."""
    situation = situation.run()
    run = situation.current_run
    if run.full_promotion or situation.spec.skip_analysis:
        return promote(situation)
    if held_gate(situation) in run.approvals:
        return take_step(situation)
    due = run.next_analysis_at
    if due is not None and situation.now < due:
        return situation
    return _look_now(situation)


_GATES = {
    why.ROLLOUT_GATE: WebhookType.CONFIRM_ROLLOUT,
    why.TRAFFIC_GATE: WebhookType.CONFIRM_TRAFFIC_INCREASE,
    why.PROMOTION_GATE: WebhookType.CONFIRM_PROMOTION,
}


def held_gate(situation: Situation) -> WebhookType | None:
    """Name the gate that the run is held at, or None where it is not held at one."""
    wait = situation.status.waiting_for
    return _GATES.get(wait.reason) if wait else None


def _look_now(situation: Situation) -> Turn:
    signal = signalled(situation)
    if isinstance(signal, Passed):
        return roll_back(situation, "RollbackHook", f"Rollback hook {signal.hook} asked for it")
    if signal is not None and not isinstance(signal, Refused):
        return signal
    if not situation.current_run.pre_rollout_passed:
        return _first_look(situation)
    if not situation.status.canary_weight:
        # Held at the gate before the first step: there is no traffic that metrics could judge.
        return take_step(situation)
    hooks = ask(situation, WebhookType.ROLLOUT)
    if isinstance(hooks, Refused):
        return fail_check(situation, hooks.message)
    if not isinstance(hooks, Passed):
        return hooks
    return _analyse(situation)


def _first_look(situation: Situation) -> Turn:
    answer = ask(situation, WebhookType.PRE_ROLLOUT)
    if isinstance(answer, Refused):
        return fail_check(situation, answer.message)
    if not isinstance(answer, Passed):
        return answer
    ready = situation.run(pre_rollout_passed=True)
    if next_weight(step_plan(ready.spec.analysis), ready.status.canary_weight) is None:
        # The canary serves everybody already, for want of a healthy primary: there is no step
        # to take before the first analysis.
        return _later(ready, why.ANALYSIS_DUE, "the first analysis")
    return take_step(ready.tell("AnalysisStarted", f"Starting the analysis of {_target(ready)}"))


def _analyse(situation: Situation) -> Turn:
    run = situation.current_run
    need = Analyse(key=f"{run.id}/{run.looks}")
    report = situation.facts.answers.get(need)
    if not isinstance(report, Report):
        return need
    judged = situation.but(
        metrics=tuple(
            MetricStatus(
                name=check.metric,
                verdict=check.verdict,
                value=check.value,
                bound=check.bound,
                message=check.message,
                at=situation.now,
            )
            for check in report.checks
        )
    )
    if report.verdict is Verdict.FAIL:
        return fail_check(judged, _messages(report, Verdict.FAIL))
    if report.verdict is Verdict.INCONCLUSIVE:
        return _inconclusive(judged, _messages(report, Verdict.INCONCLUSIVE))
    return take_step(judged.run(analysis_passed=True))


def _messages(report: Report, verdict: Verdict) -> str:
    return "; ".join(check.message for check in report.checks if check.verdict is verdict)


def fail_check(situation: Situation, message: str) -> Situation:
    """Count a failed check, and roll back in this very decision where it reaches the threshold."""
    threshold = situation.spec.analysis.threshold
    failed = situation.run(analysis_passed=False).but(
        failed_checks=situation.status.failed_checks + 1
    )
    count = f"{failed.status.failed_checks} of {threshold} failed checks"
    if failed.status.failed_checks >= threshold:
        return roll_back(failed, "ChecksFailed", f"{count}: {message}")
    told = failed.tell("CheckFailed", f"{count}: {message}", Severity.WARN)
    return _later(told, why.CHECKS_FAILING, f"the next analysis, after {count}: {message}")


def _inconclusive(situation: Situation, message: str) -> Situation:
    first = not situation.waits_for(why.ANALYSIS_INCONCLUSIVE)
    held = situation.run(analysis_passed=False).wait(
        why.ANALYSIS_INCONCLUSIVE,
        f"a verdict; the weight is held: {message}",
        situation.progress_deadline,
    )
    if held.overdue:
        return roll_back(held, "AnalysisInconclusive", f"No verdict in time: {message}")
    if first:
        held = held.tell("AnalysisInconclusive", f"Holding: {message}", Severity.WARN)
    return _next_look(held)


def _later(situation: Situation, reason: str, message: str) -> Situation:
    return _next_look(situation.wait(reason, message))


def _next_look(situation: Situation) -> Situation:
    return situation.run(
        looks=situation.current_run.looks + 1,
        next_analysis_at=situation.now + situation.spec.analysis.interval,
    )


def take_step(situation: Situation) -> Turn:
    """Give the canary its next weight, or promote it after the last one, as the gates allow."""
    weight = next_weight(step_plan(situation.spec.analysis), situation.status.canary_weight)
    answer = ask_gate(situation, WebhookType.CONFIRM_TRAFFIC_INCREASE)
    if isinstance(answer, Refused):
        return _hold(
            situation, WebhookType.CONFIRM_TRAFFIC_INCREASE, why.TRAFFIC_GATE, answer.message
        )
    if not isinstance(answer, Passed):
        return answer
    if weight is None:
        return _pass_promotion_gate(situation)
    moved = situation.enter(Phase.PROGRESSING).split(Split.to_canary(weight))
    moved = moved.run(analysis_passed=False, approvals=())
    message = f"Weight of {_target(moved)} advanced to {weight} %"
    return _later(
        moved.tell("WeightAdvanced", message), why.ANALYSIS_DUE, f"the analysis at {weight} %"
    )


def _pass_promotion_gate(situation: Situation) -> Turn:
    answer = ask_gate(situation, WebhookType.CONFIRM_PROMOTION)
    if isinstance(answer, Refused):
        return _hold(
            situation.enter(Phase.WAITING_PROMOTION),
            WebhookType.CONFIRM_PROMOTION,
            why.PROMOTION_GATE,
            answer.message,
        )
    if not isinstance(answer, Passed):
        return answer
    return promote(situation)


def _hold(situation: Situation, type_: WebhookType, reason: str, message: str) -> Situation:
    first = not situation.waits_for(reason)
    held = situation.wait(reason, message, gate_deadline(situation.spec, type_))
    if held.overdue:
        return roll_back(held, "GateDeadlineExceeded", f"Nobody opened the gate in time: {message}")
    if first:
        held = held.tell(
            "GateBlocked", message, Severity.WARN, alert=not muted(held.spec, type_)
        )
    return _next_look(held)


def promote(situation: Situation) -> Situation:
    """Copy the analysed revision to the primary, with traffic where it is until it is ready."""
    revision = situation.status.last_applied_spec
    promoting = situation.enter(Phase.PROMOTING).run(next_analysis_at=None)
    return promoting.tell("PromotionStarted", f"Promoting revision {revision} to the primary").wait(
        why.PRIMARY_UPDATING,
        f"the primary is to run revision {revision} and be ready",
        promoting.progress_deadline,
    )


def return_traffic(situation: Situation) -> Situation:
    """Move traffic from the canary to the promoted primary, by steps where they are asked for."""
    due = situation.current_run.next_analysis_at
    if due is not None and situation.now < due:
        return situation
    weight = promotion_weight(situation.spec.analysis, situation.status.canary_weight)
    if weight:
        moved = situation.split(Split.to_canary(weight))
        moved = moved.tell("TrafficReturning", f"Weight of the primary advanced to {100 - weight} %")
        return _next_look(moved.wait(why.DRAINING, "the next step back to the primary"))
    return finalise(situation)


def finalise(situation: Situation) -> Situation:
    """Give the primary all traffic, and let what is in flight on the canary end."""
    revision = situation.status.last_applied_spec
    final = situation.split(ALL_PRIMARY).enter(Phase.FINALISING).but(last_promoted_spec=revision)
    return final.tell("TrafficReturned", f"The primary serves all traffic with {revision}")


def complete(situation: Situation) -> Situation:
    """End a run in success."""
    revision = situation.status.last_applied_spec
    message = f"Revision {revision} of {_target(situation)} is promoted"
    return (
        situation.close_run(Outcome.PROMOTED, "Promoted", message)
        .enter(Phase.SUCCEEDED)
        .tell("Promoted", message, alert=True, hook=WebhookType.POST_ROLLOUT)
    )


def roll_back(situation: Situation, reason: str, message: str) -> Situation:
    """End a run in failure, with all traffic on the side that can serve it."""
    if _primary_can_take_over(situation):
        moved, kept = situation.split(ALL_PRIMARY), ""
    else:
        moved, kept = situation.split(ALL_CANARY), "; the primary has no ready pod, the canary stays"
    return _fail(moved, Outcome.ROLLED_BACK, "RolledBack", reason, message + kept)


def fail_promotion(situation: Situation, reason: str, message: str) -> Situation:
    """End a run whose primary does not come up with the analysed revision."""
    target, primary = situation.facts.target, situation.facts.primary
    analysed = situation.facts.revision
    sound = (
        target is not None
        and target.serves
        and analysed is not None
        and analysed.id == situation.status.last_applied_spec
    )
    keep = sound or primary is None or not primary.serves
    moved = situation.split(ALL_CANARY if keep else ALL_PRIMARY)
    where = "traffic stays on the canary" if keep else "traffic is on the primary's older pods"
    return _fail(
        moved, Outcome.PROMOTION_FAILED, "PromotionFailed", reason, f"{message}; {where}"
    )


def _fail(
    situation: Situation, outcome: Outcome, event: str, reason: str, message: str
) -> Situation:
    failed = situation.close_run(outcome, reason, message).enter(Phase.FAILED)
    return failed.tell(
        event, message, Severity.ERROR, alert=True, hook=WebhookType.POST_ROLLOUT
    ).but(waiting_for=None)


def _primary_can_take_over(situation: Situation) -> bool:
    primary, target = situation.facts.primary, situation.facts.target
    primary_serves = primary is not None and primary.serves
    return primary_serves or target is None or not target.serves


def _primary_is_ready(situation: Situation) -> bool:
    primary = situation.facts.primary
    return primary is not None and primary.ready(situation.spec.analysis.primary_ready_threshold)


def _settle_on_primary(situation: Situation) -> Situation:
    """Send all traffic to the primary where it can serve; else leave it where it is."""
    if situation.status.canary_weight and not _primary_can_take_over(situation):
        return situation
    return situation.split(ALL_PRIMARY)


def _target(situation: Situation) -> str:
    return situation.spec.target_ref.name
