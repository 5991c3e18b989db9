"""Checks that metric stores work on for minutes: kept in the status, so that a restart goes on with them.

1. A check is started in an analysis and polled in the next ones, until it has an answer.
2. It is for one step of one run: where the step is left, or the run ends, it is not waited for.
3. What is not waited for is cancelled at its store before it is forgotten.
"""

from analysis.model import Check, Report, Started, Verdict
from canary.api.metrics import MetricSpec
from canary.api.status import StoreCheck
from canary.core import waits as why
from canary.core.phases import RUNNING
from canary.core.situation import Situation

MOST_OVER = 16
"""More are not cancelled at once: of a store that cannot be reached, the oldest are forgotten."""


def started(situation: Situation) -> tuple[tuple[str, Started], ...]:
    """Give what stores work on for this step, by the metric's name."""
    return tuple(
        (each.metric, Started(key=each.key, since=each.since, handle=each.handle))
        for each in situation.status.store_checks
        if _is_awaited(situation, each)
    )


def note_started(
    situation: Situation, report: Report, metrics: tuple[MetricSpec, ...]
) -> Situation:
    """Note what an analysis has started, and what of it is over."""
    specs, run = {each.name: each for each in metrics}, situation.current_run
    before = situation.status.store_checks
    known = {each.key for each in before}
    new = (
        StoreCheck(
            metric=name,
            key=each.key,
            since=each.since,
            handle=each.handle,
            template=_template(specs[name]),
            run=run.id,
            step=run.step,
        )
        for name, each in report.started.items()
        if each is not None and each.key not in known
    )
    return situation.but(store_checks=(*(_after(each, report) for each in before), *new))


def _after(check: StoreCheck, report: Report) -> StoreCheck:
    """Give a check as an analysis has left it."""
    if check.over or check.metric not in report.started:
        return check
    now = report.started[check.metric]
    if now is None or now.key != check.key:
        return check.but(over=True)
    return check.but(handle=now.handle)


def forget_checks(situation: Situation) -> Situation:
    """Wait no longer for checks of a step that was left, and forget those that were cancelled.

    One without a handle was, as far as is known, never started.
    """
    awaited = [
        each if each.over or _is_awaited(situation, each) else each.but(over=True)
        for each in situation.status.store_checks
    ]
    going = [each for each in awaited if not each.over]
    over = [
        each
        for each in awaited
        if each.over and each.handle and each.key not in situation.facts.cancelled
    ]
    checks = (*over[-MOST_OVER:], *going)
    if checks == situation.status.store_checks:
        return situation
    return situation.but(store_checks=checks)


def await_checks(situation: Situation, report: Report) -> Situation | None:
    """Stay at the step where nothing but stores at work keeps a verdict; None where anything else does.

    A hold that an outage has begun goes on: a store that never answers would end it again and again.
    """
    open_ = [each for each in report.counting if each.verdict is Verdict.INCONCLUSIVE]
    held = situation.held_by(why.ANALYSIS_INCONCLUSIVE)
    if held or not open_ or not all(each.pending for each in open_):
        return None
    staying = situation.with_run(analysis_passed=False)
    return staying.wait(why.ANALYSIS_DUE, f"the next analysis; {_told(open_)}").look_again()


def _told(checks: list[Check]) -> str:
    return "; ".join(each.message for each in checks)


def _is_awaited(situation: Situation, check: StoreCheck) -> bool:
    run = situation.status.run
    here = run is not None and (run.id, run.step) == (check.run, check.step)
    return here and situation.status.phase in RUNNING and not check.over


def _template(spec: MetricSpec) -> str:
    """Name the template that a metric asks by; those without ask stores that answer at once."""
    reference = spec.template_ref
    if reference is None:
        return ""
    return f"{reference.namespace}/{reference.name}" if reference.namespace else reference.name
