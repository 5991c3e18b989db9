"""Whom a metric compares the canary with: the primary, a baseline, or the release before it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from analysis.errors import QueryError
from analysis.judges import compares, counts
from analysis.model import Arm, Ask, Metric
from analysis.providers import KEPT_BY
from analysis.template import TemplateContext
from canary.api.metrics import CompareWith, MetricSpec
from canary.controller.canaries import CanaryRecord
from canary.controller.contexts import of_baseline, of_primary, sides, sides_with_baseline
from canary.core.needs import Earlier
from canary.routers import ClusterState

_Sides = tuple[tuple[Arm, TemplateContext], ...]


def check_compared(spec: MetricSpec) -> None:
    """Refuse to compare by a judge that does not.

    Raises:
        QueryError: its judge compares with nothing.
    """
    if spec.compare_with is CompareWith.PRIMARY or counts(spec.judge) or compares(spec.judge):
        return
    raise QueryError(
        f"compareWith: {spec.compare_with}: judge {spec.judge} compares with nothing; write judge: "
        "sequential, sign or mann-whitney, or remove compareWith"
    )


def check_objective(spec: MetricSpec) -> None:
    """Refuse an objective where no requests are counted.

    Raises:
        QueryError: the judge counts no requests.
    """
    if spec.objective is not None and not counts(spec.judge):
        raise QueryError(
            f"objective: judge {spec.judge} counts no requests; write judge: sequential, or remove "
            "objective"
        )


def compared_sides(
    spec: MetricSpec,
    record: CanaryRecord,
    routes: ClusterState,
    context: TemplateContext,
    earlier: Earlier | None,
) -> _Sides:
    """Give the context of each side of which a metric counts something."""
    if spec.compare_with is CompareWith.BASELINE:
        return sides_with_baseline(record, routes, context)
    of_sides = sides(record, routes, context)
    if spec.compare_with is CompareWith.PRIMARY:
        return of_sides
    canary = next(each for arm, each in of_sides if arm is Arm.CANARY)
    return ((Arm.CANARY, canary), (Arm.PRIMARY, _of_earlier(earlier, canary)))


def compared_with(
    spec: MetricSpec,
    record: CanaryRecord,
    routes: ClusterState,
    context: TemplateContext,
    earlier: Earlier | None,
) -> TemplateContext:
    """Give the context of whom a metric compares a value of the canary with."""
    match spec.compare_with:
        case CompareWith.BASELINE:
            return of_baseline(record, routes, context)
        case CompareWith.PREVIOUS:
            return _of_earlier(earlier, context)
        case CompareWith.PRIMARY:
            return of_primary(record, routes, context)


def asked_of(spec: MetricSpec, metric: Metric, earlier: Earlier | None) -> Metric:
    """Have a metric name whom it compares with, and ask about the earlier release at its time.

    Raises:
        QueryError: the store keeps no past that can be read.
    """
    match spec.compare_with:
        case CompareWith.BASELINE:
            return replace(metric, control="baseline", second="primary")
        case CompareWith.PREVIOUS:
            return _asked_earlier(metric, earlier)
        case CompareWith.PRIMARY:
            return metric


def _of_earlier(earlier: Earlier | None, context: TemplateContext) -> TemplateContext:
    """Give the context of a query about the canary as one about that of the earlier release."""
    return replace(context, revision=earlier.revision) if earlier else context


def _asked_earlier(metric: Metric, earlier: Earlier | None) -> Metric:
    """Ask about the earlier release when it was where this one is now."""
    if metric.provider.type not in KEPT_BY:
        raise QueryError(
            f"compareWith: previous: the provider {metric.provider.type} keeps no past that can be "
            f"read; use {', '.join(sorted(KEPT_BY))}, or compareWith: primary"
        )
    ago = earlier.ago if earlier else timedelta(0)
    return replace(metric, asks=tuple(_asks(metric.asks, ago)), control="previous release")


def _asks(asks: Sequence[Ask], ago: timedelta) -> list[Ask]:
    return [replace(ask, earlier=ago) if ask.arm is Arm.PRIMARY else ask for ask in asks]
