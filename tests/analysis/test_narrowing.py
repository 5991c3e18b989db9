"""Conditions that are put into every selector of the built-in queries."""

import re
from collections.abc import Iterator
from datetime import timedelta
from importlib.resources import files

import promql_parser
import pytest

from analysis.counting import parse_count, selectors
from analysis.errors import QueryError
from analysis.expression import Matcher
from analysis.narrowing import matchers_problem, narrowed, parse_matchers
from analysis.template import TemplateContext, render

WRITTEN = 'cluster="eu-1", region=~"eu|\\"us\\"", zone!="a\\\\d{2}"'
MATCHERS = (
    Matcher("cluster", "=", "eu-1"),
    Matcher("region", "=~", 'eu|"us"'),
    Matcher("zone", "!=", "a\\d{2}"),
)
CONTEXT = TemplateContext(
    name="the-canary",
    namespace="test",
    target="app",
    service="front",
    ingress="web",
    route="app-00002",
    interval=timedelta(minutes=1),
    variables={"milliseconds": "250", "seconds": "0.25"},
)
#: Every query that a store answers, by its router and file; scraped pages are no store.
QUERIES = {
    f"{folder.name}/{file.name}": file.read_text(encoding="utf-8")
    for folder in (files("analysis") / "queries").iterdir()
    if folder.is_dir()
    for file in folder.iterdir()
    if not file.name.endswith(".scrape")
}


def conditions(name: str, query: str) -> Iterator[list[tuple[str, str, str]]]:
    """The conditions of each selector of a query, read by the language that it is written in."""
    if name.endswith(".counts"):
        for each in selectors(parse_count(query)):
            yield [(matcher.label, matcher.operator, matcher.text) for matcher in each.matchers]
        return
    found: list[list[tuple[str, str, str]]] = []
    operators = {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}

    def visit(node: promql_parser.Expr) -> bool:
        selector = getattr(node, "vector_selector", node)
        if isinstance(selector, promql_parser.VectorSelector):
            found.append(
                [
                    (each.name, operators[str(each.op).rpartition(".")[2]], each.value)
                    for each in selector.matchers.matchers
                ]
            )
        return True

    promql_parser.walk(promql_parser.parse(query), visit)
    yield from found


@pytest.mark.parametrize("name", sorted(QUERIES))
def test_every_selector_of_every_built_in_query_gets_them_and_nothing_else_changes(name):
    plain = list(conditions(name, render(QUERIES[name], CONTEXT)))
    narrow = list(conditions(name, render(narrowed(QUERIES[name], MATCHERS), CONTEXT)))
    assert plain
    wanted = [(each.label, each.operator, each.text) for each in MATCHERS]
    assert [sorted([*each, *wanted]) for each in plain] == [sorted(each) for each in narrow]


@pytest.mark.parametrize("name", sorted(QUERIES))
def test_without_them_a_query_is_as_it_is_written(name):
    assert narrowed(QUERIES[name], ()) is QUERIES[name]


def test_a_brace_in_a_comment_a_text_or_an_action_begins_no_selector():
    query = '# of {each}\nsum(a{b="{c}\\"{"}) / {{ index variables "k" }} + d{}'
    assert narrowed(query, MATCHERS[:1]) == (
        '# of {each}\nsum(a{cluster="eu-1",b="{c}\\"{"}) / {{ index variables "k" }} '
        '+ d{cluster="eu-1",}'
    )


@pytest.mark.parametrize(
    ("text", "matchers"),
    [
        ("", ()),
        (WRITTEN, MATCHERS),
        ("cluster='eu-1'", MATCHERS[:1]),
        ("cluster=`eu-1` ,", MATCHERS[:1]),
        ('cluster!~"us-.*"', (Matcher("cluster", "!~", "us-.*"),)),
    ],
)
def test_they_are_written_as_in_a_selector(text, matchers):
    assert parse_matchers(text) == matchers
    assert not matchers_problem(text)


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        pytest.param("eu-1", 'write conditions on labels, such as cluster="eu-1"', id="no condition"),
        pytest.param("cluster=eu-1", "write conditions on labels, such as", id="no quotes"),
        pytest.param('cluster=~"("', "write conditions on labels, such as", id="no pattern"),
        pytest.param('{cluster="eu-1"}', "write conditions on labels, such as", id="the braces"),
        pytest.param("\n", "write conditions on labels alone", id="nothing but blanks"),
        pytest.param('a="b"}) + value(c{d="e"', "write conditions on labels alone", id="a second selector"),
        pytest.param('__name__="up"', "instead of __name__", id="the name of the metric"),
        pytest.param('le="5"', "instead of le", id="the edge of a bucket"),
        pytest.param('a:b="c"', "instead of a:b", id="no name of a label"),
        pytest.param('cluster="{{ cluster }}"', "without {{, for cluster", id="an action"),
        pytest.param('cluster="a\\nb"', "printable characters", id="a control character"),
    ],
)  # fmt: skip
def test_what_cannot_be_added_is_refused_with_what_can(text, remedy):
    with pytest.raises(QueryError, match=re.escape(remedy)):
        parse_matchers(text)
    assert remedy in matchers_problem(text)
