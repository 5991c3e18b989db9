"""Load against servers that answer in every way, or not at all."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from tidegate_embedded.load import Load
from tidegate_embedded.mesh.routes import CLUSTER_HEADER

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def a_server(answer: Answer) -> AsyncIterator[str]:
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def answering(status: int = 200, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, text="said", headers=named)

    return answer


async def test_every_answer_is_counted_by_status_version_and_cluster():
    headers = {"x_version": "1.0", "x_hostname": "p", CLUSTER_HEADER: "a-primary.test"}
    async with (
        a_server(answering(**headers)) as url,
        Load(url, host="h", rate=500) as load,
    ):
        await load.reaches(20)
    stats = load.stats()
    assert stats.requests >= 20
    assert dict(stats.by_status) == {200: stats.requests}
    assert dict(stats.by_version) == {"1.0": stats.requests}
    assert dict(stats.by_cluster) == {"a-primary.test": stats.requests}
    assert (stats.failed, stats.lost, stats.failures) == (0, 0, ())
    assert stats.window.canary_share == 0


async def test_the_host_and_path_asked_for_are_those_sent():
    seen: set[tuple[str, str]] = set()

    async def answer(request: web.Request) -> web.Response:
        seen.add((request.host, request.path))
        return web.Response()

    async with a_server(answer) as url, Load(url, host="app.example.com", path="/x") as load:
        await load.reaches(3)
    assert seen == {("app.example.com", "/x")}


async def test_connections_are_kept_and_no_more_than_allowed():
    peers: set[object] = set()

    async def answer(request: web.Request) -> web.Response:
        assert request.transport is not None
        peers.add(request.transport.get_extra_info("peername"))
        return web.Response()

    async with a_server(answer) as url, Load(url, host="h", rate=500, connections=3) as load:
        await load.reaches(60)
    assert 1 <= len(peers) <= 3


async def test_a_failure_of_a_pod_is_its_releases():
    async with (
        a_server(answering(500, x_version="2.0", x_hostname="p")) as url,
        Load(url, host="h") as load,
    ):
        stats = await load.reaches(5)
    assert stats.failed == stats.requests
    assert (stats.lost, stats.losses) == (0, ())
    assert stats.failures[0].trouble == "answered by version 2.0"


async def test_a_failure_of_the_proxy_is_told_with_its_words():
    async with a_server(answering(503)) as url, Load(url, host="h") as load:
        stats = await load.reaches(5)
    assert stats.lost == stats.failed == stats.requests
    assert (stats.failures[0].status, stats.failures[0].trouble) == (503, "said")
    assert stats.losses == stats.failures


async def test_a_connection_that_ends_without_an_answer_is_a_failure_and_nothing_is_repeated():
    asked = 0

    async def answer(request: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    async with a_server(answer) as url, Load(url, host="h") as load:
        await load.reaches(5)
    stats = load.stats()
    assert stats.lost == stats.requests == asked
    assert dict(stats.by_status) == {0: asked}


async def test_an_answer_that_does_not_come_in_time_is_a_failure():
    async def answer(_: web.Request) -> web.Response:
        await asyncio.sleep(30)
        return web.Response()

    async with a_server(answer) as url, Load(url, host="h", timeout_seconds=0.05) as load:
        stats = await load.reaches(1)
    assert stats.failures[0].trouble == "no answer within 0.05 s"


async def test_nobody_at_the_address_is_a_failure_and_the_load_goes_on():
    async with a_server(answering()) as url:
        pass
    async with Load(url, host="h") as load:
        stats = await load.reaches(5)
    assert stats.lost == stats.requests
    assert "ConnectionRefusedError" in stats.failures[0].trouble


async def test_the_rate_is_never_exceeded():
    async with a_server(answering()) as url:
        started = time.monotonic()
        async with Load(url, host="h", rate=100) as load:
            await load.reaches(50)
        elapsed = time.monotonic() - started
    assert load.stats().requests <= 100 * elapsed + 1


@pytest.mark.parametrize(("canary", "share"), [("x-canary.test", 100.0), ("x-primary.test", 0.0)])
async def test_the_canarys_share_is_measured_by_the_cluster_that_answered(canary, share):
    async with a_server(answering(**{CLUSTER_HEADER: canary})) as url, Load(url, host="h") as load:
        await load.reaches(5)
    assert load.stats().window.canary_share == share


async def test_the_window_forgets_what_is_old():
    async with (
        a_server(answering()) as url,
        Load(url, host="h", rate=500, window_seconds=0.1) as load,
    ):
        stats = await load.reaches(200)
    assert stats.requests >= 200
    assert stats.window.requests < stats.requests
    assert stats.window.median_ms is not None
    assert stats.window.p99_ms is not None
    assert stats.window.median_ms <= stats.window.p99_ms


async def test_a_restart_forgets_everything():
    async with a_server(answering(500)) as url, Load(url, host="h") as load:
        await load.reaches(5)
        load.restart()
        stats = load.stats()
    assert (stats.requests, stats.failed, stats.failures, stats.losses) == (0, 0, (), ())
