"""A real Envoy in front of real pods."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from math import sqrt
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from tests.embedded.mesh_objects import (
    KEYS,
    NAMESPACE,
    ROUTES,
    a_pod,
    a_service,
    a_virtual_service,
    an_http_route,
    an_object,
    endpoints,
    put,
)
from tidegate_embedded.apiserver.storage import Storage
from tidegate_embedded.controllers.runtime import PodReport
from tidegate_embedded.load import Load
from tidegate_embedded.mesh import Mesh
from tidegate_embedded.outcomes import LoadStats
from tidegate_embedded.pods import ProcessRuntime
from tidegate_embedded.process import ProgramFailed

CANARY = "outbound|9898||podinfo-canary.test.svc.cluster.local"
PRIMARY = "outbound|9898||podinfo-primary.test.svc.cluster.local"
HOST = "podinfo.test"
DEADLINE_SECONDS = 180.0


@dataclass
class World:
    storage: Storage
    mesh: Mesh
    runtime: ProcessRuntime

    async def pod(self, name: str, **how: Any) -> str:
        """Run a pod; return its address once it is ready."""
        ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def report(state: PodReport) -> None:
            if state.ready and not ready.done():
                assert state.ip is not None
                ready.set_result(state.ip)

        await self.runtime.start(a_pod(name, **how), report)
        return await asyncio.wait_for(ready, DEADLINE_SECONDS)

    async def put(self, *items: dict[str, Any]) -> None:
        put(self.storage, *items)
        await self.mesh.settled()

    async def remove(self, kind: str, name: str = "podinfo") -> None:
        """Remove an object, if there is one."""
        if stored := self.storage.find(KEYS[kind], (NAMESPACE, name)):
            self.storage.remove(KEYS[kind], (NAMESPACE, name), stored.object)
        await self.mesh.settled()

    def load(self, **how: Any) -> Load:
        return Load(self.mesh.url, **({"host": HOST, "rate": 400.0} | how))


@asynccontextmanager
async def a_world() -> AsyncIterator[World]:
    storage = Storage()
    async with ProcessRuntime(linger_seconds=1.0) as runtime, Mesh(storage) as mesh:
        yield World(storage, mesh, runtime)


@asynccontextmanager
async def both_sides() -> AsyncIterator[World]:
    """Run a pod on each side; the apex service leads to the primary's."""
    async with a_world() as made:
        primary, canary = await asyncio.gather(
            made.pod("podinfo-primary-1", tag="1.0"), made.pod("podinfo-1", tag="2.0")
        )
        await made.put(
            *(a_service(name) for name in ("podinfo", "podinfo-primary", "podinfo-canary")),
            endpoints("podinfo", primary),
            endpoints("podinfo-primary", primary),
            endpoints("podinfo-canary", canary),
        )
        yield made


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with both_sides() as made:
        yield made


@pytest_asyncio.fixture(scope="class", loop_scope="class")
async def shared() -> AsyncIterator[World]:
    """One world for a table of rows that leave nothing behind but their route."""
    async with both_sides() as made:
        yield made


async def share_after(load: Load, requests: int) -> float:
    """Measure the canary's share of the next requests."""
    load.restart()
    stats = await load.reaches(requests)
    assert stats.failed == 0, stats.failures
    return stats.by_cluster.get(CANARY, 0) / stats.requests


def assert_about(share: float, wanted: float, requests: int) -> None:
    """Allow for six standard deviations: one run in five hundred million is further off."""
    assert abs(share - wanted) < 6 * sqrt(wanted * (1 - wanted) / requests)


@pytest.mark.parametrize("router", ROUTES)
async def test_requests_are_split_as_the_route_says_and_a_change_is_effective(world, router):
    write = ROUTES[router]
    await world.put(write(80, 20))
    async with world.load() as load:
        assert_about(await share_after(load, 600), 0.2, 600)
        await world.put(write(30, 70))
        assert_about(await share_after(load, 600), 0.7, 600)
        await world.put(write(0, 100))
        assert await share_after(load, 200) == 1.0
        await world.put(write(100, 0))
        assert await share_after(load, 200) == 0.0


MIRRORING = {
    "istio": lambda percent: a_virtual_service(
        100,
        0,
        mirror={"host": "podinfo-canary"},
        **({} if percent == 100 else {"mirrorPercentage": {"value": percent}}),
    ),
    "gatewayapi": lambda percent: an_http_route(
        100,
        0,
        filters=[
            {
                "type": "RequestMirror",
                "requestMirror": {"backendRef": {"name": "podinfo-canary", "port": 9898}}
                | ({} if percent == 100 else {"percent": percent}),
            }
        ],
    ),
}


@pytest.mark.parametrize("router", MIRRORING)
async def test_copies_of_requests_reach_the_canary_and_nobody_gets_its_answers(world, router):
    await world.put(MIRRORING[router](100))
    async with world.load() as load:
        stats = await load.reaches(200)
    assert set(stats.by_cluster) == {PRIMARY}
    asked = load.stats().requests
    copied = await until_copied(world, asked)
    assert copied == asked
    await world.put(MIRRORING[router](25))
    async with world.load() as load:
        await load.reaches(600)
    asked = load.stats().requests
    before, copied = copied, await until_copied(world, copied + asked // 8)
    assert (copied - before) / asked < 0.5


async def until_copied(world: World, least: int) -> int:
    """Wait until the canary was asked as often as that; give how often it was."""
    total, deadline = 0, time.monotonic() + DEADLINE_SECONDS
    while total < least and time.monotonic() < deadline:
        counters = await world.mesh.counters()
        total = counters[CANARY].total if CANARY in counters else 0
    assert total >= least
    return total


async def test_envoys_own_counters_say_the_same_as_the_callers(world):
    await world.put(a_virtual_service(50, 50))
    async with world.load() as load:
        await load.reaches(200)
    stats, counters = load.stats(), await world.mesh.counters()
    assert {name: counters[name].total for name in (PRIMARY, CANARY)} == dict(stats.by_cluster)
    assert counters[CANARY].by_code == {200: stats.by_cluster[CANARY]}
    assert counters[CANARY].failed == 0


async def test_the_page_of_metrics_names_clusters_in_full(world):
    await world.put(a_virtual_service(0, 100))
    async with world.load() as load, aiohttp.ClientSession() as session:
        await load.reaches(50)
        histogram = f'envoy_cluster_upstream_rq_time_bucket{{envoy_cluster_name="{CANARY}"'
        deadline = time.monotonic() + DEADLINE_SECONDS
        page = ""
        while histogram not in page and time.monotonic() < deadline:
            async with session.get(world.mesh.metrics_url) as answer:
                page = await answer.text()
    assert histogram in page
    labels = f'envoy_response_code="200",envoy_cluster_name="{CANARY}"'
    assert f"envoy_cluster_upstream_rq{{{labels}}}" in page


async def test_no_request_fails_while_pods_are_replaced(world):
    await world.put(a_virtual_service(50, 50))
    async with world.load(rate=200.0) as load:
        await load.reaches(50)
        name = "podinfo-1"
        for turn in range(2, 5):
            fresh = f"podinfo-{turn}"
            await world.put(endpoints("podinfo-canary", await world.pod(fresh, tag=f"{turn}.0")))
            await world.runtime.stop(a_pod(name))
            name = fresh
            await load.reaches(50)
    stats = load.stats()
    assert stats.failures == ()
    assert set(stats.by_version) == {"1.0", "2.0", "3.0", "4.0"}
    assert len(world.runtime.process_ids) == 2


async def test_no_request_fails_when_a_pod_ends_in_the_same_moment_as_its_endpoint(world):
    other = await world.pod("podinfo-2")
    await world.put(a_virtual_service(0, 100))
    async with world.load(rate=200.0) as load:
        await load.reaches(50)
        put(world.storage, endpoints("podinfo-canary", other))
        await world.runtime.stop(a_pod("podinfo-1"))
        await load.reaches(50)
    assert load.stats().failures == ()


async def test_no_request_fails_when_services_and_routes_come_and_go(world):
    async with world.load(rate=200.0) as load:
        await load.reaches(20)
        for _ in range(3):
            await world.put(a_virtual_service(50, 50))
            await load.reaches(20)
            await world.remove("VirtualService")
            await world.remove("Service", "podinfo-canary")
            await load.reaches(20)
            await world.put(a_service("podinfo-canary"))
    assert load.stats().failures == ()


async def test_a_service_without_pods_costs_answers_of_the_proxy_which_are_told_apart(world):
    await world.put(a_virtual_service(0, 100), endpoints("podinfo-canary"))
    async with world.load() as load:
        stats = await load.reaches(20)
    assert stats.lost == stats.failed == stats.requests
    assert "no healthy upstream" in stats.failures[0].trouble


async def test_what_envoy_refuses_is_an_error_and_the_routes_stay(world):
    await world.put(a_virtual_service(0, 100))
    broken = a_virtual_service(100, 0, match=[{"uri": {"regex": "("}}])
    with pytest.raises(ProgramFailed, match=r"http\.ingress\.rds"):
        await world.put(broken)
    async with world.load() as load:
        assert await share_after(load, 50) == 1.0
        await world.put(a_virtual_service(100, 0))
        assert await share_after(load, 50) == 0.0


async def test_an_object_that_makes_no_sense_is_an_error_and_the_routes_stay(world):
    await world.put(a_virtual_service(0, 100))
    with pytest.raises(ProgramFailed, match="objects cannot be rendered"):
        await world.put(a_virtual_service(100, 0, timeout="soon"))
    async with world.load() as load:
        assert await share_after(load, 50) == 1.0


@pytest.mark.asyncio(loop_scope="class")
class TestConditions:
    """Each condition is tried with requests that hold and that do not."""

    @pytest.mark.parametrize(
        ("match", "holding", "failing"),
        [
            ({"uri": {"exact": "/a"}}, {"path": "/a"}, {"path": "/ab"}),
            ({"uri": {"prefix": "/a"}}, {"path": "/ab"}, {"path": "/b"}),
            ({"uri": {"regex": "/[ab]+"}}, {"path": "/abba"}, {"path": "/abc"}),
            (
                {"uri": {"exact": "/a"}, "ignoreUriCase": True},
                {"path": "/A"},
                {"path": "/B"},
            ),
            ({"method": {"exact": "PUT"}}, {"method": "PUT"}, {"method": "GET"}),
            (
                {"headers": {"x-user": {"prefix": "in"}}},
                {"headers": {"x-user": "insider"}},
                {"headers": {"x-user": "outsider"}},
            ),
            ({"headers": {"x-user": {}}}, {"headers": {"x-user": "a"}}, {}),
            ({"withoutHeaders": {"x-user": {}}}, {}, {"headers": {"x-user": "a"}}),
            (
                {"withoutHeaders": {"x-user": {"exact": "a"}}},
                {},
                {"headers": {"x-user": "a"}},
            ),
            (
                {"queryParams": {"v": {"exact": "2"}}},
                {"path": "/?v=2"},
                {"path": "/?v=1"},
            ),
        ],
    )
    async def test_of_a_virtual_service(self, shared, match, holding, failing):
        await shared.put(a_virtual_service(0, 100, match=[match]))
        assert await asked(shared, **holding) == 200
        assert await asked(shared, **failing) == 404

    @pytest.mark.parametrize(
        ("match", "holding", "failing"),
        [
            (
                {"path": {"type": "PathPrefix", "value": "/a"}},
                {"path": "/a/b"},
                {"path": "/ab"},
            ),
            ({"path": {"type": "Exact", "value": "/a"}}, {"path": "/a"}, {"path": "/a/"}),
            (
                {"path": {"type": "RegularExpression", "value": "/[ab]+"}},
                {"path": "/ab"},
                {"path": "/c"},
            ),
            ({"method": "PUT"}, {"method": "PUT"}, {"method": "GET"}),
            (
                {"headers": [{"name": "x-user", "value": "in.*", "type": "RegularExpression"}]},
                {"headers": {"x-user": "insider"}},
                {"headers": {"x-user": "outsider"}},
            ),
            (
                {"queryParams": [{"name": "v", "value": "2"}]},
                {"path": "/?v=2"},
                {"path": "/?v=1"},
            ),
        ],
    )
    async def test_of_an_http_route(self, shared, match, holding, failing):
        await shared.remove("VirtualService")
        await shared.put(an_http_route(0, 100, matches=[match]))
        assert await asked(shared, **holding) == 200
        assert await asked(shared, **failing) == 404


async def test_paths_are_rewritten(world):
    """The pods' admin page is reached only by the path that the rewrite makes."""
    prefix = {"match": [{"uri": {"prefix": "/deep/"}}], "rewrite": {"uri": "/"}}
    await world.put(a_virtual_service(0, 100, **prefix))
    assert "error_rate" in await body(world, "/deep/admin/behaviour")
    without_slash = {"match": [{"uri": {"prefix": "/deep"}}], "rewrite": {"uri": "/"}}
    await world.put(a_virtual_service(0, 100, **without_slash))
    assert "error_rate" in await body(world, "/deep/admin/behaviour")
    filter_ = {
        "type": "URLRewrite",
        "urlRewrite": {"path": {"type": "ReplaceFullPath", "replaceFullPath": "/admin/behaviour"}},
    }
    await world.remove("VirtualService")
    await world.put(an_http_route(0, 100, filters=[filter_]))
    assert "error_rate" in await body(world, "/anything?x=1")


async def test_headers_are_changed(world):
    item = a_virtual_service(
        0, 100, headers={"response": {"set": {"x-added": "yes"}, "remove": ["x-version"]}}
    )
    await world.put(item)
    async with (
        aiohttp.ClientSession() as session,
        session.get(world.mesh.url, headers={"Host": HOST}) as answer,
    ):
        assert answer.headers["x-added"] == "yes"
        assert "x-version" not in answer.headers


async def test_nothing_is_left_when_the_context_is_left():
    async with a_world() as made:
        await made.pod("podinfo-1")
        ids = [*made.runtime.process_ids, made.mesh.process_id]
        directory = made.runtime.directory
        assert all(alive(each) for each in ids)
    assert not any(alive(each) for each in ids)
    assert not directory.exists()


async def test_an_unknown_kind_of_object_wakes_nobody(world):
    before = world.mesh.unsupported
    world.storage.put(("", "configmaps"), ("test", "x"), an_object("ConfigMap", "x"))
    await world.mesh.settled()
    assert world.mesh.unsupported == before == ()


async def asked(
    world: World,
    *,
    path: str = "/",
    method: str = "GET",
    headers: dict[str, str] | None = None,
) -> int:
    async with (
        aiohttp.ClientSession() as session,
        session.request(
            method, f"{world.mesh.url}{path}", headers={"Host": HOST, **(headers or {})}
        ) as answer,
    ):
        return answer.status


async def body(world: World, path: str) -> str:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{world.mesh.url}{path}", headers={"Host": HOST}) as answer,
    ):
        return await answer.text()


def alive(process_id: int | None) -> bool:
    assert process_id is not None
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


def test_stats_begin_with_nothing():
    assert LoadStats().window.canary_share is None
