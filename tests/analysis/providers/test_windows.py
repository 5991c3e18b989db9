"""The window that a question is about: over, whole, and the same for all who ask together."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.errors import Ambiguous
from analysis.model import NoData, Sample
from analysis.providers.series import REDUCTIONS, Point, number, outcome
from analysis.providers.windows import Window, closed

MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)
seconds = st.integers(1, 7200).map(lambda each: timedelta(seconds=each))


def test_a_window_ends_where_data_are_whole_and_begins_with_a_point():
    window = closed(
        MIDNIGHT + timedelta(seconds=17),
        timedelta(seconds=90),
        settle=timedelta(seconds=30),
        bucket=timedelta(seconds=60),
    )
    assert window.end == MIDNIGHT - timedelta(seconds=60)
    assert window.start == MIDNIGHT - timedelta(seconds=180)


@given(interval=seconds, settle=seconds, bucket=seconds)
def test_a_window_is_over_as_long_as_asked_for_and_made_of_whole_points(interval, settle, bucket):
    at = MIDNIGHT + timedelta(milliseconds=1234)
    window = closed(at, interval, settle=settle, bucket=bucket)
    assert settle <= at - window.end < settle + bucket
    assert interval <= window.end - window.start < interval + bucket
    assert (window.end - window.start) % bucket == timedelta(0)


MINUTE = Window(start=MIDNIGHT, end=MIDNIGHT + timedelta(minutes=1))
AT = MIDNIGHT.timestamp()


@pytest.mark.parametrize(
    ("at", "length", "held"),
    [
        (AT, 0, True),
        (AT + 59.9, 0, True),
        (AT + 60, 0, False),
        (AT - 1, 0, False),
        (AT + 50, 10, True),
        (AT + 51, 10, False),
        (AT - 240, 300, True),
        (AT - 300, 300, False),
    ],
)
def test_a_point_is_of_the_window_that_it_ends_in(at, length, held):
    assert MINUTE.holds(at, length=length) is held


def of(*values: float | None) -> list[tuple[Point, ...]]:
    return [(Point(value),) for value in values]


def test_several_series_are_ambiguous_until_told_what_becomes_of_them():
    with pytest.raises(Ambiguous, match=r"2 series .* set the option reduce to one of first, last"):
        outcome(of(1, 2), MINUTE)
    found = {name: outcome(of(1, 2, None, 6), MINUTE, reduce=name) for name in REDUCTIONS}
    assert {name: each.value for name, each in found.items() if isinstance(each, Sample)} == {
        "first": 1,
        "last": 6,
        "sum": 9,
        "avg": 3,
        "min": 1,
        "max": 6,
    }


def test_what_a_store_remarks_is_told_with_a_value_and_with_none():
    told = ("not all of it was read",)
    assert outcome(of(1), MINUTE, warnings=told) == Sample(value=1, at=MINUTE.end, warnings=told)
    assert outcome(of(), MINUTE, warnings=told) == NoData(
        reason="the query found no series; warning: not all of it was read"
    )


@pytest.mark.parametrize("value", [True, [5], {"a": 5}, "five"])
def test_what_is_no_number_is_none(value):
    with pytest.raises((TypeError, ValueError)):
        number(value)
