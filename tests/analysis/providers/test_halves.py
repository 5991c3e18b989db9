"""Two halves of the pods are counted in blocks of the past, from raw samples."""

import asyncio
from datetime import UTC, datetime, timedelta

from aiohttp import web

from analysis.evidence import Count
from analysis.model import ProviderSpec
from analysis.providers import CountsHalves
from analysis.providers.prometheus import SETTLE, PrometheusProvider
from tests.analysis.servers import Handler, data, says

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PATIENCE = 60
QUERIES = ('increase(rq{app="shop-primary"})', 'increase(rq{app="shop-primary",code=~"5.."})')
#: What comes on top each minute, by pod and code.
GROWTH = {("a", "200"): 90, ("a", "503"): 10, ("b", "200"): 50, ("c", "200"): 30}


def prometheus(label: str) -> Handler:
    """Answer with five minutes of samples of each series, one every half minute."""
    begin = (NOW - SETTLE).timestamp() - 300

    async def answer(request: web.Request) -> web.StreamResponse:
        assert request.query["query"].startswith("rq{")
        found = [
            {
                "metric": {"__name__": "rq", "app": "shop-primary", label: pod, "code": code},
                "values": [[begin + 30 * n, str(1000 + more * n / 2)] for n in range(11)],
            }
            for (pod, code), more in GROWTH.items()
        ]
        return await says(data("matrix", found))(request)

    return answer


async def halves(serve, handler: Handler) -> list[tuple[Count, Count]]:
    server = await serve(handler)
    provider = PrometheusProvider(ProviderSpec(type="prometheus", address=server.address))
    assert isinstance(provider, CountsHalves)
    async with asyncio.timeout(PATIENCE):
        found = await provider.halves(QUERIES, NOW, MINUTE, 4)
        await provider.close()
    assert len(server.requests) == 1
    return list(found)


async def test_each_second_pod_is_of_the_other_half(serve):
    assert await halves(serve, prometheus("pod")) == [(Count(130, 10), Count(50, 0))] * 4
    assert await halves(serve, prometheus("instance")) == [(Count(130, 10), Count(50, 0))] * 4


async def test_pods_that_no_label_tells_apart_are_not_halved(serve):
    assert await halves(serve, prometheus("somewhere")) == []
    assert await halves(serve, says(data("matrix", []))) == []
