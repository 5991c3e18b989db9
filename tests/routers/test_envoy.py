"""Who gets which request, told by a real Envoy that routes by what the routers render."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from canary.core.traffic import Traffic
from canary.routers import ROUTERS, router_for
from tests.browser import Browser
from tests.case import cases_of
from tests.embedded.mesh_objects import PORT
from tests.embedded.test_mesh import CANARY, HOST, PRIMARY, World, both_sides
from tests.routers.builders import a_canary, a_cluster, rendered, the_traffic
from tests.routers.vocabulary import AFFINITY

#: What the embedded mesh routes by the objects of, by the fields that it needs.
SERVICES: dict[str, dict[str, Any]] = {
    name: case.mesh for name, case in cases_of(ROUTERS).items() if case.mesh is not None
}
SERVICE_MATCH = [
    {"uri": {"prefix": "/api"}},
    {"uri": {"prefix": "/shop"}, "headers": {"x-tenant": {"exact": "blue"}}},
]
ANALYSIS_MATCH = [
    {
        "headers": {"x-beta": {"exact": "1"}, "x-plan": {"prefix": "gold"}},
        "queryParams": {"try": {"exact": "yes"}},
    },
    {"headers": {"x-build": {"suffix": "-rc"}}},
    {"headers": {"user-agent": {"regex": ".*Firefox.*"}}},
    {"headers": {"cookie": {"regex": "^(.*?; *)?canary=always(;.*)?$"}}},
    {"uri": {"exact": "/api/v2"}, "method": {"exact": "PUT"}},
]
BETA = {"x-beta": "1", "x-plan": "golden"}
FIREFOX = {"user-agent": "Mozilla/5.0 Firefox/145.0"}
#: A request, and who answers it: the canary, the primary, or nobody.
REQUESTS: list[tuple[str, str, dict[str, str], str | None]] = [
    ("GET", "/api?try=yes", BETA, CANARY),
    ("GET", "/api?try=no", BETA, PRIMARY),
    ("GET", "/api", BETA, PRIMARY),
    ("GET", "/api?try=yes", {"x-beta": "1"}, PRIMARY),
    ("GET", "/api?try=yes", {"x-beta": "1", "x-plan": "silver"}, PRIMARY),
    ("GET", "/other?try=yes", BETA, None),
    ("GET", "/shop?try=yes", BETA, None),
    ("GET", "/shop?try=yes", BETA | {"x-tenant": "blue"}, CANARY),
    ("GET", "/shop", {"x-tenant": "blue"}, PRIMARY),
    ("GET", "/shop", {"x-tenant": "red", **FIREFOX}, None),
    ("GET", "/api", {"x-build": "7-rc"}, CANARY),
    ("GET", "/api", {"x-build": "7-rc1"}, PRIMARY),
    ("GET", "/api", FIREFOX, CANARY),
    ("GET", "/api", {"cookie": "a=b; canary=always"}, CANARY),
    ("GET", "/api", {"cookie": "canary=never"}, PRIMARY),
    ("GET", "/api", {}, PRIMARY),
    ("PUT", "/api/v2", {}, CANARY),
    ("GET", "/api/v2", {}, PRIMARY),
    ("PUT", "/api/v3", {}, PRIMARY),
]


@pytest_asyncio.fixture(scope="class", loop_scope="class")
async def shared() -> AsyncIterator[World]:
    async with both_sides() as made:
        yield made


async def answered_by(world: World, method: str, path: str, headers: dict[str, str]) -> str | None:
    """Ask once; tell which cluster has answered."""
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, world.mesh.url + path, headers={"Host": HOST, **headers}) as answer,
    ):
        await answer.read()
        return answer.headers.get("x-upstream-cluster") or None


def a_browser(world: World, **headers: str) -> Browser:
    return Browser(world.mesh.url, host=HOST, headers=headers)


async def clients_of_both_sides(world: World, **headers: str) -> dict[str | None, Browser]:
    """Have clients come until each side has one; among so many, each side has surely answered."""
    found: dict[str | None, Browser] = {}
    for _ in range(80):
        client = a_browser(world, **headers)
        found.setdefault(await client.ask(), client)
    return found


@pytest.mark.asyncio(loop_scope="class")
class TestSessionAffinity:
    @pytest.mark.parametrize("matched", [False, True], ids=["everyone", "with a match"])
    @pytest.mark.parametrize("provider", SERVICES)
    async def test_a_client_stays_where_it_was_until_its_run_ends(
        self, shared: World, provider: str, *, matched: bool
    ) -> None:
        headers = {"x-beta": "1"} if matched else {}
        match = [{"headers": {"x-beta": {"exact": "1"}}}] if matched else []
        canary = a_canary(
            provider,
            # What the app's own route does with answers is kept beside it.
            service={
                **SERVICES[provider],
                "port": PORT,
                "headers": {"response": {"add": {"x-served-by": "podinfo"}}},
            },
            analysis={"match": match, "sessionAffinity": AFFINITY},
        )
        router = router_for(provider)
        if router.problems(canary):
            assert not router.abilities(canary).affinity
            return

        async def shift(weight: int) -> None:
            for kind in ("VirtualService", "HTTPRoute"):
                await shared.remove(kind)
            traffic = the_traffic(canary, weight)
            await shared.put(*rendered(router, canary, a_cluster(router, canary), traffic))

        # Given both sides share the requests: each gives its clients a cookie
        await shift(50)
        clients = await clients_of_both_sides(shared, **headers)
        on_canary, on_primary = clients[CANARY], clients[PRIMARY]
        for client, name in ((on_canary, "stick"), (on_primary, "stick-primary")):
            (told,) = client.told
            assert told.startswith(f"{name}=1-")
            assert told.endswith(
                "; Domain=.example.com; Path=/shop; SameSite=None; HttpOnly; Secure; Partitioned"
            )
        # Then they stay, whatever the weight, and are not told again
        for weight in (50, 1, 99):
            await shift(weight)
            assert await on_canary.stays() == {CANARY}
            assert await on_primary.stays() == {PRIMARY}
            assert not on_canary.told
        # And no longer once one side has everything
        await shift(100)
        assert await on_primary.stays() == {CANARY}
        # And another run's cookie says nothing
        await shift(1)
        strangers = [a_browser(shared, **headers) for _ in range(20)]
        for each in strangers:
            others = {"stick": "2-0123456789abcdef", "not-stick": on_canary.cookies["stick"]}
            each.cookies = others
        assert PRIMARY in {await each.ask() for each in strangers}
        if matched:
            other = a_browser(shared)
            other.cookies = dict(on_canary.cookies)
            assert await other.stays() == {PRIMARY}
        # When the run ends, then the primary answers everyone, and takes the cookies back
        await shift(0)
        assert await on_canary.ask() == PRIMARY
        (taken,) = on_canary.told
        assert taken == (
            "stick=; Max-Age=0; Domain=.example.com; Path=/shop; SameSite=None; HttpOnly; Secure; "
            "Partitioned"
        )
        assert "stick" not in on_canary.cookies
        newcomer = a_browser(shared, **headers)
        assert await newcomer.stays() == {PRIMARY}
        assert newcomer.told == []


@pytest.mark.asyncio(loop_scope="class")
class TestABTesting:
    @pytest.mark.parametrize("provider", SERVICES)
    async def test_who_matches_reaches_the_canary_and_everybody_else_the_primary(
        self, shared: World, provider: str
    ) -> None:
        canary = a_canary(
            provider,
            service={**SERVICES[provider], "port": PORT, "match": SERVICE_MATCH},
            analysis={"match": ANALYSIS_MATCH},
        )
        router = router_for(provider)
        assert router.problems(canary) == ()
        for weight in (100, 0):
            traffic = Traffic(weight=weight, match=canary.spec.analysis.match)
            for kind in ("VirtualService", "HTTPRoute"):
                await shared.remove(kind)
            await shared.put(*rendered(router, canary, a_cluster(router, canary), traffic))
            for method, path, headers, cluster in REQUESTS:
                wanted = PRIMARY if cluster and not weight else cluster
                answered = await answered_by(shared, method, path, headers)
                assert answered == wanted, (weight, method, path, headers)
