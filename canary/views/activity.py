"""How the runs of many Canaries ended, week by week."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from statistics import median_low
from typing import NamedTuple

from canary.api.status import Outcome
from canary.views.blocks import Line, Rows, Styled
from canary.views.canary import CanaryView
from canary.views.moments import span

WEEKS = 12
_NOTHING = "–"
_FAILED = frozenset({Outcome.ROLLED_BACK, Outcome.PROMOTION_FAILED})


class RunEnd(NamedTuple):
    """When and how a run ended. A tuple: a fleet has very many of them."""

    at: float
    """Seconds since 1970."""
    outcome: str
    seconds: int
    """How long the run took."""


def run_ends(view: CanaryView) -> tuple[RunEnd, ...]:
    """Give the ends of a Canary's past runs; a run whose beginning is unknown is left out."""
    return tuple(
        RunEnd(
            each.started_at.timestamp() + each.duration_seconds,
            each.outcome,
            each.duration_seconds,
        )
        for each in view.history
        if each.started_at is not None
    )


def by_week(ends: Iterable[RunEnd], now: datetime) -> Rows:
    """Count how runs ended in the last weeks, the newest first, back to the oldest that has one."""
    weeks = _weeks(now)
    starts = [each.timestamp() for each in weeks]
    found: list[list[RunEnd]] = [[] for _ in weeks]
    for end in ends:
        week = bisect_right(starts, end.at) - 1
        if week >= 0:
            found[week].append(end)
    oldest = next((week for week, listed in enumerate(found) if listed), len(weeks))
    return Rows(
        header=("WEEK FROM", "RUNS", "PROMOTED", "FAILED", "OTHER", "MEDIAN TIME"),
        rows=tuple(
            _row(week, listed)
            for week, listed in reversed([*zip(weeks, found, strict=True)][oldest:])
        ),
    )


def _weeks(now: datetime) -> list[datetime]:
    """Give the Mondays on which the last weeks began, the oldest first."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    monday = midnight - timedelta(days=now.weekday())
    return [monday - timedelta(weeks=ago) for ago in reversed(range(WEEKS))]


def _row(week: datetime, ends: Sequence[RunEnd]) -> Line:
    promoted = sum(each.outcome == Outcome.PROMOTED for each in ends)
    failed = sum(each.outcome in _FAILED for each in ends)
    took = timedelta(seconds=median_low(each.seconds for each in ends)) if ends else None
    return (
        f"{week:%Y-%m-%d}",
        str(len(ends)),
        str(promoted),
        Styled(str(failed), "red") if failed else "0",
        str(len(ends) - promoted - failed),
        _NOTHING if took is None else span(took),
    )
