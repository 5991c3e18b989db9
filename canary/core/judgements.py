"""Judgements in the status: what is recorded of a check, and what its judge remembers."""

from datetime import datetime
from math import isfinite

from analysis.model import Check, Memory, Report, Verdict
from canary.api.metrics import MetricSpec
from canary.api.status import MetricStatus
from canary.core.situation import Situation


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


def _judge_of(situation: Situation, metric: str) -> str | None:
    metrics = metrics_at(situation)
    return next((each.judge for each in metrics if each.name == metric), None)


def record(situation: Situation, check: Check, memory: Memory | None) -> MetricStatus:
    """Give what the status keeps of a check."""
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
        judge=_judge_of(situation, check.metric) if memory else None,
        memory=dict(memory) if memory else None,
    )


def messages(report: Report, verdict: Verdict) -> str:
    """Say why the checks with a verdict have it."""
    return "; ".join(check.message for check in report.counting if check.verdict is verdict)
