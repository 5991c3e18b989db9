"""A time of the past judged again, as people and programs read it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from analysis.judging import Replayed
from analysis.model import Bounds, Check, Metric, Verdict
from canary.simulation.release import ReleaseResult
from canary.views.blocks import Block, Line, Rows, Styled
from canary.views.moments import day, span

_NONE = "–"
_ENDS = {"Promoted": "promoted", "RolledBack": "rolled back"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckThen:
    """What a check would have said at a moment."""

    at: datetime
    check: Check


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricThen:
    """A metric, and what its check would have said, the oldest first."""

    name: str
    unit: str
    bounds: Bounds
    checks: tuple[CheckThen, ...]

    def count(self, verdict: Verdict) -> int:
        """Count the checks with a verdict."""
        return sum(each.check.verdict is verdict for each in self.checks)

    @property
    def failures(self) -> tuple[CheckThen, ...]:
        """The checks that would have failed."""
        return tuple(each for each in self.checks if each.check.verdict is Verdict.FAIL)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayView:
    """What was judged again, and what came of it."""

    canary: str
    """Written as namespace/name."""
    side: str
    start: datetime
    end: datetime
    interval: timedelta
    metrics: tuple[MetricThen, ...]
    release: ReleaseResult
    """What would have come of a release at the start."""
    left_out: tuple[str, ...]

    @property
    def ended(self) -> str:
        """Say what would have come of a release."""
        return release_told(self.release)


def metrics_then(metrics: Iterable[Metric], looks: tuple[Replayed, ...]) -> Iterator[MetricThen]:
    """Sort what analyses would have said by metrics."""
    for number, metric in enumerate(metrics):
        yield MetricThen(
            name=metric.name,
            unit=metric.unit,
            bounds=metric.threshold_range,
            checks=tuple(CheckThen(at=each.at, check=each.report.checks[number]) for each in looks),
        )


def release_told(release: ReleaseResult) -> str:
    """Say in a few words what came of a release."""
    took = span(release.took)
    if not release.outcome:
        return f"not ended after {took}, waiting: {release.reason or 'nothing'}"
    end = _ENDS.get(release.outcome, release.outcome)
    why = "" if release.reason in {"", release.outcome} else f" ({release.reason})"
    return f"{end} after {took}{why}"


def replay_shown(view: ReplayView) -> Block:
    """Show what came of it as people read it."""
    about = f"{view.canary}, {view.side}: {_time(view.start)} to {_time(view.end)}"
    rows = Rows(
        header=("METRIC", "BOUND", "CHECKS", "PASSED", "FAILED", "INCONCLUSIVE", "FIRST FAILURE"),
        rows=tuple(_row(each, view.start) for each in view.metrics),
    )
    return (
        (f"{about}, an analysis every {span(view.interval)}",),
        rows,
        *_last_failures(view),
        (f"a release at the start: {view.ended}",),
        *((Styled(f"left out: {each}", "yellow"),) for each in view.left_out),
    )


def replay_document(view: ReplayView) -> dict[str, object]:
    """Give what came of it as programs read it."""
    return {
        "canary": view.canary,
        "side": view.side,
        "start": view.start.isoformat(),
        "end": view.end.isoformat(),
        "intervalSeconds": view.interval.total_seconds(),
        "release": release_document(view.release),
        "metrics": [
            {
                "name": metric.name,
                "bound": metric.bounds.text,
                "checks": [
                    {
                        "at": each.at.isoformat(),
                        "verdict": each.check.verdict,
                        "value": each.check.value,
                        "message": each.check.message,
                    }
                    for each in metric.checks
                ],
            }
            for metric in view.metrics
        ],
        "leftOut": list(view.left_out),
    }


def release_document(release: ReleaseResult) -> dict[str, object]:
    """Give what came of a release as programs read it."""
    return {
        "outcome": release.outcome or "Unfinished",
        "reason": release.reason,
        "seconds": release.took.total_seconds(),
    }


def _row(metric: MetricThen, start: datetime) -> Line:
    failures = metric.failures
    first = f"after {span(failures[0].at - start)}" if failures else _NONE
    counts = (
        len(metric.checks),
        *(metric.count(each) for each in (Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE)),
    )
    bound = metric.checks[0].check.bound if metric.checks else metric.bounds.text
    return (metric.name, bound, *map(str, counts), first)


def _last_failures(view: ReplayView) -> Iterator[Line]:
    for metric in view.metrics:
        if metric.failures:
            last = metric.failures[-1]
            yield (f"{_time(last.at)}: {last.check.message}",)


def _time(at: datetime) -> str:
    return f"{day(at, at)} {at.tzname()}"
