"""What a real InfluxDB answers to what tidegate asks in InfluxQL."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import pytest_asyncio

from analysis.errors import Ambiguous, QueryError
from analysis.model import NoData, Outcome, ProviderSpec, Sample
from analysis.providers.influxdb import InfluxProvider
from tests.controller.running import until
from tests.testbed import debian
from tidegate_embedded.network import free_port
from tidegate_embedded.process import start_program, stop_program

pytestmark = [pytest.mark.control_plane, pytest.mark.asyncio(loop_scope="module")]

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE, STEP = timedelta(minutes=1), timedelta(seconds=10)
CONFIGURATION = """\
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
dir = "{folder}/meta"
[data]
dir = "{folder}/data"
wal-dir = "{folder}/wal"
[http]
bind-address = "127.0.0.1:{port}"
"""
WITHIN = "FROM http WHERE app = 'shop' AND time >= $start AND time < $end"
REQUESTS = f"SELECT SUM(requests) {WITHIN}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def influxdb(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[InfluxProvider]:
    folder, port = tmp_path_factory.mktemp("influxdb"), free_port()
    config = folder / "influxdb.conf"
    config.write_text(CONFIGURATION.format(folder=folder, port=port, rpc=free_port()))
    program = debian.influxdb().program
    log = folder / "influxdb.log"
    process = await start_program(program, "run", "-config", str(config), log=log)
    address = f"http://127.0.0.1:{port}"
    try:
        await furnish(address)
        options = (("database", "telegraf"), ("language", "influxql"), ("settle", "0s"))
        provider = InfluxProvider(ProviderSpec(type="influxdb", address=address, options=options))
        yield provider
        await provider.close()
    finally:
        await stop_program(process, grace_seconds=5)


async def furnish(address: str) -> None:
    """Write ten minutes of what an agent counts every ten seconds."""
    async with httpx.AsyncClient(base_url=address) as client:

        async def answers() -> bool:
            try:
                return (await client.get("/ping")).is_success
            except httpx.TransportError:
                return False

        await until(answers, "InfluxDB answers", seconds=60)
        made = await client.post("/query", data={"q": "CREATE DATABASE telegraf"})
        made.raise_for_status()
        moments = [int((NOW - number * STEP).timestamp()) for number in range(1, 61)]
        lines = [f"http,app=shop,pod=a requests=10i,slow=1i {at}" for at in moments]
        lines += [f"http,app=shop,pod=b requests=5i {at}" for at in moments]
        lines += [f"http,app=shop-primary requests=100i {at}" for at in moments]
        written = await client.post(
            "/write", params={"db": "telegraf", "precision": "s"}, content="\n".join(lines)
        )
        written.raise_for_status()


async def counted(provider: InfluxProvider, query: str, since: datetime, at: datetime) -> Outcome:
    return await provider.count(query, since, at)


async def test_a_value_is_that_of_the_window(influxdb: InfluxProvider) -> None:
    found = await influxdb.query(f"SELECT MEAN(requests) {WITHIN}", NOW, MINUTE)
    assert found == Sample(value=7.5, at=NOW)


@pytest.mark.parametrize(
    ("query", "value"),
    [
        pytest.param(REQUESTS, 15 * 18, id="a sum"),
        pytest.param(f"SELECT SUM(slow) {WITHIN}", 18, id="of a field that one series has"),
        pytest.param(f"{REQUESTS} GROUP BY time(1m)", 15 * 18, id="a sum of each minute"),
    ],
)
async def test_a_block_is_counted_whole(influxdb: InfluxProvider, query: str, value: float) -> None:
    assert await counted(influxdb, query, NOW - 3 * MINUTE, NOW) == Sample(value=value, at=NOW)


async def test_blocks_that_meet_count_every_request_once(influxdb: InfluxProvider) -> None:
    begin, total = NOW - 9 * MINUTE, 0.0
    for seconds in (45, 37, 10, 1, 90):
        found = await counted(influxdb, REQUESTS, begin, begin + timedelta(seconds=seconds))
        assert isinstance(found, Sample | NoData)
        total += found.value if isinstance(found, Sample) else 0.0
        begin += timedelta(seconds=seconds)
    whole = await counted(influxdb, REQUESTS, NOW - 9 * MINUTE, begin)
    assert whole == Sample(value=total, at=begin)


async def test_what_was_never_written_is_no_data(influxdb: InfluxProvider) -> None:
    query = f"SELECT SUM(errors) {WITHIN}"
    assert isinstance(await counted(influxdb, query, NOW - MINUTE, NOW), NoData)


async def test_several_series_and_what_is_no_query_are_refused(influxdb: InfluxProvider) -> None:
    with pytest.raises(Ambiguous, match="2 series"):
        await counted(influxdb, f"{REQUESTS} GROUP BY pod", NOW - MINUTE, NOW)
    with pytest.raises(QueryError, match="error parsing query"):
        await counted(influxdb, REQUESTS.replace("FROM", "FORM"), NOW - MINUTE, NOW)


async def test_several_statements_are_counted_by_one_request_as_by_one_for_each(
    influxdb: InfluxProvider,
) -> None:
    names = ("requests", "nothing", "slow")
    queries = [f"SELECT SUM({each}) {WITHIN}" for each in names]
    found = await influxdb.count_together(queries, NOW - 3 * MINUTE, NOW)
    assert [each.value if isinstance(each, Sample) else None for each in found] == [270, None, 18]
    assert [await counted(influxdb, each, NOW - 3 * MINUTE, NOW) for each in queries] == [*found]
    with pytest.raises(QueryError, match="error parsing query"):
        await influxdb.count_together([queries[0], f"SELECT {WITHIN}"], NOW - MINUTE, NOW)
