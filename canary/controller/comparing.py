"""Whom a metric compares the canary with: the primary beside it, or the release before it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from analysis.errors import QueryError
from analysis.judges import compares, counts
from analysis.model import Arm, Ask, Metric
from analysis.providers import KEPT_BY
from analysis.template import TemplateContext
from canary.api.metrics import CompareWith, MetricSpec
from canary.core.needs import Earlier

_Sides = tuple[tuple[Arm, TemplateContext], ...]


def with_previous(spec: MetricSpec) -> bool:
    """Tell whether a metric compares with the previous release.

    Raises:
        QueryError: its judge compares with nothing.
    """
    if spec.compare_with is not CompareWith.PREVIOUS:
        return False
    if not (counts(spec.judge) or compares(spec.judge)):
        raise QueryError(
            f"compareWith: previous: judge {spec.judge} compares with nothing; write judge: "
            "sequential, sign or mann-whitney, or remove compareWith"
        )
    return True


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


def sides_with(earlier: Earlier | None, sides: _Sides) -> _Sides:
    """Put the canary of the earlier release where the primary is."""
    canary = next(context for arm, context in sides if arm is Arm.CANARY)
    return ((Arm.CANARY, canary), (Arm.PRIMARY, of_earlier(earlier, canary)))


def of_earlier(earlier: Earlier | None, context: TemplateContext) -> TemplateContext:
    """Give the context of a query about the canary as one about that of the earlier release."""
    return replace(context, revision=earlier.revision) if earlier else context


def asked_earlier(metric: Metric, earlier: Earlier | None) -> Metric:
    """Ask about the earlier release when it was where this one is now.

    Raises:
        QueryError: the store keeps no past that can be read.
    """
    if metric.provider.type not in KEPT_BY:
        raise QueryError(
            f"compareWith: previous: the provider {metric.provider.type} keeps no past that can be "
            f"read; use {', '.join(sorted(KEPT_BY))}, or compareWith: primary"
        )
    ago = earlier.ago if earlier else timedelta(0)
    return replace(metric, asks=tuple(_asks(metric.asks, ago)), control="previous release")


def _asks(asks: Sequence[Ask], ago: timedelta) -> list[Ask]:
    return [replace(ask, earlier=ago) if ask.arm is Arm.PRIMARY else ask for ask in asks]
