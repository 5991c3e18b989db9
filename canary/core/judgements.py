"""Judgements in the status: what is recorded of a check, and what its judge remembers."""

from collections.abc import Container
from datetime import datetime
from math import isfinite

from analysis.model import Check, Memory, Report, Verdict
from canary.api.metrics import MetricSpec
from canary.api.status import MetricStatus
from canary.core.baseline import check_without_baseline
from canary.core.limits import beyond, counted, has_own_limit, undecided_since
from canary.core.needs import Analyse
from canary.core.previous import check_alone, earlier_release, is_alone
from canary.core.resumed import started
from canary.core.situation import Situation
from canary.core.spending import overspent
from canary.core.verified import counted_over


def metrics_at(situation: Situation) -> tuple[MetricSpec, ...]:
    """Give the metrics that are judged now: those of the run, then those of the step."""
    step = situation.step
    return (*situation.spec.analysis.metrics, *(step.metrics if step else ()))


def warming_up(situation: Situation) -> dict[str, datetime]:
    """Give the metrics that are not judged yet in this step, and until when.

    A metric warms up in the step in which it is first judged, and in no later one.
    """
    began, status = situation.status.step_started_at, situation.status
    if began is None:
        return {}
    before = {each.name for each in status.metrics if each.at is not None and each.at < began}
    return {
        metric.name: began + metric.warm_up
        for metric in metrics_at(situation)
        if metric.name not in before and situation.now < began + metric.warm_up
    }


def memories(situation: Situation) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    """Give what judges have kept; where a metric has another judge now, that one starts from nothing."""
    judges = {metric.name: metric.judge for metric in metrics_at(situation)}
    return tuple(
        (each.name, tuple(sorted(each.memory.items())))
        for each in situation.status.metrics
        if each.memory and each.judge == judges.get(each.name)
    )


def analysis_need(situation: Situation, cold: Container[str]) -> Analyse:
    """Ask for a judgement of the metrics that are judged now; those that warm up are left out."""
    run = situation.current_run
    return Analyse(
        key=f"{run.id}/{run.looks}",
        metrics=tuple(
            each
            for each in metrics_at(situation)
            if each.name not in cold and _alone(situation, each) is None
        ),
        memories=memories(situation),
        count_over=counted_over(situation),
        since=situation.status.step_started_at,
        earlier=earlier_release(situation),
        started=started(situation),
    )


def checks_alone(situation: Situation) -> tuple[Check, ...]:
    """Give the checks of metrics that have nothing to be compared with."""
    found = (_alone(situation, each) for each in metrics_at(situation))
    return tuple(each for each in found if each is not None)


def _alone(situation: Situation, metric: MetricSpec) -> Check | None:
    """Say of a metric that it has nothing to be compared with now; None where it has."""
    if is_alone(situation, metric):
        return check_alone(metric)
    return check_without_baseline(situation, metric)


def record(situation: Situation, check: Check, memory: Memory | None) -> MetricStatus:
    """Give what the status keeps of a check."""
    spec = next((each for each in metrics_at(situation) if each.name == check.metric), None)
    before = next((each for each in situation.status.metrics if each.name == check.metric), None)
    # JSON has no word for NaN and the infinities; the message has.
    finite = check.value is not None and isfinite(check.value)
    return MetricStatus(
        name=check.metric,
        verdict=check.verdict,
        value=check.value if finite else None,
        bound=check.bound,
        message=check.message,
        at=situation.now,
        shadow=check.shadow or None,
        counts=counted(spec, before, check),
        undecided_since=undecided_since(
            spec,
            before,
            check,
            now=situation.now,
            step_began=situation.status.step_started_at,
        ),
        judge=spec.judge if memory and spec else None,
        memory=dict(memory) if memory else None,
    )


def beyond_limits(situation: Situation) -> str:
    """Say which metrics have gone beyond limits of their own; empty where none has."""
    specs = {each.name: each for each in metrics_at(situation)}
    limits = (
        f"{each.name}: {limit}: {each.message}"
        for each in situation.status.metrics
        if each.counts is not None and not each.shadow and each.name in specs
        for limit in beyond(specs[each.name], each.counts)
    )
    return "; ".join((*limits, *overspent(situation.spec, situation.status)))


def fails_by_itself(situation: Situation, report: Report) -> bool:
    """Tell whether all that failed has limits of its own, and reached none of them."""
    own = {each.name for each in metrics_at(situation) if has_own_limit(each)}
    return all(check.metric in own and not check.proven for check in report.failures)


def proven_harmless(report: Report) -> bool:
    """Tell whether every check that counts has passed by a proof; without one there is no proof."""
    checks = report.counting
    return bool(checks) and all(each.proven and each.verdict is Verdict.PASS for each in checks)


def messages(report: Report, verdict: Verdict) -> str:
    """Say why the checks with a verdict have it."""
    return "; ".join(check.message for check in report.counting if check.verdict == verdict)
