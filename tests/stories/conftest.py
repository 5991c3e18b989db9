"""The worlds that stories are told in, and the third parties that appear in them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from canary.demo.embedded import EmbeddedWorld


@pytest.fixture
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[EmbeddedWorld]:
    """Start a world; a parameter names its router."""
    router = getattr(request, "param", "istio")
    async with EmbeddedWorld(router=router, directory=tmp_path, drain="1s") as world:
        yield world


class Receiver:
    """A third party over HTTP: it keeps what it is sent, and answers as it is told."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any], dict[str, str]]] = []
        self.status = 200
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
        return web.Response(status=self.status, text=self.body)

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


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Start a third party."""
    async with _listening(Receiver()) as receiver:
        yield receiver
