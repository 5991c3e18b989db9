"""Calendars: when the windows of a policy are closed, in the local time of a zone.

Rule 1: spans are half-open, from their first moment to before their last.
Rule 2: a window that denies beats every window that allows; where a window allows, everything
outside of such windows is closed.
Rule 3: in doubt closed. A local time that comes twice, or never, may mean two moments: a window that
denies is the longer one, and a window that allows the shorter one.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from canary.api.deliverypolicy import Day, PolicyWindow, WindowKind

_DAYS = tuple(Day)
_DAY = timedelta(days=1)
HORIZON = timedelta(days=400)
"""How far is looked for an opening, or for a closing."""
_HORIZONS = (timedelta(days=2), timedelta(days=16), HORIZON)
"""Most are near."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A time without a gap: from its start to before its end."""

    start: datetime
    end: datetime

    def __contains__(self, moment: datetime) -> bool:
        """Tell whether a moment is within."""
        return self.start <= moment < self.end


def spans(
    windows: Iterable[PolicyWindow], zone: tzinfo, since: datetime, until: datetime
) -> tuple[Period, ...]:
    """List the closed spans between two moments, in order and with a gap between any two.

    One that goes on before `since` or after `until` ends there.
    """
    windows = tuple(windows)
    closed = _merged(_occurrences(windows, WindowKind.DENY, zone, since, until))
    if any(each.kind is WindowKind.ALLOW for each in windows):
        open_ = _merged(_occurrences(windows, WindowKind.ALLOW, zone, since, until))
        closed = _merged((*closed, *gaps(open_, since, until)))
    cut = (Period(start=max(each.start, since), end=min(each.end, until)) for each in closed)
    return tuple(each for each in cut if each.start < each.end)


def gaps(taken: Iterable[Period], since: datetime, until: datetime) -> Iterator[Period]:
    """Give what is left between two moments beside spans that are in order and do not overlap."""
    start = since
    for each in taken:
        if each.start > start:
            yield Period(start=start, end=min(each.start, until))
        start = max(start, each.end)
    if start < until:
        yield Period(start=start, end=until)


def opens_at(windows: Iterable[PolicyWindow], zone: tzinfo, now: datetime) -> datetime | None:
    """Tell when windows that are closed now open; None where they do not within 400 days."""
    windows = tuple(windows)
    for horizon in _HORIZONS:
        until = now + horizon
        end = next((each.end for each in spans(windows, zone, now, until) if now in each), now)
        if end < until:
            return end
    return None


def closes_at(windows: Iterable[PolicyWindow], zone: tzinfo, now: datetime) -> datetime | None:
    """Tell when windows that are open now close; None where they do not within 400 days."""
    windows = tuple(windows)
    for horizon in _HORIZONS:
        if closed := spans(windows, zone, now, now + horizon):
            return closed[0].start
    return None


def denying(windows: Iterable[PolicyWindow], zone: tzinfo, now: datetime) -> PolicyWindow | None:
    """Find the window that denies a moment; None where it is closed because none allows it."""
    return next(
        (
            each
            for each in windows
            if any(now in span for span in _occurrences((each,), WindowKind.DENY, zone, now, now))
        ),
        None,
    )


def frost(windows: Iterable[PolicyWindow], zone: tzinfo, now: datetime) -> str:
    """Say of a moment that is closed by which windows it is."""
    denies = denying(windows, zone, now)
    return f"frozen in window {denies.name}" if denies else "frozen outside of every window"


def _occurrences(
    windows: Iterable[PolicyWindow],
    kind: WindowKind,
    zone: tzinfo,
    since: datetime,
    until: datetime,
) -> Iterator[Period]:
    """Give every time that a window of a kind comes, as far as it touches two moments."""
    denies = kind is WindowKind.DENY
    for window in windows:
        if window.kind is kind:
            for start, end in _local(window, zone, since, until):
                span = Period(
                    start=_moment(start, zone, early=denies),
                    end=_moment(end, zone, early=not denies),
                )
                if span.start < span.end and span.end > since and span.start <= until:
                    yield span


def _local(
    window: PolicyWindow, zone: tzinfo, since: datetime, until: datetime
) -> Iterator[tuple[datetime, datetime]]:
    """Give the local times between which a window is; those of days from a day before to one after."""
    if window.since is not None and window.until is not None:
        yield datetime.fromisoformat(window.since), datetime.fromisoformat(window.until)
    if window.from_ is None or window.to is None:
        return
    begins, ends = time.fromisoformat(window.from_), time.fromisoformat(window.to)
    for day in _dates(
        since.astimezone(zone).date() - 2 * _DAY, until.astimezone(zone).date() + _DAY
    ):
        if not window.days or _DAYS[day.weekday()] in window.days:
            last = day if ends > begins else day + _DAY
            yield datetime.combine(day, begins), datetime.combine(last, ends)


def _dates(first: date, last: date) -> Iterator[date]:
    for number in range((last - first).days + 1):
        yield first + number * _DAY


def _moment(local: datetime, zone: tzinfo, *, early: bool) -> datetime:
    """Read a local time; of two moments that it may mean, take the early or the late one."""
    meant = [local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
    return min(meant) if early else max(meant)


def _merged(found: Iterable[Period]) -> tuple[Period, ...]:
    """Put spans in order, those that touch or overlap together."""
    merged: list[Period] = []
    for each in sorted(found, key=lambda span: span.start):
        if merged and each.start <= merged[-1].end:
            last = merged.pop()
            each = Period(start=last.start, end=max(last.end, each.end))  # noqa: PLW2901 - grown
        merged.append(each)
    return tuple(merged)
