"""The worlds that stories are told in, and the third parties that appear in them.

By default that is the embedded world. `--world control-plane` tells the same stories on a real
control plane with Istio's own, in a network of its own: `make control-plane` shows how. `--world
contour` and `--world envoy-gateway` tell those of them that these read the objects of, in Istio's
place.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from canary.demo.embedded import EmbeddedWorld
from canary.demo.world import World
from tests.conftest import CONTOUR, CONTROL_PLANE, EMBEDDED, ENVOY_GATEWAY, world_of
from tests.marked import leaks
from tests.stories.proxied import ProxiedWorld
from tests.testbed.readers import READERS
from tests.testbed.world import (
    CONTOUR_ROUTERS,
    ENVOY_GATEWAY_ROUTERS,
    ROUTERS,
    RealWorld,
    Stage,
    a_contour_stage,
    a_stage,
    an_envoy_gateway_stage,
)

_NUMBERS = count(1)
_AFFINITY = "test_b04_a_client_stays_on_its_version_while_weights_rise_until_the_run_ends"
_COPIES = "test_blue_green_answers_with_a_version_only_after_it_has_passed_and_is_approved"
#: Contour leaves out what a rule with a single backend adds to answers, such as a cookie.
_CONTOUR_LOSES = frozenset({_AFFINITY})
#: What Envoy Gateway does with copies and with filters of a backend cannot be followed: they have
#: clusters of their own, whose names do not say the service.
_ENVOY_GATEWAY_LOSES = frozenset({_AFFINITY, _COPIES})
FOLDER = Path(__file__).parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the stories that a world can't hold; pytest asks about the tests of every folder.

    TrafficSplits have no data plane beside the embedded one, which in turn has no rights and no
    HTTPProxies.
    """
    held = HOLDS[world_of(config)]
    kept: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    for item in items:
        (kept if FOLDER not in item.path.parents or held(item) else left_out).append(item)
    config.hook.pytest_deselected(items=left_out)
    items[:] = kept


def _istio_holds(item: pytest.Item) -> bool:
    return _router(item) in ROUTERS and item.get_closest_marker("embedded") is None


def _contour_holds(item: pytest.Item) -> bool:
    lost = _router(item) == "gatewayapi" and item.name.partition("[")[0] in _CONTOUR_LOSES
    routed = _router(item) in CONTOUR_ROUTERS and not lost
    return routed and item.get_closest_marker("embedded") is None


def _embedded_holds(item: pytest.Item) -> bool:
    """Tell whether a test does not speak of the real control plane itself."""
    names = getattr(item, "fixturenames", ())
    return ("stage" not in names or "world" in names) and _router(item) != "contour"


def _envoy_gateway_holds(item: pytest.Item) -> bool:
    known = item.name.partition("[")[0] not in _ENVOY_GATEWAY_LOSES
    routed = _router(item) in ENVOY_GATEWAY_ROUTERS and known
    return routed and item.get_closest_marker("embedded") is None


HOLDS: Mapping[str, Callable[[pytest.Item], bool]] = {
    EMBEDDED: _embedded_holds,
    CONTROL_PLANE: _istio_holds,
    CONTOUR: _contour_holds,
    ENVOY_GATEWAY: _envoy_gateway_holds,
}
STAGES: Mapping[str, Callable[[Path], AbstractAsyncContextManager[Stage]]] = {
    CONTROL_PLANE: a_stage,
    CONTOUR: a_contour_stage,
    ENVOY_GATEWAY: an_envoy_gateway_stage,
}


def _router(item: pytest.Item) -> str:
    call = getattr(item, "callspec", None)
    return str(call.params.get("world", "istio")) if call else "istio"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stage(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stage | None]:
    """Start what all stories on a real control plane share."""
    started = STAGES.get(world_of(pytestconfig))
    if started is None:
        yield None
        return
    async with started(tmp_path_factory.mktemp("stage")) as stage:
        yield stage


@pytest_asyncio.fixture(loop_scope="session")
async def world(
    request: pytest.FixtureRequest, stage: Stage | None, tmp_path: Path
) -> AsyncIterator[World]:
    """Start a world; a parameter names its router."""
    router = getattr(request, "param", "istio")
    async with AsyncExitStack() as context:
        if stage is None:
            make, drain = (ProxiedWorld, "3s") if router in READERS else (EmbeddedWorld, "1s")
            embedded = make(router=router, directory=tmp_path, drain=drain)
            yield await context.enter_async_context(embedded)
            log = embedded.controller_log
            assert leaks(embedded.server.storage, log.read_text() if log.exists() else "") == []
        else:
            namespace = f"story-{next(_NUMBERS)}"
            real = RealWorld(stage, router=router, namespace=namespace, directory=tmp_path)
            yield await context.enter_async_context(real)


class Receiver:
    """A third party over HTTP: it keeps what it is sent, and answers as it is told."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any], dict[str, str]]] = []
        self.status = 200
        #: Those of paths that are answered otherwise.
        self.statuses: dict[str, int] = {}
        self.body = "fine"
        self.value = 100.0
        self.url = ""

    def sent(self, path: str) -> list[dict[str, Any]]:
        """Give the bodies that were posted to a path."""
        return [body for where, body, _ in self.calls if where == path]

    async def hook(self, request: web.Request) -> web.Response:
        """Take a call of a hook."""
        self.calls.append((request.path, await request.json(), dict(request.headers)))
        await asyncio.sleep(0)
        status = self.statuses.get(request.path, self.status)
        return web.Response(status=status, text=self.body)

    async def number(self, request: web.Request) -> web.Response:
        """Answer a query with a bare number."""
        self.calls.append((request.path, dict(request.query), dict(request.headers)))
        return web.Response(text=str(self.value))

    async def query(self, _: web.Request) -> web.Response:
        """Answer an instant query, as Prometheus does."""
        if self.status != 200:
            return web.Response(status=self.status, text=self.body)
        vector = [{"metric": {}, "value": [0, str(self.value)]}]
        data = {"resultType": "vector", "result": vector}
        return web.json_response({"status": "success", "data": data})


@asynccontextmanager
async def _listening(receiver: Receiver) -> AsyncIterator[Receiver]:
    application = web.Application()
    for path in ("/api/v1/query", "/prometheus/api/v1/query"):
        application.router.add_route("*", path, receiver.query)
    application.router.add_get("/store", receiver.number)
    application.router.add_post("/{path:.*}", receiver.hook)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    receiver.url = f"http://{host}:{port}"
    try:
        yield receiver
    finally:
        await runner.cleanup()


@pytest_asyncio.fixture(loop_scope="session")
async def receiver() -> AsyncIterator[Receiver]:
    """Start a third party."""
    async with _listening(Receiver()) as receiver:
        yield receiver
