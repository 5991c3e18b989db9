"""Limits of a metric's own: how often it may fail, give no verdict or go unanswered in one run.

And since when it holds the weight for want of a proof, where that has a limit.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from analysis.model import Check, Verdict
from canary.api.metrics import MetricSpec
from canary.api.status import CanaryStatus, CheckCounts, MetricStatus


def counted(
    spec: MetricSpec | None, before: MetricStatus | None, check: Check
) -> CheckCounts | None:
    """Count a check with those before it in the run; None where the metric has no limits."""
    if spec is None or not _limits(spec):
        return None
    known = (before and before.counts) or CheckCounts()
    if check.pending:
        # An answer on its way is none yet.
        return known
    failed, open_ = check.verdict == Verdict.FAIL, check.verdict == Verdict.INCONCLUSIVE
    in_row = known.failed_in_row + failed
    return CheckCounts(
        failed=known.failed + failed,
        # What gives no verdict ends no row.
        failed_in_row=in_row if failed or open_ else 0,
        errors_in_row=known.errors_in_row + 1 if check.unanswered else 0,
        inconclusive=known.inconclusive + open_,
    )


def undecided_since(
    spec: MetricSpec | None,
    before: MetricStatus | None,
    check: Check,
    *,
    now: datetime,
    step_began: datetime | None,
) -> datetime | None:
    """Tell since when a metric is undecided at its step; None where it is not, or has no limit."""
    if spec is None or spec.hold_limit is None:
        return None
    known = held_since(before, step_began)
    if check.verdict is Verdict.INCONCLUSIVE:
        return known or (now if check.undecided else None)
    # Its hold may be over, and has passed it: that is so for the rest of the step.
    return known if check.undecided else None


def held_since(before: MetricStatus | None, step_began: datetime | None) -> datetime | None:
    """Tell since when nothing has been proven of a metric at its step; each step has its own."""
    known = before.undecided_since if before else None
    return None if known and step_began and known < step_began else known


def undecided_later(status: CanaryStatus, by: Callable[[datetime], timedelta]) -> CanaryStatus:
    """Move the beginnings of holds for want of a proof by the time that counts for none."""
    return status.but(
        metrics=tuple(
            each.but(undecided_since=each.undecided_since + by(each.undecided_since))
            if each.undecided_since
            else each
            for each in status.metrics
        )
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
