"""Selectors are read by as few questions as show the same series to each of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.counting import calls, needed, parse_count, promql
from analysis.expression import Matcher, Selector
from analysis.uniting import part, united


def reading(*queries: str) -> list[str]:
    """Give the selectors that are read for queries of counts, in the order in which they are asked."""
    counted = [needed(call) for query in queries for call in calls(parse_count(query))]
    return list(dict.fromkeys(promql(each) for each in united(counted).values()))


TOGETHER = {
    "canary and primary": (
        ('increase(rq{app="shop"})', 'increase(rq{app="shop-primary"})'),
        ['rq{app=~"shop|shop\\\\-primary"}'],
    ),
    "all requests and the failed ones": (
        ('increase(rq{app="shop"})', 'increase(rq{app="shop",code=~"5.."})'),
        ['rq{app="shop"}'],
    ),
    "both, of both sides": (
        (
            'increase(rq{app="shop"})',
            'increase(rq{app="shop",code=~"5.."}) + increase(rq{app="shop",code!~"5..",grpc="2"})',
            'increase(rq{app="shop-primary"})',
            'increase(rq{app="shop-primary",code=~"5.."})',
        ),
        ['rq{app=~"shop|shop\\\\-primary"}'],
    ),
    "pods by the pattern of their names": (
        (
            'increase(rq{ns="a",pod=~"shop(-[bc2]{5})?-[bc2]{5}"})',
            'increase(rq{ns="a",pod=~"shop-primary(-[bc2]{5})?-[bc2]{5}"})',
        ),
        ['rq{ns="a",pod=~"(?:shop(-[bc2]{5})?-[bc2]{5})|(?:shop-primary(-[bc2]{5})?-[bc2]{5})"}'],
    ),
    "two edges of a histogram": (
        ('within(1,rq_bucket{app="shop"})', 'within(2,rq_bucket{app="shop"})'),
        [
            r'rq_bucket{app="shop",le=~"(?:1([.]0*)?|1([.]0*)?[eE][+]?0*0)|(?:2([.]0*)?|2([.]0*)?[eE][+]?0*0)"}'
        ],
    ),
    "a question that is asked twice": (("increase(rq)", "increase(rq)"), ["rq{}"]),
}


@pytest.mark.parametrize(("queries", "read"), TOGETHER.values(), ids=TOGETHER)
def test_what_lies_together_is_read_by_one_question(queries, read):
    assert reading(*queries) == read


APART = {
    "two metrics": ('increase(rq{app="shop"})', 'increase(errors{app="shop"})'),
    "what differs in two labels": (
        'increase(rq{app="shop",pod="a"})',
        'increase(rq{app="shop-primary",pod="b"})',
    ),
    "what differs in what is left out": (
        'increase(rq{app="shop",code!="500"})',
        'increase(rq{app="shop",code!="501"})',
    ),
    "a flag": ('increase(rq{app="shop"})', 'increase(rq{app="shop",code=~"(?s)5.."})'),
    "what looks ahead": ('increase(rq{app="shop"})', 'increase(rq{app="shop",code=~"(?=5)5.."})'),
    "a class by its name": (
        'increase(rq{app="shop"})',
        'increase(rq{app="shop",code=~"[[:digit:]]+"})',
    ),
    "a class that only some know": (
        'increase(rq{app="shop"})',
        'increase(rq{app="shop",code=~"\\\\d+"})',
    ),
    "a pattern that gives nothing back": (
        'increase(rq{app="shop"})',
        'increase(rq{app="shop",code=~"5.*+"})',
    ),
    "letters of other alphabets": (
        'increase(rq{app="shop"})',
        'increase(rq{app="shop",path=~"/ä.*"})',
    ),
}


@pytest.mark.filterwarnings("ignore:Possible nested set")
@pytest.mark.parametrize("queries", APART.values(), ids=APART)
def test_what_a_store_might_read_otherwise_or_would_be_more_is_read_apart(queries):
    assert len(reading(*queries)) == 2


def test_of_three_that_differ_in_one_label_or_another_each_is_read_once():
    queries = (
        'increase(rq{app="a",zone="1"})',
        'increase(rq{app="b",zone="1"})',
        'increase(rq{app="b",zone="2"})',
    )
    assert reading(*queries) == ['rq{app=~"a|b",zone="1"}', 'rq{app="b",zone="2"}']


VALUES = st.sampled_from(("a", "b", "ab", ""))
MATCHERS = st.builds(
    Matcher,
    st.sampled_from(("app", "code")),
    st.sampled_from(("=", "!=", "=~", "!~")),
    st.sampled_from(("a", "b", "ab", "a|b", "a.*", "[ab]", "(?:a)+", "")),
)
SELECTORS = st.builds(
    Selector, st.sampled_from(("rq", "ok")), st.lists(MATCHERS, max_size=3).map(tuple)
)
LABELS = st.builds(lambda app, code: (("app", app), ("code", code)), VALUES, VALUES)


@given(st.lists(SELECTORS, max_size=6), st.dictionaries(LABELS, st.floats(0, 9)))
def test_each_selector_gets_what_it_would_alone(selectors, series):
    read = united(selectors)
    assert read.keys() == set(selectors)
    for each in selectors:
        assert read[each].name == each.name
        answered = {labels: more for labels, more in series.items() if read[each].accepts(labels)}
        alone = {labels: more for labels, more in series.items() if each.accepts(labels)}
        assert part(each, read, answered) == alone
