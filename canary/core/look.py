"""A look at a run whose canary is ready: hooks, metrics, and the step that follows.

Who fails counts towards the rollback; who gives no verdict holds the weight; who passes moves on,
as the gates allow.
"""

from dataclasses import replace

from analysis.model import Verdict
from canary.api.people import WebhookType
from canary.api.status import Phase, Severity, Stage
from canary.core import waits as why
from canary.core.asking import Passed, Refused, ask, signalled
from canary.core.capacity import sized
from canary.core.ending import roll_back
from canary.core.gates import held_gates
from canary.core.hooks import GATES
from canary.core.judgements import memories, messages, metrics_at, record
from canary.core.leave import leave, withhold
from canary.core.needs import Analyse
from canary.core.plan import Step
from canary.core.promotion import promote
from canary.core.shares import by_pods
from canary.core.situation import Situation, Turn, earliest, timed_out
from canary.core.weights import FULL
from canary.core.wishes import Granted, Wish, Withheld, step_wishes

_BETWEEN_LOOKS = frozenset({Stage.ANALYSING, Stage.GATED})
"""Where a run may be between two looks; anything else is over when the canary is ready."""

UNREADY = (why.CANARY_NOT_READY, why.TARGET_MISSING, why.REVISION_UNKNOWN)
"""What holds a run whose canary is not ready. Where it has had traffic, the hold ends with the next
analysis that passes, so that a canary which comes and goes does not get the deadline again each time."""


def look(situation: Situation) -> Turn:
    """Look at a run whose canary is ready, if it is time."""
    situation = situation.with_run() if situation.begun else situation.end_holds(*UNREADY)
    run = situation.current_run
    if run.full_promotion or situation.skips_steps:
        return _move_on(situation, None)
    if _opened_by_hand(situation) and not _route_lags(situation):
        return _take_step(situation)
    due = run.next_analysis_at is None or situation.now >= run.next_analysis_at
    # Where pods decide the share, it comes with the last of them.
    grown = situation.facts.by_replicas and situation.stage is Stage.FILLING
    awaited = situation.stage is Stage.ROUTING or (grown and situation.begun)
    if (due or awaited) and _route_lags(situation):
        return _await_route(situation)
    if awaited:
        # The traffic has only now come: a whole interval of it is judged.
        return situation.look_again().wait(why.ANALYSIS_DUE, "the next analysis")
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
    if not seen or (due is not None and situation.now < due) or _route_lags(situation):
        return situation
    return signalled(situation) or _judge(situation)


def _route_lags(situation: Situation) -> bool:
    """Tell whether the canary does not have the traffic yet that must be judged."""
    routed = situation.facts.routed
    return routed is not None and not routed.carries(situation.intended)


def _await_route(situation: Situation) -> Situation:
    """Wait until the route could be written: what has no traffic is neither judged nor moved on."""
    weight, mirror = situation.status.canary_weight, situation.status.weights.mirror
    what = f"send {situation.share(weight)}" if weight else f"mirror {mirror} % of the requests"
    message = f"waiting for the route to {what} to the canary"
    held = situation.progress(why.ROUTING, message)
    if held.overdue:
        return roll_back(held, why.ROUTING, timed_out(situation.obstructed(message)))
    return held


def _opened_by_hand(situation: Situation) -> bool:
    """Tell whether a gate was opened at which nothing but the gate holds the run."""
    run = situation.current_run
    passed = run.analysis_passed or not _judged(situation)
    return passed and any(gate in run.approvals for gate in held_gates(situation.status).values())


def _look_now(situation: Situation) -> Turn:
    signal = signalled(situation)
    if signal is not None:
        return signal
    if not situation.current_run.pre_rollout_passed:
        return _first_look(situation)
    if not _judged(situation):
        # Held at the gate before the first step: there is nothing that metrics could judge.
        return _take_step(situation)
    return _judge(situation)


def _judged(situation: Situation) -> bool:
    """Tell whether the canary is judged: it is at a step, or serves for want of the primary."""
    return situation.begun or situation.status.canary_weight > 0


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
    return _take_step(ready)


def _analyse(situation: Situation) -> Turn:
    run = situation.current_run
    need = Analyse(
        key=f"{run.id}/{run.looks}",
        metrics=metrics_at(situation),
        memories=memories(situation),
    )
    report = situation.facts.answer(need)
    if report is None:
        return need
    kept = {name: dict(memory) for name, memory in need.memories} | dict(report.memories)
    metrics = (record(situation, check, kept.get(check.metric)) for check in report.checks)
    judged = situation.but(metrics=tuple(metrics))
    if report.verdict is Verdict.FAIL:
        return _fail_check(judged, messages(report, Verdict.FAIL))
    if report.verdict is Verdict.INCONCLUSIVE:
        return _inconclusive(judged, messages(report, Verdict.INCONCLUSIVE))
    passed = judged.with_run(analysis_passed=True)
    if not passed.target_ready:
        return passed.end_holds(why.ANALYSIS_INCONCLUSIVE).look_again()
    return _count_pass(_release(passed))


def _count_pass(situation: Situation) -> Turn:
    """Count a pass, and go on to the next step when this one has had its passes and its time."""
    step = situation.step or Step()
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
    since = situation.current_run.step_since
    ends = None if since is None else since + step.lasts
    if ends is None or situation.now >= ends:
        return _take_step(situation)
    message = f"the next analysis; the step lasts until {ends:%Y-%m-%d %H:%M:%S} UTC"
    looking = situation.wait(why.ANALYSIS_DUE, message).look_again()
    return looking.with_run(next_analysis_at=earliest((looking.current_run.next_analysis_at, ends)))


def _release(situation: Situation) -> Situation:
    """End what held the run; a primary that is lost is one episode until it is back."""
    back = (why.PRIMARY_NOT_READY,) if situation.primary_serves else ()
    return situation.end_holds(why.ANALYSIS_INCONCLUSIVE, *UNREADY, *back)


def _fail_check(situation: Situation, message: str) -> Situation:
    """Count a failed check, and roll back in this very decision where it reaches the threshold."""
    threshold = situation.spec.analysis.failures_to_roll_back
    failed = situation.with_run(analysis_passed=False).end_holds(why.ANALYSIS_INCONCLUSIVE)
    failed = failed.but(failed_checks=situation.status.failed_checks + 1)
    count = f"{failed.status.failed_checks} of {threshold} failed checks"
    if failed.status.failed_checks >= threshold:
        return roll_back(failed, "ChecksFailed", f"{count}: {message}")
    told = failed.tell("CheckFailed", f"{count}: {message}", Severity.WARN)
    waiting = f"the next analysis, after {count}: {message}"
    return told.wait(why.CHECKS_FAILING, waiting).look_again()


def _inconclusive(situation: Situation, message: str) -> Situation:
    first = not situation.held_by(why.ANALYSIS_INCONCLUSIVE)
    held = situation.with_run(analysis_passed=False).hold(
        why.ANALYSIS_INCONCLUSIVE,
        f"waiting for a verdict, at the weight as it is: {message}",
        situation.progress_deadline,
    )
    if held.overdue:
        return roll_back(held, "AnalysisInconclusive", f"No verdict in time: {message}")
    if first:
        held = held.tell("AnalysisInconclusive", f"Holding: {message}", Severity.WARN)
    return held.look_again()


def _take_step(situation: Situation) -> Turn:
    """Take the next step, or promote after the last one, with leave."""
    return _move_on(situation, situation.plan.step(situation.current_run.step + 1))


def _move_on(situation: Situation, step: Step | None) -> Turn:
    """Take a step, or promote where there is none, with leave."""
    for wish in step_wishes(situation, step):
        answer = leave(wish, situation)
        if isinstance(answer, Withheld):
            return _stay(situation, wish, answer)
        if not isinstance(answer, Granted):
            return answer
    return promote(situation) if step is None else _advance(situation, step)


def _stay(situation: Situation, wish: Wish, withheld: Withheld) -> Situation:
    """Wait for leave; with something to judge the analysis goes on meanwhile."""
    if _judged(situation):
        withheld = replace(withheld, until=situation.now + situation.spec.analysis.interval)
    if wish is Wish.PROMOTE:
        situation = situation.end_holds(why.TRAFFIC_GATE).enter(Phase.WAITING_PROMOTION)
    return withhold(situation, withheld)


def _advance(situation: Situation, step: Step) -> Situation:
    number, before = situation.current_run.step + 1, situation.step_weight
    moved = situation.enter(Phase.PROGRESSING).take_step(number)
    if step.weight or step.mirror or before:
        copies = step.mirror and not step.weight
        reason = "MirroringStarted" if copies else "WeightAdvanced"
        joined = moved.without_event("AnalysisStarted")
        starts = "" if joined is moved else "; the analysis starts"
        moved = joined.tell(reason, f"{_told(moved, step, before=before)}{starts}")
    moved = _release(moved.with_run(analysis_passed=False, approvals=())).end_holds(*GATES)
    if not sized(moved, step.weight):
        moved = moved.note_hold(why.CANARY_NOT_READY)
    return moved.wait(why.ANALYSIS_DUE, f"the analysis {_where(step)}").look_again()


def _told(situation: Situation, step: Step, *, before: int) -> str:
    """Say what the canary gets from now on."""
    target, carried = situation.target_name, situation.status.canary_weight
    said = []
    if step.matched and step.weight == FULL:
        said.append(f"{target} serves the requests that match")
    elif step.weight or before:
        moved = f"{_moved(before, step.weight)} {step.weight} %{by_pods(situation, step.weight)}"
        said.append(f"Weight of {target} {moved}")
    if step.mirror:
        said.append(f"{step.mirror} % of the requests are mirrored to {target}")
    message = "; ".join(said)
    if step.name:
        message = f"Step {step.name}: {message}"
    if not situation.above_step:
        return message
    return f"{message}; it serves {carried} % until the primary is ready"


def _moved(before: int, after: int) -> str:
    if after == before:
        return "stays at"
    return "advanced to" if after > before else "lowered to"


def _where(step: Step) -> str:
    """Say at which traffic the canary is judged."""
    if step.weight:
        return f"at {step.weight} %"
    return "of mirrored requests" if step.mirror else "without traffic"
