"""Counts by queries of a store's own: blocks meet, and only what is whole is counted."""

import asyncio
from datetime import timedelta

import orjson
import pytest

from analysis.errors import AnalysisError, QueryError
from analysis.model import NoData, Outcome, ProviderSpec, Sample
from analysis.providers import PROVIDERS, check_count
from tests.case import NOW, CountCase, ProviderCase, provider_cases

PATIENCE = 60
FIRST = NOW - timedelta(minutes=10)
COUNTING = {name: case for name, case in provider_cases().items() if case.counts}
UNCOUNTED = [
    pytest.param(case, query, says, id=f"{name}: {query}")
    for name, case in provider_cases().items()
    for query, says in case.uncounted.items()
]
TOTALS = [
    pytest.param(case, handler, total, id=f"{name}: {answer}")
    for name, case in COUNTING.items()
    for answer, (handler, total) in case.counts.totals.items()
]


@pytest.fixture(params=COUNTING)
def case(request) -> ProviderCase:
    return COUNTING[request.param]


@pytest.fixture
def counting(case) -> CountCase:
    return case.counts


async def counted(spec: ProviderSpec, query: str, since=FIRST, at=NOW) -> Outcome | AnalysisError:
    async with asyncio.timeout(PATIENCE):
        provider = PROVIDERS.load(spec.type)(spec)
        try:
            return await provider.count(query, since, at)
        except AnalysisError as error:
            return error
        finally:
            await provider.close()


def sent(server, number: int = -1) -> tuple[object, ...]:
    """Give a request as its case says it."""
    request, body = server.requests[number], server.contents[number]
    form = request.content_type.endswith("form-urlencoded")
    content: object = None if form or not body else body.decode()
    if isinstance(content, str) and not request.content_type.endswith("plain"):
        content = orjson.loads(content)
    return request.method, request.path, dict(server.parameters[number]), content


def expected(counting: CountCase, since, end) -> tuple[object, ...]:
    asked = counting.asked(since, end)
    return asked.method, asked.path, dict(asked.parameters), asked.content


async def test_requests_are_counted_up_to_where_the_data_are_whole(case, counting, serve):
    server = await serve(case.five)
    found = await counted(case.spec(server.address), counting.query)
    assert found == Sample(value=5, at=counting.end)
    assert sent(server) == expected(counting, FIRST, counting.end)


async def test_the_next_block_begins_where_this_one_ended(case, counting, serve):
    server = await serve(case.five)
    later = timedelta(minutes=3)
    found = await counted(
        case.spec(server.address), counting.query, since=counting.end, at=NOW + later
    )
    assert found == Sample(value=5, at=counting.end + later)
    assert sent(server) == expected(counting, counting.end, counting.end + later)


async def test_what_is_not_whole_yet_is_not_asked_about(case, counting, serve):
    server = await serve(case.five)
    found = await counted(case.spec(server.address), counting.query, since=counting.end)
    assert isinstance(found, NoData)
    assert found.warming_up
    assert not server.requests


async def test_a_first_block_begins_with_a_whole_bucket(case, counting, serve):
    server = await serve(case.five)
    ragged = FIRST - timedelta(milliseconds=400)
    await counted(case.spec(server.address), counting.query, since=ragged)
    assert sent(server) == expected(counting, FIRST, counting.end)


async def test_no_count_is_no_data(case, counting, serve):
    for handler in (case.nothing, case.nan):
        server = await serve(handler)
        found = await counted(case.spec(server.address), counting.query)
        assert isinstance(found, NoData) or found == Sample(value=0, at=counting.end)


@pytest.mark.parametrize(("case", "handler", "total"), TOTALS)
async def test_what_is_told_in_parts_is_added_up(case, handler, total, serve):
    server = await serve(handler)
    found = await counted(case.spec(server.address), case.counts.query)
    assert found == Sample(value=total, at=case.counts.end)


async def test_a_part_of_the_data_and_refusals_are_failures_as_with_values(case, counting, serve):
    for handler, kind, says in case.failures.values():
        server = await serve(handler)
        found = await counted(case.spec(server.address), counting.query)
        assert isinstance(found, AnalysisError)
        assert found.kind is kind
        assert says in str(found)


def test_its_query_is_accepted_before_a_run(case, counting):
    check_count(case.spec("http://store"), counting.query)


@pytest.mark.parametrize(("case", "query", "says"), UNCOUNTED)
def test_a_query_that_counts_nothing_is_refused_before_a_run(case, query, says):
    with pytest.raises(QueryError) as refused:
        check_count(case.spec("http://store"), query)
    assert says in str(refused.value)


def test_stores_that_count_nothing_are_refused_before_a_run():
    with pytest.raises(QueryError, match="this provider does not count requests"):
        check_count(ProviderSpec(type="web", address="http://store"), "stats.requests")


async def test_a_number_of_requests_is_not_negative(serve):
    case = COUNTING["loki"]
    server = await serve(case.values["infinity"][0])
    found = await counted(case.spec(server.address), case.counts.query)
    assert isinstance(found, QueryError)
    assert "the query gives inf, which is no number of requests" in str(found)
