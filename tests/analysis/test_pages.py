"""The built-in queries of `scrape`, on pages in the shape in which each proxy prints its own."""

from dataclasses import replace

import pytest

from analysis.builtin import (
    DURATION,
    SUCCESS_RATE,
    built_in_counts,
    builtin,
    counts_requests,
    request_count,
)
from analysis.counters import Record, Snapshot
from analysis.evaluation import evaluate
from analysis.expression import metric_names, parse
from analysis.model import Bounds, Signal
from analysis.pages import read_page
from analysis.template import TemplateContext, render
from analysis.watched import Watched
from canary.routers import ROUTERS
from tests.analysis.pages import BAD, GOOD, PAGES, Page
from tests.analysis.test_builtin import CONTEXT, RATED, SCRAPED

CANARY = replace(CONTEXT, service="front-canary")
"""Whom the queries ask about that count one side."""


def seen(page: Page, query: str, context: TemplateContext) -> object:
    """Evaluate a query on what came on top between two looks at a page."""
    expression = parse(render(query, context))
    names = metric_names(expression)
    record = Record()
    for look in (1, 2):
        series = read_page(page.at(look), names, "the page")
        record.add(Snapshot(at=60.0 * look, series=series), spacing=1, horizon=0)
    return evaluate(expression, Watched(records={"page": record}, failing=frozenset(), start=60))


@pytest.mark.parametrize("router", RATED)
def test_a_page_tells_the_success_rate_of_the_canary_alone(router):
    assert seen(PAGES[router], builtin(SUCCESS_RATE, router, "scrape"), CONTEXT) == pytest.approx(
        90
    )


@pytest.mark.parametrize("router", SCRAPED)
def test_a_page_tells_how_long_the_canary_takes_in_milliseconds(router):
    page = PAGES[router]
    value = seen(page, builtin(DURATION, router, "scrape"), CONTEXT)
    if page.mean:
        assert value == pytest.approx(page.takes)
        return
    low, high = page.slow
    assert value == pytest.approx(low + 0.99 * (high - low))


COUNTED = [name for name in RATED if counts_requests(name)]
#: What Kourier counts of how long requests take is not built in.
TIMED = [name for name in COUNTED if name != "knative"]


@pytest.mark.parametrize("router", COUNTED)
def test_a_page_tells_the_requests_of_the_side_that_is_named(router):
    page = PAGES[router]
    assert seen(page, request_count(router, "scrape"), CANARY) == GOOD + BAD
    counts = built_in_counts(SUCCESS_RATE, router, "scrape").queries
    assert seen(page, counts[Signal.REQUESTS], CANARY) == GOOD + BAD
    assert seen(page, counts[Signal.BAD], CANARY) == BAD


@pytest.mark.parametrize("router", TIMED)
def test_a_page_tells_how_many_requests_were_answered_in_time(router):
    page = PAGES[router]
    for edge, good in zip(page.slow, (0, GOOD + BAD), strict=True):
        counts = built_in_counts(DURATION, router, "scrape", Bounds(max=edge))
        context = replace(CANARY, variables=counts.variables)
        assert seen(page, counts.queries[Signal.REQUESTS], context) == GOOD + BAD
        assert seen(page, counts.queries[Signal.GOOD], context) == good


@pytest.mark.parametrize("kind", ["DaemonSet", "StatefulSet"])
def test_linkerds_page_names_a_workload_by_its_kind(kind):
    page = PAGES["linkerd"]
    renamed = [each.replace("dst_deployment", f"dst_{kind.lower()}") for each in page.canary]
    of_kind = replace(
        page, canary=renamed, others=[each for each in page.others if "stateful" not in each]
    )
    rate = builtin(SUCCESS_RATE, "linkerd", "scrape")
    assert seen(of_kind, rate, replace(CONTEXT, kind=kind)) == pytest.approx(90)


def test_every_router_of_which_a_page_is_read_has_one_here():
    assert PAGES.keys() == {*RATED}
    assert {*ROUTERS.names()} - {*RATED} == {
        "alb",
        "apisix",
        "gatewayapi-grpc",
        "gatewayapi-tcp",
        "gatewayapi-tls",
        "kong",
        "kubernetes",
    }
