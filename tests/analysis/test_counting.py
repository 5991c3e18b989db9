"""Counts: what a query of counts may be, and what raw samples come to."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from analysis.counting import (
    Grown,
    calls,
    growth,
    needed,
    parse_count,
    promql,
    selectors,
    total,
)
from analysis.errors import QueryError
from analysis.evaluation import evaluate
from analysis.expression import Matcher, Selector
from analysis.model import NoData

START = datetime(2026, 1, 1, tzinfo=UTC)


def samples(*shown: tuple[float, float]) -> list[tuple[float, float]]:
    """Give samples by their time since the start."""
    return [(START.timestamp() + seconds, value) for seconds, value in shown]


@pytest.mark.parametrize(
    "query",
    [
        "increase(rq)",
        'increase(rq{code=~"5.."}) + increase(failed)',
        "increase(rq) - increase(ok)",
        "within(0.5, rq_bucket)",
    ],
)
def test_a_count_is_made_of_increases(query):
    assert list(selectors(parse_count(query)))


@pytest.mark.parametrize(
    "query", ["rate(rq)", "ratio(a, b)", "increase(rq) * 2", "5", "increase(a) + 1", "value(rq)"]
)
def test_anything_else_counts_no_requests(query):
    with pytest.raises(QueryError, match=r"counts no requests; write increase\(SELECTOR\)"):
        parse_count(query)


def test_numbers_select_nothing():
    assert list(selectors(parse_count("increase(a)"))) == [Selector("a")]
    with pytest.raises(QueryError):
        parse_count("increase(")


@pytest.mark.parametrize(
    ("query", "written"),
    [
        ("increase(rq)", "rq{}"),
        ("increase(rq{a='b',c!~\"5..|x\"})", 'rq{a="b",c!~"5..|x"}'),
        (r'increase(rq{a="x\"y\\z\n"})', r'rq{a="x\"y\\z\n"}'),
    ],
)
def test_a_selector_is_written_as_promql(query, written):
    (selector,) = selectors(parse_count(query))
    assert promql(selector) == written


def go_number(edge: float) -> str:
    """Write a number as Go's clients do: 500, 0.5, 1e-05, 1e+06."""
    digits, exponent = f"{Decimal(repr(edge)).normalize():e}".split("e")
    plain = -4 <= int(exponent) < 21
    return f"{Decimal(repr(edge)).normalize():f}" if plain else f"{digits}e{int(exponent):+03d}"


@given(
    edge=st.floats(1e-6, 1e9).map(lambda value: float(f"{value:.6g}")), other=st.floats(1e-6, 1e9)
)
@example(edge=500.0, other=50.0)
@example(edge=1e6, other=1e5)
@example(edge=0.00001, other=0.0001)
def test_of_a_histogram_only_the_bucket_is_asked_for_however_its_edge_is_written(edge, other):
    (call,) = calls(parse_count(f'within({edge!r}, rq_bucket{{app="shop"}})'))
    assert needed(call).matchers[0] == Matcher("app", "=", "shop")
    (accepts,) = needed(call).matchers[1:]
    for text in (go_number(edge), repr(edge), f"{edge:e}", f"{edge:.10g}"):
        assert accepts.accepts(text) is (float(text) == edge)
    assert accepts.accepts(repr(other)) is (other == edge)
    assert not accepts.accepts("+Inf")


def test_of_a_counter_all_that_is_selected_is_asked_for():
    (call,) = calls(parse_count("increase(rq)"))
    assert needed(call) == Selector("rq")


@pytest.mark.parametrize(
    ("shown", "grown"),
    [
        pytest.param([(-15, 5), (0, 7), (15, 9)], 2, id="the last sample before is where it begins"),
        pytest.param([(-15, 5), (15, 9)], 4, id="also where that is older"),
        pytest.param([(15, 3), (30, 4)], 4, id="a new series has counted from zero"),
        pytest.param([(0, 7), (15, 9), (30, 2), (45, 3)], 5, id="a counter that falls has been reset"),
        pytest.param([(-30, 5), (-15, 7)], 0, id="a series that went before adds nothing"),
        pytest.param([], 0, id="no samples are no requests"),
    ],
)  # fmt: skip
def test_what_came_on_top_of_a_series(shown, grown):
    assert growth(samples(*shown), START) == grown


@given(
    steps=st.lists(st.tuples(st.integers(1, 30), st.integers(0, 9)), min_size=1, max_size=40),
    cuts=st.lists(st.integers(0, 600), max_size=8),
    reset=st.integers(0, 40),
)
def test_blocks_neither_overlap_nor_leave_gaps(steps, cuts, reset):
    """However the time is cut, each request is counted once."""
    shown, second, value = [], 0, 0
    for number, (later, more) in enumerate(steps):
        second += later
        value = more if number == reset else value + more
        shown.append((second, value))
    borders = sorted({0, *cuts, second})

    def counted(start: int, end: int) -> float:
        seen = samples(*(each for each in shown if each[0] <= end))
        return growth(seen, START + timedelta(seconds=start))

    whole = counted(0, second)
    assert sum(counted(start, end) for start, end in pairwise(borders)) == whole


def test_no_series_is_no_data_and_a_count_has_neither_a_rate_nor_a_value():
    selector = Selector("rq")
    assert evaluate(parse_count("increase(rq)"), Grown({selector: {}})) == NoData(
        reason="no series matches rq"
    )
    both = {Selector("a"): {(): 5.0}, Selector("b"): {(): 2.0}}
    assert evaluate(parse_count("increase(a) - increase(b)"), Grown(both)) == 3
    grown = Grown({})
    for told in (grown.rate(selector), grown.values(selector), grown.weighed(selector, selector)):
        assert told.reason.startswith("rq is counted, and has no ")


SUMS = {
    "what has never happened is none": ("increase(a) + increase(b)", {"a": 3.0}, 3.0),
    "on either side of a plus": ("increase(b) + increase(a)", {"a": 3.0}, 3.0),
    "among many": ("increase(b) + increase(a) + increase(c)", {"a": 3.0}, 3.0),
    "and nothing is subtracted for it": ("increase(a) - increase(b)", {"a": 3.0}, 3.0),
    "but from nothing nothing is known": ("increase(b) - increase(a)", {"a": 3.0}, None),
    "nor where none has happened": ("increase(b) + increase(c)", {}, None),
    "nor by an edge that no series has": ("increase(a) + within(500, b)", {"a": 3.0}, None),
}


@pytest.mark.parametrize(("query", "grown", "amount"), SUMS.values(), ids=SUMS)
def test_of_several_increases_one_without_a_series_counts(query, grown, amount):
    expression = parse_count(query)
    labels = frozenset({("app", "shop")})
    found = {
        each: {labels: grown[each.name]} if each.name in grown else {}
        for each in selectors(expression)
    }
    counted = total(expression, Grown(found))
    assert (None if isinstance(counted, NoData) else counted) == amount
