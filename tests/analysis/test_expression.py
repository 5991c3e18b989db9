"""The language of scraped queries, and what its expressions come to."""

from dataclasses import dataclass, field
from math import inf, isfinite

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.counters import Labels
from analysis.errors import QueryError
from analysis.evaluation import bucket_quantile, evaluate
from analysis.expression import Matcher, Selector, metric_names, parse
from analysis.model import NoData


@dataclass
class Counted:
    """What was counted: amounts by metric and labels, for increases and for values alike."""

    amounts: dict[str, dict[Labels, float]] = field(default_factory=dict)
    seconds: float = 10

    def increases(self, selector: Selector) -> dict[Labels, float]:
        amounts = self.amounts.get(selector.name, {})
        return {labels: amount for labels, amount in amounts.items() if selector.accepts(labels)}

    def rate(self, selector: Selector) -> float | NoData:
        return sum(self.increases(selector).values()) / self.seconds

    values = increases

    def weighed(self, values: Selector, weights: Selector) -> list[tuple[float, float]]:
        (weight,) = self.increases(weights).values()
        return [(value, weight) for value in self.values(values).values()]


def counted(text: str) -> Counted:
    """Read lines such as `requests code=200 90`."""
    view = Counted()
    for line in text.strip().splitlines():
        name, *pairs, amount = line.split()
        labels = tuple(sorted((pair.split("=")[0], pair.split("=")[1]) for pair in pairs))
        view.amounts.setdefault(name, {})[labels] = float(amount)
    return view


REQUESTS = counted(
    """
    requests code=200 pod=a 60
    requests code=201 pod=b 30
    requests code=503 pod=b 10
    latency_bucket le=100 0
    latency_bucket le=200 50
    latency_bucket le=400 100
    latency_bucket le=+Inf 100
    queue 7
    """
)


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("increase(requests)", 100),
        ('increase(requests{code="200"})', 60),
        ('increase(requests{code!="200"})', 40),
        ('increase(requests{code=~"2.."})', 90),
        ('increase(requests{code!~"5.."})', 90),
        ('increase(requests{code=~"2..", pod="b",})', 30),
        ("increase(requests{code=~'50'  , pod=~`b`} ) + 1e0 - increase(requests{})", None),
        ('increase(requests{absent="",code="200"})', 60),
        (r'increase(requests{code=~"20\x30"})', "refused"),
        (r'ratio(requests{code!="\"\n\\"}, requests)', 1),
        ("rate(requests)", 10),
        ("value(queue)", 7),
        ('mean(queue, requests{code="503"}) * 2', 14),
        ('ratio(requests{code!~"5.."}, requests) * 100', 90),
        ('ratio(requests{code="404"}, requests)', 0),
        ("quantile(0.5, latency_bucket)", 200),
        ("quantile(0.75, latency_bucket) / 1000", 0.3),
        ("quantile(1, latency_bucket)", 400),
        ("within(200, latency_bucket)", 50),
        ("increase(requests) - within(200.0, latency_bucket)", 50),
        ("1 + 2 * 3 - 4 / 2", 5),
        ("(1 + 2) * -3", -9),
        ("--.5", 0.5),
        ("# a comment\n value(queue) # another\n * 2", 14),
    ],
)
def test_an_expression_comes_to(query, value):
    if value == "refused":
        with pytest.raises(QueryError):
            parse(query)
        return
    result = evaluate(parse(query), REQUESTS)
    if value is None:
        assert isinstance(result, NoData)
    else:
        assert result == pytest.approx(value)


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        pytest.param("increase(absent)", "no series matches absent", id="no series is no data"),
        pytest.param('value(requests{code="404"})', 'no series matches requests{code="404"}', id="no series of that label is no data"),
        pytest.param("ratio(requests, absent)", "no series matches absent", id="a ratio to no series is no data"),
        pytest.param("ratio(requests, idle)", "idle did not increase", id="a ratio to nothing is no data"),
        pytest.param("quantile(0.9, absent_bucket)", "no series matches absent_bucket", id="a quantile of no series is no data"),
        pytest.param("quantile(0.9, idle_bucket)", "observed nothing", id="a quantile of no observations is no data"),
        pytest.param("within(9, absent_bucket)", "no series matches absent_bucket", id="a bucket of no series is no data"),
        pytest.param("1 / value(zero)", "divides by zero", id="a division by zero is no data"),
        pytest.param("1 + increase(absent) * 2", "no series matches absent", id="no data in a part is no data of the whole"),
    ],
)  # fmt: skip
def test_no_data_is_said_with_its_reason(query, reason):
    view = counted("requests code=200 1\nidle 0\nzero 0\nidle_bucket le=1 0\nidle_bucket le=+Inf 0")
    result = evaluate(parse(query), view)
    assert isinstance(result, NoData)
    assert reason in result.reason


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("within(300, latency_bucket)", "latency_bucket has no bucket with the edge 300; the nearest edges are 200 and 400"),
        ("within(50, latency_bucket)", "the nearest edges are 100"),
        ("within(500, latency_bucket)", "the nearest edges are 400"),
        ("within(1, endless_bucket)", "endless_bucket has no bucket with the edge 1; it has no edges at all"),
    ],
)  # fmt: skip
def test_an_edge_that_no_bucket_has_is_refused_with_the_nearest(query, says):
    view = counted(
        "latency_bucket le=100 0\nlatency_bucket le=200 1\nlatency_bucket le=400 2\n"
        "latency_bucket le=+Inf 2\nendless_bucket le=+Inf 2"
    )
    with pytest.raises(QueryError) as refused:
        evaluate(parse(query), view)
    assert says in str(refused.value)


@pytest.mark.parametrize("label", ["other=1", "le=much", "le=NaN"])
def test_a_quantile_needs_buckets(label):
    with pytest.raises(QueryError, match="no buckets"):
        evaluate(parse("quantile(0.9, latency)"), counted(f"latency {label} 1"))


@pytest.mark.parametrize(
    ("query", "position", "expected"),
    [
        ("", 1, "a number, an opening parenthesis, or one of increase, rate, value"),
        ("sum(x)", 1, "one of increase"),
        ("requests", 1, "one of increase"),
        ("increase(x", 11, ")"),
        ("increase x", 10, "("),
        ("increase()", 10, "the name of a metric"),
        ("increase(x{1})", 12, "the name of a label"),
        ("increase(x{a})", 13, "one of = != =~ !~"),
        ("increase(x{a=b})", 14, "a text in quotes"),
        ('increase(x{a="b" c="d"})', 18, "}"),
        ('increase(x{a=~"("})', 15, "a regular expression"),
        (r'increase(x{a="\d"})', 14, r"a text in which \d is written \\d"),
        ('increase(x{a="b})', 14, "a number, a name, a text in quotes or a sign"),
        ("ratio(x)", 8, ","),
        ("quantile(2, x)", 10, "a number from 0 to 1"),
        ("quantile(x)", 10, "a number from 0 to 1"),
        ("within(x)", 8, "the edge of a bucket"),
        ("quantile(0.9 x)", 14, ","),
        ("(1", 3, ")"),
        ("1 2", 3, "the end"),
        ("1 $", 3, "a sign"),
        ("rate(x[1m])", 7, "a sign"),
    ],
)
def test_what_is_not_of_the_language_is_refused_with_its_place(query, position, expected):
    with pytest.raises(QueryError) as refused:
        parse(query)
    assert f"at character {position} " in str(refused.value)
    assert expected in str(refused.value)


@pytest.mark.parametrize("deep", ["(" * 10_000, "-" * 10_000 + "1", "(" * 40 + "-" * 40 + "1"])
def test_deep_nesting_is_refused(deep):
    with pytest.raises(QueryError, match="no more than 50 levels"):
        parse(deep)


def test_a_long_sum_is_not_deep_nesting():
    assert evaluate(parse(" + ".join(["1"] * 200)), REQUESTS) == 200


@given(st.text(alphabet="()+-*/,{}=~!\"'`\\ \n#1.e0xratiovlue", max_size=80))
def test_any_text_is_read_or_refused(query):
    try:
        expression = parse(query)
    except QueryError:
        return
    evaluate(expression, REQUESTS)


def test_the_names_of_all_metrics_are_known():
    assert metric_names(parse("ratio(a{x='1'}, b) * 100 + value(c)")) == {"a", "b", "c"}


def test_a_selector_reads_as_it_is_written():
    selector = Selector("m", (Matcher("a", "=~", "x|y"), Matcher("b", "!=", "")))
    assert str(selector) == 'm{a=~"x|y", b!=""}'
    assert str(Selector("m")) == "m"


@pytest.mark.parametrize(
    ("q", "buckets", "value"),
    [
        pytest.param(0.5, {1: 10, inf: 10}, 0.5, id="the lowest bucket begins at zero"),
        pytest.param(0.5, {-1: 10, 1: 10, inf: 10}, -1, id="a lowest bucket below zero is its bound"),
        pytest.param(0.99, {1: 1, 2: 1, inf: 100}, 2, id="beyond the highest bound it is that bound"),
        pytest.param(0.9, {1: 0, 2: 10, inf: 10}, 1.9, id="observations lie evenly in a bucket"),
        pytest.param(0.5, {1: 10, 2: 8, inf: 10}, 0.5, id="counts that fall are read as counts that stay"),
        pytest.param(0, {1: 0, 2: 10, inf: 10}, 1, id="an empty first bucket holds nothing"),
        pytest.param(0.5, {inf: 10}, None, id="no finite bound is no data"),
        pytest.param(0.5, {}, None, id="no buckets are no data"),
        pytest.param(0.5, {1: 0, inf: 0}, None, id="no observations are no data"),
        pytest.param(0.5, {1: 5, 2: 10}, 1, id="a histogram without an infinite bound is whole"),
    ],
)  # fmt: skip
def test_a_quantile_of_buckets_is(q, buckets, value):
    assert bucket_quantile(q, buckets) == (None if value is None else pytest.approx(value))


@given(
    bounds=st.lists(st.floats(0.001, 1e6), min_size=1, max_size=8, unique=True),
    counts=st.lists(st.integers(0, 1000), min_size=9, max_size=9),
    low=st.floats(0, 1),
    high=st.floats(0, 1),
)
def test_quantiles_rise_and_stay_within_the_bounds(bounds, counts, low, high):
    ordered = [*sorted(bounds), inf]
    running = [float(sum(counts[: index + 1])) for index in range(len(ordered))]
    buckets = dict(zip(ordered, running, strict=True))
    first, second = (bucket_quantile(q, buckets) for q in sorted((low, high)))
    if not running[-1]:
        assert first is None
        return
    assert first is not None
    assert second is not None
    assert isfinite(second)
    assert 0 <= first <= second * (1 + 1e-9)
    assert second <= max(bounds)
