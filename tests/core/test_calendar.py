"""Calendars: what is closed when, against an oracle that knows a zone by looking at its clock."""

from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canary.api.deliverypolicy import Day, PolicyWindow
from canary.core.calendar import Period, denying, gaps, opens_at, spans
from tests.sampling import examples

ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca")
"""Two that change by an hour, one by half an hour, and one that changes for a month."""
BERLIN = ZoneInfo("Europe/Berlin")
YEAR = 2026
TICK = timedelta(minutes=15)
"""Everything of these zones, and of the windows drawn, is a multiple of it."""
FIRST = datetime(YEAR, 1, 1, tzinfo=UTC)


def window(kind: str = "Deny", **fields: Any) -> PolicyWindow:
    return PolicyWindow.model_validate({"name": "w", "kind": kind, **fields})


def local(text: str, zone: ZoneInfo = BERLIN) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


def closed(windows: list[PolicyWindow], since: str, until: str) -> list[tuple[str, str]]:
    found = spans(windows, BERLIN, local(since), local(until))
    return [
        tuple(f"{each.astimezone(BERLIN):%m-%d %H:%M}" for each in (span.start, span.end))
        for span in found
    ]


# --- the oracle ---


@cache
def shown(zone: str) -> dict[datetime, list[datetime]]:
    """Give the moments at which the clock of a zone shows a local time, all through the year, and as far as a window of it may last."""
    moments = defaultdict(list)
    for number in range(-96 * 4, 96 * 390):
        moment = FIRST + number * TICK
        moments[moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)].append(moment)
    return moments


def means(zone: str, at: datetime) -> list[datetime]:
    """Give what a local time may mean: when it is shown, or by the clock before and after a jump."""
    if at in shown(zone):
        return shown(zone)[at]
    later = next(at + n * TICK for n in range(1, 9) if at + n * TICK in shown(zone))
    jump = shown(zone)[later][0]
    before, after = (
        moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None) - moment.replace(tzinfo=None)
        for moment in (jump - TICK, jump)
    )
    return [(at - offset).replace(tzinfo=UTC) for offset in (before, after)]


def holds(each: PolicyWindow, zone: str, moment: datetime) -> bool:
    """Tell whether a moment is in a window, in doubt closed."""
    denies = each.kind == "Deny"
    first, last = (min, max) if denies else (max, min)
    if each.since is not None and each.until is not None:
        times = [(datetime.fromisoformat(each.since), datetime.fromisoformat(each.until))]
    else:
        assert each.from_ is not None
        assert each.to is not None
        begins, ends = time.fromisoformat(each.from_), time.fromisoformat(each.to)
        today = moment.astimezone(ZoneInfo(zone)).date()
        days = [today + timedelta(days=number) for number in (-2, -1, 0, 1)]
        times = [
            (
                datetime.combine(day, begins),
                datetime.combine(day + timedelta(days=int(ends <= begins)), ends),
            )
            for day in days
            if not each.days or f"{day:%a}" in each.days
        ]
    return any(first(means(zone, a)) <= moment < last(means(zone, b)) for a, b in times)


def is_closed(windows: list[PolicyWindow], zone: str, moment: datetime) -> bool:
    allowing = [each for each in windows if each.kind == "Allow"]
    denied = any(holds(each, zone, moment) for each in windows if each.kind == "Deny")
    return denied or bool(allowing and not any(holds(each, zone, moment) for each in allowing))


CLOCKS = st.integers(0, 95).map(lambda tick: f"{tick // 4:02}:{tick % 4 * 15:02}")
NIGHT = st.integers(0, 16).map(lambda tick: f"{tick // 4:02}:{tick % 4 * 15:02}")
"""When clocks change."""
DATES = st.dates(date(YEAR, 1, 2), date(YEAR, 12, 30))
KINDS = st.sampled_from(["Allow", "Deny"])


@st.composite
def windows_on_days(draw: st.DrawFn) -> PolicyWindow:
    clocks = NIGHT | CLOCKS
    days = draw(st.sets(st.sampled_from(list(Day)), max_size=4))
    return window(draw(KINDS), **{"from": draw(clocks), "to": draw(clocks), "days": sorted(days)})


@st.composite
def windows_once(draw: st.DrawFn) -> PolicyWindow:
    since = f"{draw(DATES)}T{draw(CLOCKS)}"
    lasts = timedelta(minutes=15 * draw(st.integers(1, 96 * 20)))
    until = datetime.fromisoformat(since) + lasts
    return window(draw(KINDS), since=since, until=f"{until:%Y-%m-%dT%H:%M}")


@cache
def changes(zone: str) -> list[datetime]:
    """Find the moments at which the clock of a zone jumps."""
    moments = (FIRST + number * timedelta(hours=1) for number in range(24 * 364))
    offset = [(moment, moment.astimezone(ZoneInfo(zone)).utcoffset()) for moment in moments]
    return [b for (_, before), (b, after) in pairwise(offset) if before != after]


@st.composite
def moments_of_the_year(draw: st.DrawFn, zone: str) -> datetime:
    anywhere = st.integers(0, 96 * 360).map(lambda tick: FIRST + tick * TICK)
    near = st.tuples(st.sampled_from(changes(zone)), st.integers(-120, 120)).map(
        lambda place: place[0] + place[1] * TICK
    )
    return draw(anywhere | near)


@given(
    st.sampled_from(ZONES).flatmap(
        lambda zone: st.tuples(
            st.just(zone),
            st.lists(windows_on_days() | windows_once(), max_size=4),
            moments_of_the_year(zone),
        )
    ),
    st.integers(1, 96 * 4),
)
@settings(max_examples=examples(60))
def test_what_is_closed_is_what_the_clock_of_the_zone_says(case, ticks):
    zone, windows, since = case
    until = since + ticks * TICK
    found = spans(windows, ZoneInfo(zone), since, until)
    assert all(each.start < each.end for each in found)
    assert all(a.end < b.start for a, b in pairwise(found))
    for number in range(ticks):
        moment = since + number * TICK
        assert any(moment in each for each in found) == is_closed(windows, zone, moment), moment
    opens = opens_at(windows, ZoneInfo(zone), since)
    assert (opens == since) is not is_closed(windows, zone, since)
    if opens is not None and opens < datetime(YEAR, 12, 25, tzinfo=UTC):
        assert not is_closed(windows, zone, opens)
        assert opens == since or is_closed(windows, zone, opens - TICK)


# --- examples ---


@pytest.mark.parametrize(
    ("windows", "expected"),
    [
        ([], []),
        # From its first minute to before its last.
        ([window(**{"from": "12:00", "to": "14:00"})], [("06-15 12:00", "06-15 14:00")]),
        # Over midnight, and of the day before.
        (
            [window(**{"from": "22:00", "to": "06:00"})],
            [("06-15 00:00", "06-15 06:00"), ("06-15 22:00", "06-16 00:00")],
        ),
        # A whole day.
        ([window(**{"from": "00:00", "to": "00:00"})], [("06-15 00:00", "06-16 00:00")]),
        ([window(**{"from": "08:00", "to": "16:00", "days": ["Tue"]})], []),
        # A Monday.
        (
            [window("Allow", **{"from": "08:00", "to": "16:00", "days": ["Mon"]})],
            [("06-15 00:00", "06-15 08:00"), ("06-15 16:00", "06-16 00:00")],
        ),
        # Deny beats Allow, and what touches is one.
        (
            [
                window("Allow", **{"from": "08:00", "to": "16:00"}),
                window(**{"from": "15:00", "to": "16:00"}),
            ],
            [("06-15 00:00", "06-15 08:00"), ("06-15 15:00", "06-16 00:00")],
        ),
        (
            [window(since="2026-06-10T00:00", until="2026-06-15T09:30")],
            [("06-15 00:00", "06-15 09:30")],
        ),
    ],
)
def test_a_day_has_the_closed_spans_that_its_windows_say(windows, expected):
    assert closed(windows, "2026-06-15T00:00", "2026-06-16T00:00") == expected


def test_a_local_time_that_comes_twice_or_never_is_read_so_that_more_is_closed():
    night = {"from": "02:30", "to": "04:00"}
    twice, never = (
        ("2026-10-25T00:00", "2026-10-25T12:00"),
        ("2026-03-29T00:00", "2026-03-29T12:00"),
    )
    (denied,) = spans([window(**night)], BERLIN, *map(local, twice))
    assert denied.end - denied.start == timedelta(hours=2, minutes=30)
    allowed = list(
        gaps(spans([window("Allow", **night)], BERLIN, *map(local, twice)), *map(local, twice))
    )
    assert [each.end - each.start for each in allowed] == [timedelta(hours=1, minutes=30)]
    (denied,) = spans([window(**night)], BERLIN, *map(local, never))
    assert denied.end - denied.start == timedelta(hours=1, minutes=30)
    allowed = list(
        gaps(spans([window("Allow", **night)], BERLIN, *map(local, never)), *map(local, never))
    )
    assert [each.end - each.start for each in allowed] == [timedelta(minutes=30)]


def test_an_allowed_time_that_is_nothing_in_its_zone_opens_nothing():
    # Between 01:30 and 02:30 the clock jumps from 02:00 to 03:00, so that the end may come first.
    windows = [window("Allow", since="2026-03-29T02:15", until="2026-03-29T02:30")]
    assert opens_at(windows, BERLIN, local("2026-03-28T12:00")) is None


def test_when_windows_open_is_found_within_a_year_and_beyond_that_nobody_knows():
    freeze = [window(since="2026-12-20T00:00", until="2027-01-03T00:00")]
    assert opens_at(freeze, BERLIN, local("2026-12-24T18:00")) == local("2027-01-03T00:00")
    over = [window("Allow", since="2026-01-01T00:00", until="2026-02-01T00:00")]
    assert opens_at(over, BERLIN, local("2026-03-01T00:00")) is None
    free = local("2026-06-15T12:00")
    assert opens_at(freeze, BERLIN, free) == free


def test_the_window_that_denies_is_named_and_where_none_allows_there_is_none():
    noon = window(**{"from": "12:00", "to": "13:00"})
    office = window("Allow", **{"from": "08:00", "to": "16:00"})
    assert denying([office, noon], BERLIN, local("2026-06-15T12:30")) == noon
    assert denying([office, noon], BERLIN, local("2026-06-15T20:30")) is None


def test_what_is_left_between_spans_may_begin_with_the_first_and_end_with_the_last():
    a, b, c, d = (FIRST + number * TICK for number in range(4))
    assert list(gaps([Period(start=a, end=b), Period(start=c, end=d)], a, d)) == [
        Period(start=b, end=c)
    ]
    assert list(gaps([Period(start=b, end=c)], a, d)) == [
        Period(start=a, end=b),
        Period(start=c, end=d),
    ]
    assert list(gaps([], a, a)) == []
