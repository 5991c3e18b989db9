"""Limits of a metric's own: how often it may fail, give no verdict or go unanswered in one run."""

from collections.abc import Iterator

from analysis.model import Check, Verdict
from canary.api.metrics import MetricSpec
from canary.api.status import CheckCounts, MetricStatus


def counted(
    spec: MetricSpec | None, before: MetricStatus | None, check: Check
) -> CheckCounts | None:
    """Count a check with those before it in the run; None where the metric has no limits."""
    if spec is None or not _limits(spec):
        return None
    known = (before and before.counts) or CheckCounts()
    failed, open_ = check.verdict == Verdict.FAIL, check.verdict == Verdict.INCONCLUSIVE
    in_row = known.failed_in_row + failed
    return CheckCounts(
        failed=known.failed + failed,
        # What gives no verdict ends no row.
        failed_in_row=in_row if failed or open_ else 0,
        errors_in_row=known.errors_in_row + 1 if check.unanswered else 0,
        inconclusive=known.inconclusive + open_,
    )


def has_own_limit(spec: MetricSpec) -> bool:
    """Tell whether failures of a metric are counted for itself, and not towards the threshold."""
    return spec.failure_limit is not None or spec.consecutive_failures is not None


def beyond(spec: MetricSpec, counts: CheckCounts) -> Iterator[str]:
    """Name the limits that a metric has reached or gone beyond, with its counts."""
    if spec.failure_limit is not None and counts.failed > spec.failure_limit:
        yield f"{counts.failed} failed checks, failureLimit is {spec.failure_limit}"
    if spec.consecutive_failures is not None and counts.failed_in_row >= spec.consecutive_failures:
        yield f"{counts.failed_in_row} failed checks in a row"
    if spec.consecutive_errors is not None and counts.errors_in_row >= spec.consecutive_errors:
        yield f"not answered {counts.errors_in_row} times in a row"
    if spec.inconclusive_limit is not None and counts.inconclusive > spec.inconclusive_limit:
        limit = spec.inconclusive_limit
        yield f"{counts.inconclusive} analyses without a verdict, inconclusiveLimit is {limit}"


def _limits(spec: MetricSpec) -> bool:
    limits = (
        *(spec.failure_limit, spec.consecutive_failures),
        *(spec.consecutive_errors, spec.inconclusive_limit),
    )
    return any(limit is not None for limit in limits)
