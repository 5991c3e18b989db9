"""What real stores answer to what tidegate asks: Prometheus and VictoriaMetrics, its Graphite too."""

import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import orjson
import pytest
import pytest_asyncio

from analysis.errors import QueryError
from analysis.evidence import Count
from analysis.model import NoData, Outcome, ProviderSpec, Sample
from analysis.providers import PROVIDERS, Provider
from analysis.providers.graphite import GraphiteProvider
from analysis.providers.history import History
from analysis.providers.prometheus import SETTLE, PrometheusProvider
from analysis.providers.vectors import parts, side_by_side, vector
from tests.controller.running import until
from tests.testbed.conftest import programs
from tidegate_embedded.network import free_port
from tidegate_embedded.process import start_program, stop_program

pytestmark = [pytest.mark.control_plane, pytest.mark.asyncio]

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
STEP = timedelta(seconds=15)
_START_SECONDS = 60
#: Counters, by labels: what comes on top in each step of the last ten minutes.
GROWTH: Mapping[tuple[str, ...], int] = {
    ('app="shop"', 'code="200"'): 9,
    ('app="shop"', 'code="503"'): 1,
    ('app="shop-primary"', 'code="200"', 'pod="a"'): 60,
    ('app="shop-primary"', 'code="200"', 'pod="b"'): 29,
    ('app="shop-primary"', 'code="404"', 'pod="b"'): 1,
}
EDGES = {"0.25": 5, "0.5": 8, "+Inf": 10}
REQUESTS, FAILURES = 'increase(rq{app="shop"})', 'increase(rq{app="shop",code=~"5.."})'
QUERIES = (
    REQUESTS,
    FAILURES,
    REQUESTS.replace("shop", "shop-primary"),
    FAILURES.replace("shop", "shop-primary"),
    'increase(seconds_count{app="shop"}) - within(0.5, seconds_bucket{app="shop"})',
)


def series() -> dict[str, list[tuple[datetime, int]]]:
    """Give every series, by how it is written, with its samples."""
    steps = [NOW - 10 * MINUTE + number * STEP for number in range(41)]
    growth = {f"rq{{{','.join(labels)}}}": each for labels, each in GROWTH.items()}
    growth |= {f'seconds_bucket{{app="shop",le="{le}"}}': each for le, each in EDGES.items()}
    growth['seconds_count{app="shop"}'] = EDGES["+Inf"]
    return {
        name: [(at, number * each) for number, at in enumerate(steps)]
        for name, each in growth.items()
    }


@asynccontextmanager
async def running(program: Path, log: Path, port: int, *arguments: str) -> AsyncIterator[str]:
    """Run a store until it answers, and give its address."""
    address = f"http://127.0.0.1:{port}"
    process = await start_program(program, *arguments, log=log)
    try:
        async with httpx.AsyncClient() as client:

            async def answers() -> bool:
                try:
                    return (await client.get(f"{address}/-/ready")).status_code == 200
                except httpx.TransportError:
                    return False

            await until(answers, "the store answers", seconds=_START_SECONDS)
        yield address
    finally:
        await stop_program(process, grace_seconds=5)


def blocks_of(folder: Path) -> Path:
    """Have Prometheus's own tool write the series as blocks."""
    lines = []
    for name in ("rq", "seconds_bucket", "seconds_count"):
        lines += [
            f"{each} {value} {at.timestamp():.0f}"
            for each, samples in series().items()
            if each.startswith(f"{name}{{")
            for at, value in samples
        ]
    written, blocks = folder / "series.txt", folder / "blocks"
    written.write_text("\n".join((*lines, "# EOF\n")))
    made = (programs("promtool")["promtool"], "tsdb", "create-blocks-from", "openmetrics")
    subprocess.run([*made, written, blocks], check=True, capture_output=True)
    return blocks


@asynccontextmanager
async def a_prometheus(folder: Path) -> AsyncIterator[str]:
    """Run Prometheus on blocks of the series."""
    config, port = folder / "prometheus.yaml", free_port()
    config.write_text("{}")
    async with running(
        programs("prometheus")["prometheus"],
        folder / "prometheus.log",
        port,
        f"--config.file={config}",
        f"--storage.tsdb.path={blocks_of(folder)}",
        "--storage.tsdb.retention.time=100y",
        f"--web.listen-address=127.0.0.1:{port}",
    ) as address:
        yield address


@asynccontextmanager
async def a_victoria_metrics(folder: Path) -> AsyncIterator[str]:
    """Run VictoriaMetrics, and tell it the series."""
    port = free_port()
    async with running(
        programs("victoria-metrics")["victoria-metrics"],
        folder / "victoria-metrics.log",
        port,
        f"-storageDataPath={folder / 'data'}",
        f"-httpListenAddr=127.0.0.1:{port}",
        "-retentionPeriod=100y",
    ) as address:
        lines = (
            f"{each} {value} {at.timestamp() * 1000:.0f}"
            for each, samples in series().items()
            for at, value in samples
        )
        async with httpx.AsyncClient(base_url=address) as client:
            await told(client, "/api/v1/import/prometheus", lines)
            await told(client, "/api/v1/import", graphite_series())
        yield address


async def told(client: httpx.AsyncClient, path: str, lines: Iterable[str]) -> None:
    """Tell VictoriaMetrics samples, and have it show them at once."""
    (await client.post(path, content="\n".join(lines))).raise_for_status()
    (await client.get("/internal/force_flush")).raise_for_status()


def graphite_series() -> Iterable[str]:
    """Give what Graphite's clients would have written: one point a minute."""
    times = [int((NOW - (10 - number) * MINUTE).timestamp() * 1000) for number in range(10)]
    for name, values in (("errors", [*range(9), 50]), ("requests", [100] * 10)):
        labels = {"__name__": f"stats.shop.{name}"}
        yield orjson.dumps({"metric": labels, "values": values, "timestamps": times}).decode()


STORES = {"Prometheus": a_prometheus, "VictoriaMetrics": a_victoria_metrics}


@dataclass(frozen=True, kw_only=True)
class Store:
    """A store that runs."""

    name: str
    address: str

    async def __call__(
        self, ask: Callable[[PrometheusProvider], Awaitable[Outcome | tuple[Outcome, ...]]]
    ) -> Outcome | tuple[Outcome, ...]:
        """Ask it by its provider."""
        provider = PrometheusProvider(ProviderSpec(type="prometheus", address=self.address))
        try:
            return await ask(provider)
        finally:
            await provider.close()


@pytest_asyncio.fixture(params=STORES, scope="module", loop_scope="module")
async def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Store]:
    folder = tmp_path_factory.mktemp("store")
    async with STORES[request.param](folder) as address:
        yield Store(name=request.param, address=address)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_value_is_that_of_the_moment(store: Store) -> None:
    found = await store(lambda each: each.query('sum(rq{app="shop"})', NOW, MINUTE))
    assert found == Sample(value=400, at=NOW)


@pytest.mark.asyncio(loop_scope="module")
async def test_both_sides_are_counted_by_one_question_as_by_one_for_each(store: Store) -> None:
    # Twelve steps end in the three minutes up to the moment at which data are whole.
    since = NOW - 3 * MINUTE
    together = await store(lambda each: each.count_together(QUERIES, since, NOW))
    whole = NOW - SETTLE
    assert together == (
        Sample(value=110, at=whole),
        Sample(value=11, at=whole),
        Sample(value=990, at=whole),
        NoData(reason='no series matches rq{app="shop-primary", code=~"5.."}'),
        Sample(value=22, at=whole),
    )
    for query, outcome in zip(QUERIES, together, strict=True):
        assert await store(lambda each, query=query: each.count(query, since, NOW)) == outcome


@pytest.mark.asyncio(loop_scope="module")
async def test_blocks_that_meet_count_every_request_once(store: Store) -> None:
    begin, total = NOW - 9 * MINUTE, 0.0
    for seconds in (45.0, 37.123, 15, 0.777, 90):
        at = begin + SETTLE + timedelta(seconds=seconds)
        found = await store(lambda each, since=begin, at=at: each.count(REQUESTS, since, at))
        assert isinstance(found, Sample)
        total, begin = total + found.value, found.at
    whole = await store(lambda each: each.count(REQUESTS, NOW - 9 * MINUTE, begin + SETTLE))
    assert whole == Sample(value=total, at=begin)
    assert total == 10 * int((begin - NOW + 9 * MINUTE) / STEP)


@pytest.mark.asyncio(loop_scope="module")
async def test_each_second_pod_is_counted_apart_in_blocks_of_the_past(store: Store) -> None:
    provider = PrometheusProvider(ProviderSpec(type="prometheus", address=store.address))
    primary = REQUESTS.replace("shop", "shop-primary")
    missing = primary.replace("}", ',code="404"}')
    found = await provider.halves((primary, missing), NOW, MINUTE, 3)
    await provider.close()
    assert found == ((Count(240, 0), Count(120, 4)),) * 3


@pytest.mark.asyncio(loop_scope="module")
async def test_an_edge_that_no_bucket_has_is_refused_with_the_nearest(store: Store) -> None:
    query = 'within(0.3, seconds_bucket{app="shop"})'
    with pytest.raises(QueryError, match=r"the nearest edges are 0\.25 and 0\.5"):
        await store(lambda each: each.count(query, NOW - MINUTE, NOW))


@pytest.mark.asyncio(loop_scope="module")
async def test_what_is_no_query_is_refused_and_what_has_no_series_is_no_data(store: Store) -> None:
    with pytest.raises(QueryError, match=r"parse error|cannot parse|unexpected"):
        await store(lambda each: each.query("sum(", NOW, MINUTE))
    found = await store(lambda each: each.query("nothing", NOW, MINUTE))
    assert found == NoData(reason="the query found no series")


@pytest.mark.asyncio(loop_scope="module")
async def test_the_past_is_read_at_every_step(store: Store) -> None:
    history = History(ProviderSpec(type="prometheus", address=store.address))
    found = await history.read('sum(rq{app="shop"})', NOW - 3 * MINUTE, NOW - MINUTE, MINUTE)
    assert found.points == tuple((NOW - ago * MINUTE, 10.0 * (40 - 4 * ago)) for ago in (3, 2, 1))


@pytest.mark.asyncio(loop_scope="module")
async def test_several_queries_are_answered_side_by_side_with_a_label_for_each(
    store: Store,
) -> None:
    queries = ('sum(rq{app="shop"})  # all', "sum(nothing)", 'sum(rq{app="shop",code="503"})')
    asked = {"query": side_by_side(queries), "time": f"{NOW.timestamp():.0f}"}
    async with httpx.AsyncClient(base_url=store.address) as client:
        answer = (await client.get("/api/v1/query", params=asked)).raise_for_status().json()
    found = [[point.value for (point,) in vector(each["data"])] for each in parts(answer, 3)]
    assert found == [[400], [], [40]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def graphite(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Provider]:
    async with a_victoria_metrics(tmp_path_factory.mktemp("graphite")) as address:
        provider = PROVIDERS.load("graphite")(ProviderSpec(type="graphite", address=address))
        yield provider
        await provider.close()


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("target=stats.shop.errors", 50),
        ("target=asPercent(stats.shop.errors,stats.shop.requests)", 50),
        ("target=sumSeries(stats.shop.*)", 150),
        ("target=stats.shop.errors&from=-6min&until=-4min", None),
    ],
)
async def test_victoria_metrics_is_asked_as_graphite_is(
    graphite: Provider, query: str, value: float | None
) -> None:
    found = await graphite.query(query, NOW + MINUTE, 2 * MINUTE)
    assert found.value == value if isinstance(found, Sample) else value is None


@pytest.mark.asyncio(loop_scope="module")
async def test_victoria_metrics_refuses_what_is_no_target(graphite: Provider) -> None:
    with pytest.raises(QueryError, match=r"answers 4|refuses the query"):
        await graphite.query("target=noSuch(stats.shop.errors)", NOW, MINUTE)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("since", [2, 8])
async def test_victoria_metrics_counts_each_minute_of_a_block_once(
    graphite: Provider, since: int
) -> None:
    query = "target=summarize(stats.shop.requests,'1min','sum')"
    found = await graphite.count(query, NOW - since * MINUTE, NOW)
    assert found == Sample(value=100.0 * (since - 1), at=NOW - MINUTE)


@pytest.mark.asyncio(loop_scope="module")
async def test_victoria_metrics_answers_several_targets_side_by_side(graphite: Provider) -> None:
    assert isinstance(graphite, GraphiteProvider)
    queries = [f"target=summarize(stats.shop.{each},'1min','sum')" for each in ("requests", "no")]
    found = await graphite.count_together(queries, NOW - 8 * MINUTE, NOW)
    assert found[0] == Sample(value=700, at=NOW - MINUTE)
    assert isinstance(found[1], NoData)
    assert found[0] == await graphite.count(queries[0], NOW - 8 * MINUTE, NOW)
