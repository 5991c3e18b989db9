"""What a real OpenSearch answers to what tidegate asks in searches."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

import httpx
import orjson
import pytest
import pytest_asyncio

from analysis.errors import QueryError
from analysis.model import NoData, Outcome, ProviderSpec, Sample
from analysis.providers.opensearch import OpenSearchProvider
from tests.controller.running import until
from tests.testbed import maven
from tidegate_embedded.network import free_port
from tidegate_embedded.process import start_program, stop_program

pytestmark = [pytest.mark.control_plane, pytest.mark.asyncio(loop_scope="module")]

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE, STEP = timedelta(minutes=1), timedelta(seconds=10)
_START_SECONDS = 240


def search(app: str, *more: object, **body: object) -> str:
    """Write a search for the documents of a workload."""
    filters = [{"term": {"app": app}}, *more]
    return orjson.dumps({"query": {"bool": {"filter": filters}}, **body}).decode()


FAILED = {"range": {"status": {"gte": 500}}}
REQUESTS, FAILURES = search("shop"), search("shop", FAILED)
SLOWEST = search("shop", aggs={"slow": {"percentiles": {"field": "ms", "percents": [50]}}})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opensearch(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[OpenSearchProvider]:
    folder, port = tmp_path_factory.mktemp("opensearch"), free_port()
    program, arguments = maven.opensearch()
    places = (str(folder / "data"), str(port), str(free_port()))
    log = folder / "opensearch.log"
    process = await start_program(program, *arguments, *places, log=log)
    address = f"http://127.0.0.1:{port}"
    try:
        await furnish(address)
        options = (("index", "traces-*"), ("settle", "0s"))
        provider = OpenSearchProvider(
            ProviderSpec(type="opensearch", address=address, options=options)
        )
        yield provider
        await provider.close()
    finally:
        await stop_program(process, grace_seconds=20)


async def furnish(address: str) -> None:
    """Write ten minutes of requests: one every ten seconds, of which each sixth has failed."""
    async with httpx.AsyncClient(base_url=address, timeout=60) as client:

        async def answers() -> bool:
            try:
                return (await client.get("/_cluster/health")).is_success
            except httpx.TransportError:
                return False

        await until(answers, "OpenSearch answers", seconds=_START_SECONDS)
        fields = {"@timestamp": "date", "app": "keyword", "status": "integer", "ms": "double"}
        properties = {name: {"type": kind} for name, kind in fields.items()}
        made = await client.put("/traces-shop", json={"mappings": {"properties": properties}})
        made.raise_for_status()
        lines: list[object] = []
        for number in range(1, 61):
            at = (NOW - number * STEP).isoformat()
            for app, status in (("shop", 503 if number % 6 == 0 else 200), ("shop-primary", 200)):
                document = {"@timestamp": at, "app": app, "status": status, "ms": float(number)}
                lines += [{"index": {}}, document]
        written = await client.post(
            "/traces-shop/_bulk?refresh=true",
            content=b"".join(orjson.dumps(each) + b"\n" for each in lines),
            headers={"Content-Type": "application/x-ndjson"},
        )
        written.raise_for_status()
        assert not written.json()["errors"]


async def counted(
    provider: OpenSearchProvider, queries: Sequence[str], since: datetime, at: datetime
) -> tuple[Outcome, ...]:
    """Count by several searches at once, and by each alone."""
    together = await provider.count_together(queries, since, at)
    assert [await provider.count(each, since, at) for each in queries] == list(together)
    return together


async def test_both_sides_are_counted_by_one_request_as_by_one_for_each(
    opensearch: OpenSearchProvider,
) -> None:
    queries = (REQUESTS, FAILURES, search("shop-primary"), search("shop-primary", FAILED))
    found = await counted(opensearch, queries, NOW - 3 * MINUTE, NOW)
    assert found == tuple(Sample(value=each, at=NOW) for each in (18, 3, 18, 0))


async def test_blocks_that_meet_count_every_request_once(opensearch: OpenSearchProvider) -> None:
    begin, total = NOW - 9 * MINUTE, 0.0
    for seconds in (45, 37, 15, 1, 90):
        (found,) = await counted(opensearch, [REQUESTS], begin, begin + timedelta(seconds=seconds))
        assert isinstance(found, Sample)
        total, begin = total + found.value, found.at
    assert await counted(opensearch, [REQUESTS], NOW - 9 * MINUTE, begin) == (
        Sample(value=total, at=begin),
    )


async def test_a_value_is_that_of_the_window(opensearch: OpenSearchProvider) -> None:
    found = await opensearch.query(SLOWEST, NOW, MINUTE)
    assert found == Sample(value=3.5, at=NOW)
    nothing = search("nobody", aggs={"slow": {"avg": {"field": "ms"}}})
    assert isinstance(await opensearch.query(nothing, NOW, MINUTE), NoData)


@pytest.mark.parametrize("others", [(), (REQUESTS,)], ids=["alone", "beside another"])
async def test_what_is_no_search_is_refused(
    opensearch: OpenSearchProvider, others: tuple[str, ...]
) -> None:
    wrong = orjson.dumps({"query": {"nothing": {}}}).decode()
    with pytest.raises(QueryError, match=r"unknown query|parse"):
        await opensearch.count_together([*others, wrong], NOW - MINUTE, NOW)
