"""A look at a run whose canary is ready: hooks, metrics, and what follows from them.

Who fails counts towards the rollback; who gives no verdict holds the weight; who passes moves on,
as the gates allow.
"""

from collections.abc import Mapping
from datetime import datetime

from analysis.model import Check, Report, Verdict
from canary.api.people import WebhookType
from canary.api.status import Severity, Stage
from canary.core import waits as why
from canary.core.advance import UNREADY, judged, kept_by_fleet, move_on, release, take_step
from canary.core.asking import Passed, Refused, ask, signalled
from canary.core.baseline import baseline_lacks
from canary.core.capacity import beyond_primary
from canary.core.ending import roll_back
from canary.core.gates import held_gates
from canary.core.judgements import (
    analysis_need,
    beyond_limits,
    checks_alone,
    fails_by_itself,
    messages,
    metrics_at,
    proven_harmless,
    record,
    warming_up,
)
from canary.core.lasting_holds import alert_hold
from canary.core.late_route import await_route, route_lags
from canary.core.plan import Step
from canary.core.resumed import await_checks, note_started
from canary.core.score import fails_critically, score_check
from canary.core.situation import Situation, Turn, timed_out
from canary.core.undecided import await_proof, concluded, unproven
from canary.core.verified import share_check

_BETWEEN_LOOKS = frozenset({Stage.ANALYSING, Stage.GATED, Stage.RETURNING, Stage.WITHHELD})
"""Where a run may be between two looks; anything else is over when the canary is ready."""

_HELD_BACK = frozenset({Stage.GATED, Stage.WITHHELD})
"""Where leave is missing, which has a question of its own."""


def look(situation: Situation) -> Turn:
    """Look at a run whose canary is ready, if it is time."""
    situation = situation.with_run() if situation.begun else situation.end_holds(*UNREADY)
    run = situation.current_run
    if run.full_promotion or situation.skips_steps:
        return move_on(situation, None)
    opened = _opened_by_hand(situation) or _opened_by_fleet(situation)
    if (opened or _goes_on(situation)) and not route_lags(situation):
        return take_step(situation)
    due = run.next_analysis_at is None or situation.now >= run.next_analysis_at
    # Where pods decide the share, it comes with the last of them.
    grown = situation.facts.by_replicas and situation.stage is Stage.FILLING and situation.begun
    awaited = situation.stage is Stage.ROUTING or grown
    if (due or awaited) and route_lags(situation):
        return await_route(situation)
    if awaited:
        # The traffic has only now come: a whole interval of it is judged, once proxies follow.
        lasts = max(situation.spec.analysis.interval, situation.facts.settling)
        return situation.look_again(situation.now + lasts).wait(
            why.ANALYSIS_DUE, "the next analysis"
        )
    if due:
        return _look_now(situation)
    if situation.stage in _BETWEEN_LOOKS:
        return situation
    return situation.wait(why.ANALYSIS_DUE, "the next analysis")


def look_at_unready(situation: Situation) -> Turn:
    """Look at a run whose canary is not ready, if it is time: a failure counts, a pass does not.

    What has had traffic in this step is judged by its metrics even while it has none, and what has
    traffic, or a pod that is tested without any, by its hooks as well.
    """
    due = situation.current_run.next_analysis_at
    seen = situation.begun or situation.status.canary_weight
    if not seen or (due is not None and situation.now < due) or route_lags(situation):
        return situation
    return signalled(situation) or _judge(situation)


def _opened_by_hand(situation: Situation) -> bool:
    """Tell whether a gate was opened at which nothing but the gate holds the run."""
    approvals = situation.current_run.approvals
    held = held_gates(situation.status).values()
    return _passed(situation) and any(gate in approvals for gate in held)


def _passed(situation: Situation) -> bool:
    """Tell whether there is nothing to judge before the next step, or that has passed."""
    return situation.current_run.analysis_passed or not judged(situation)


def _opened_by_fleet(situation: Situation) -> bool:
    """Tell whether a run that only a rule of the fleet has held has its leave by now."""
    ready = situation.current_run.pre_rollout_passed and _passed(situation)
    return situation.stage is Stage.WITHHELD and ready and kept_by_fleet(situation) is None


def _goes_on(situation: Situation) -> bool:
    """Tell whether the run goes on without another analysis; held back, it asks for leave first."""
    run = situation.current_run
    bound = run.next_step is not None and (situation.begun or run.pre_rollout_passed)
    short = beyond_primary(situation, situation.next_step)
    return bound and situation.stage not in _HELD_BACK and not short


def _look_now(situation: Situation) -> Turn:
    signal = signalled(situation)
    if signal is not None:
        return signal
    kept = None if judged(situation) else kept_by_fleet(situation)
    if kept is not None:
        # No hook is called for a step that does not come.
        return kept
    if not situation.current_run.pre_rollout_passed:
        return _first_look(situation)
    if not judged(situation):
        # Held at the gate before the first step: there is nothing that metrics could judge.
        return take_step(situation)
    return _judge(situation)


def _judge(situation: Situation) -> Turn:
    """Ask the hooks that run with the analysis, then the metrics."""
    beside = situation.begun and not situation.step_weight
    serves = situation.status.canary_weight or (beside and situation.target_serves)
    return (_check(situation, WebhookType.ROLLOUT) if serves else None) or _analyse(situation)


def _check(situation: Situation, type_: WebhookType) -> Turn | None:
    """Ask the hooks of one type, and count a failed check where one does not pass."""
    answer = ask(situation, type_)
    if isinstance(answer, Refused):
        return _fail_check(situation, answer.message)
    return None if isinstance(answer, Passed) else answer


def _first_look(situation: Situation) -> Turn:
    if refused := _check(situation, WebhookType.PRE_ROLLOUT):
        return refused
    ready = situation.with_run(pre_rollout_passed=True)
    ready = ready.tell("AnalysisStarted", f"Starting the analysis of {ready.target_name}")
    if ready.status.canary_weight:
        # The canary serves already, for want of a healthy primary: what it serves is judged before
        # it gets more.
        return ready.wait(why.ANALYSIS_DUE, "the first analysis").look_again()
    return take_step(ready)


def _analyse(situation: Situation) -> Turn:
    cold = warming_up(situation)
    need = analysis_need(situation, cold)
    report = situation.facts.answer(need)
    if report is None:
        return need
    kept = {name: dict(memory) for name, memory in need.memories} | dict(report.memories)
    report = concluded(situation, report)
    share, score = share_check(situation, report.requests), score_check(situation, report)
    added = (*checks_alone(situation), *(each for each in (share, score) if each))
    checks = (*report.checks, *added)
    metrics = (record(situation, check, kept.get(check.metric)) for check in checks)
    noted = note_started(situation, report, metrics_at(situation))
    judged = noted.but(metrics=tuple(metrics))
    verdict = score.verdict if score else report.verdict
    if beyond_limits(judged) or fails_critically(judged, report) or unproven(judged, report):
        return _failed(judged, report)
    if verdict is Verdict.FAIL:
        return _failed(judged, report, score)
    if verdict is Verdict.INCONCLUSIVE:
        return await_checks(judged, report) or _inconclusive(
            judged, report, score.message if score else messages(report, verdict)
        )
    if share is not None and share.verdict is not Verdict.PASS:
        return _unverified(judged, share.message)
    if cold:
        return _warm_up(judged, cold)
    passed = judged.with_run(analysis_passed=True)
    if not passed.target_ready or baseline_lacks(passed):
        return passed.end_holds(why.ANALYSIS_INCONCLUSIVE).look_again()
    return _count_pass(release(passed), harmless=proven_harmless(report))


def _failed(situation: Situation, report: Report, score: Check | None = None) -> Situation:
    """Follow failed checks: by limits of their metrics' own first, then by the threshold.

    A hold that ends with a rollback is such a limit. By a score an analysis fails as a whole, and
    counts towards the threshold.
    """
    message = score.message if score else messages(report, Verdict.FAIL)
    if over := beyond_limits(situation):
        return roll_back(situation.with_run(analysis_passed=False), "ChecksFailed", over)
    if late := unproven(situation, report):
        ending = situation.with_run(analysis_passed=False)
        return roll_back(ending, "AnalysisInconclusive", f"No proof in time: {late}")
    if score is None and fails_by_itself(situation, report):
        return _stay(situation, message)
    return _fail_check(situation, message, proven=any(each.proven for each in report.failures))


def _count_pass(situation: Situation, *, harmless: bool) -> Turn:
    """Count a pass, and go on once the step has had its passes and time, or may end without them."""
    step = situation.step or Step()
    if situation.current_run.next_step is not None or (step.early and harmless):
        return take_step(situation)
    if step.passes == 1:
        return _take_its_time(situation, step)
    passes = min(situation.current_run.passes + 1, step.passes)
    counted = situation.with_run(passes=passes)
    if passes > situation.current_run.passes:
        counted = counted.tell("IterationPassed", f"Iteration {passes} of {step.passes} passed")
    if passes == step.passes:
        return _take_its_time(counted, step)
    return counted.wait(why.ANALYSIS_DUE, f"iteration {passes + 1} of {step.passes}").look_again()


def _take_its_time(situation: Situation, step: Step) -> Turn:
    """Take the next step, or analyse on until this one has lasted as long as it should."""
    since = situation.current_run.lasting_since
    ends = None if since is None else since + step.lasts
    if ends is None or situation.now >= ends:
        return take_step(situation)
    message = f"the next analysis; the step lasts until {ends:%Y-%m-%d %H:%M:%S} UTC"
    return situation.wait(why.ANALYSIS_DUE, message).look_again().look_no_later(ends)


def _stay(situation: Situation, message: str) -> Situation:
    """Stay at the step after failures that have limits of their own, and reached none."""
    failed = situation.with_run(analysis_passed=False).end_holds(why.ANALYSIS_INCONCLUSIVE)
    told = failed.tell("CheckFailed", message, Severity.WARN)
    return told.wait(why.CHECKS_FAILING, f"the next analysis: {message}").look_again()


def _warm_up(situation: Situation, cold: Mapping[str, datetime]) -> Situation:
    """Stay at the step until each metric can be judged: nothing else speaks against the canary."""
    first = min(cold.values())
    message = (
        f"the next analysis; {', '.join(cold)} not judged before {first:%H:%M:%S} UTC (warmUp)"
    )
    held = situation.with_run(analysis_passed=False).end_holds(why.ANALYSIS_INCONCLUSIVE)
    return held.wait(why.ANALYSIS_DUE, message).look_again().look_no_later(first)


def _fail_check(situation: Situation, message: str, *, proven: bool = False) -> Situation:
    """Count a failed check, and roll back in this very decision where it reaches the threshold.

    What is proven need not be repeated: it rolls back at once.
    """
    threshold = situation.spec.analysis.failures_to_roll_back
    failed = situation.with_run(analysis_passed=False).end_holds(why.ANALYSIS_INCONCLUSIVE)
    failed = failed.but(failed_checks=situation.status.failed_checks + 1)
    count = f"{failed.status.failed_checks} of {threshold} failed checks"
    if failed.status.failed_checks >= threshold:
        return roll_back(failed, "ChecksFailed", f"{count}: {message}")
    if proven:
        return roll_back(failed, "ChecksFailed", message)
    told = failed.tell("CheckFailed", f"{count}: {message}", Severity.WARN)
    waiting = f"the next analysis, after {count}: {message}"
    return told.wait(why.CHECKS_FAILING, waiting).look_again()


def _unverified(situation: Situation, message: str) -> Situation:
    """Hold the weight: what the step is judged by is not the traffic that it asks for."""
    first = not situation.held_by(why.TRAFFIC_UNVERIFIED)
    held = situation.with_run(analysis_passed=False).end_holds(why.ANALYSIS_INCONCLUSIVE)
    waiting = f"waiting for the canary's share of the requests: {message}"
    held = held.hold(why.TRAFFIC_UNVERIFIED, waiting, situation.hold_timeout)
    if held.overdue:
        return roll_back(held, why.TRAFFIC_UNVERIFIED, timed_out(waiting))
    if first:
        held = held.tell(why.TRAFFIC_UNVERIFIED, f"Holding: {message}", Severity.WARN)
    return alert_hold(held, why.TRAFFIC_UNVERIFIED, message).look_again()


def _inconclusive(situation: Situation, report: Report, message: str) -> Situation:
    if awaiting := await_proof(situation, report, message):
        return awaiting
    first = not situation.held_by(why.ANALYSIS_INCONCLUSIVE)
    held = situation.with_run(analysis_passed=False).hold(
        why.ANALYSIS_INCONCLUSIVE,
        f"waiting for a verdict, at the weight as it is: {message}",
        situation.hold_timeout,
    )
    if held.overdue:
        return roll_back(held, "AnalysisInconclusive", f"No verdict in time: {message}")
    if first:
        held = held.tell("AnalysisInconclusive", f"Holding: {message}", Severity.WARN)
    return alert_hold(held, why.ANALYSIS_INCONCLUSIVE, message).look_again()
