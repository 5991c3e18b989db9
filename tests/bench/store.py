"""A metric store that answers at once, and takes hooks: what is measured is tidegate."""

import asyncio
import re
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

import orjson
from aiohttp import web

APP = re.compile(r'app="([^"]+)"')
BAD = 9.0
"""The value for an app that is bad."""


class Store:
    """A Prometheus that says 0 of every app, but of the bad ones."""

    def __init__(self) -> None:
        self.bad: set[str] = set()
        self.hanging: set[str] = set()
        """The apps whose queries are never answered."""
        self.answers: list[tuple[str, float]] = []
        """The app that each query named, and when it was answered, in seconds since the epoch."""
        self.down = False
        """Whether every query fails."""
        self.told: Counter[tuple[str, str]] = Counter()
        """How often each Canary's end was told, by name and reason."""
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        """Answer an instant query, or a hook, or take an alert."""
        if request.path.startswith("/hook"):
            return web.Response(text="ok")
        if request.path.startswith("/alerts"):
            alert = orjson.loads(await request.read())
            self.told[alert["name"], alert["reason"]] += 1
            return web.Response()
        if self.down:
            return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE)
        asked = {**request.query, **await request.post()}
        named = APP.search(str(asked.get("query", "")))
        app = named[1] if named else ""
        if app in self.hanging:
            await asyncio.Event().wait()
        value = BAD if app in self.bad else 0.0
        result = [{"metric": {}, "value": [0, str(value)]}]
        document = {"status": "success", "data": {"resultType": "vector", "result": result}}
        self.answers.append((app, time.time()))
        return web.Response(body=orjson.dumps(document), content_type="application/json")


@asynccontextmanager
async def a_store() -> AsyncIterator[Store]:
    """Run a store."""
    store = Store()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", store.answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    store.url = "http://{}:{}".format(*runner.addresses[0][:2])
    try:
        yield store
    finally:
        await runner.cleanup()


async def _run() -> None:
    async with a_store() as store:
        print(store.url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_run())
