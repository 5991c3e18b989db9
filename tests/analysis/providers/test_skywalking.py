"""SkyWalking is asked about minutes by the clock of its own time zone."""

from datetime import timedelta

import orjson
import pytest

from analysis.errors import QueryError
from analysis.providers import PROVIDERS
from analysis.providers.skywalking import SkyWalkingProvider
from tests.analysis.checked import replied
from tests.case import NOW, case_of

CASE = case_of(PROVIDERS, "skywalking")
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("zone", "first", "last"),
    [
        ("+0800", "2026-01-01 0756", "2026-01-01 0757"),
        ("-03:30", "2025-12-31 2026", "2025-12-31 2027"),
    ],
)
async def test_it_asks_by_the_clock_there_and_for_the_zone_once(zone, first, last, serve):
    server = await serve(CASE.five)
    answers = CASE.five

    async def there(request):
        if b"getTimeInfo" in await request.read():
            return replied({"data": {"time": {"timezone": zone}}})
        return await answers(request)

    server.handler = there
    provider = SkyWalkingProvider(CASE.spec(server.address))
    query = '{"service": "pay", "instance": "pay-1", "expression": "service_cpm"}'
    for _ in range(2):
        await provider.query(query, NOW, 2 * MINUTE)
    await provider.close()

    asked = [orjson.loads(each) for each in server.contents]
    assert ["getTimeInfo" in each["query"] for each in asked] == [True, False, False]
    assert asked[1]["variables"] == {
        "expression": "service_cpm",
        "entity": {"serviceName": "pay", "normal": True, "serviceInstanceName": "pay-1"},
        "duration": {"start": first, "end": last, "step": "MINUTE"},
    }


@pytest.mark.parametrize(
    "query",
    [
        "service_cpm",
        "[]",
        '{"service": "pay"}',
        '{"service": "", "expression": "a"}',
        '{"service": "pay", "expression": "a", "layer": "MESH"}',
    ],
)
async def test_what_is_no_query_is_not_asked(query, serve):
    server = await serve(CASE.five)
    provider = SkyWalkingProvider(CASE.spec(server.address))
    with pytest.raises(QueryError, match="none of SkyWalking"):
        await provider.query(query, NOW, MINUTE)
    await provider.close()
    assert not server.requests
