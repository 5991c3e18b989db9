"""A proxy before an API server that does to requests what networks and servers do."""

import asyncio
import re
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import orjson
import yaml
from aiohttp import web

from canary.api.kinds import CONFIG_MAP, Manifest
from canary.cluster.cluster import Cluster
from canary.errors import Conflict

DEADLINE_SECONDS = 180.0


SomeProxy = TypeVar("SomeProxy", bound="Proxy")


class Proxy:
    """Passes requests on to `upstream`, but for those that a fault is laid in wait for."""

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.url = ""
        self.requests: list[str] = []
        """Method and path with query of each request, in order."""
        self.headers: list[dict[str, str]] = []
        self.down = False
        """Every connection is reset."""
        self._faults: list[tuple[re.Pattern[str], Fault, bool]] = []
        self._open: set[asyncio.Transport] = set()
        self._session: aiohttp.ClientSession
        self.released = asyncio.Event()

    def upstream_of(self, _: web.Request) -> str:
        """Give the address of the server that a request is for."""
        return self.upstream

    def meet(self, pattern: str, *faults: "Fault", always: bool = False) -> None:
        """Meet the next request that matches with a fault; further ones with the further ones."""
        self._faults += [(re.compile(pattern), fault, always) for fault in faults]

    def relent(self) -> None:
        """Take all faults back."""
        self._faults.clear()
        self.down = False

    def release(self) -> None:
        """Let go of the requests that are held."""
        self.released.set()

    def cut(self) -> None:
        """Cut all connections that are open now."""
        for transport in self._open:
            transport.abort()

    @property
    def busy(self) -> bool:
        """Tell whether a request is being answered."""
        return bool(self._open)

    def asked(self, pattern: str) -> list[str]:
        """Find requests."""
        return [each for each in self.requests if re.search(pattern, each)]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        line = f"{request.method} {request.path_qs}"
        self.requests.append(line)
        self.headers.append(dict(request.headers))
        transport = request.transport
        assert isinstance(transport, asyncio.Transport)
        self._open.add(transport)
        try:
            if self.down:
                return await reset(self, request)
            for entry in self._faults:
                pattern, fault, always = entry
                if pattern.search(line):
                    if not always:
                        self._faults.remove(entry)
                    return await fault(self, request)
            return await self.forward(request)
        finally:
            self._open.discard(transport)

    async def forward(self, request: web.Request, body: bytes | None = None) -> web.StreamResponse:
        """Pass a request on, with another body where one is given."""
        async with self.ask(request, body) as (status, headers, chunks):
            response = web.StreamResponse(status=status, headers=headers)
            await response.prepare(request)
            async for chunk in chunks:
                await response.write(chunk)
            return response

    @asynccontextmanager
    async def ask(
        self, request: web.Request, body: bytes | None = None
    ) -> AsyncIterator[tuple[int, dict[str, str], AsyncIterator[bytes]]]:
        passed = {"Accept", "Authorization", "Content-Type", "Impersonate-User", "User-Agent"}
        async with self._session.request(
            request.method,
            self.upstream_of(request) + request.path_qs,
            data=body or await request.read() or None,
            headers={name: request.headers[name] for name in passed if name in request.headers},
        ) as answer:
            headers = {"Content-Type": answer.headers["Content-Type"]}
            yield answer.status, headers, answer.content.iter_any()


Fault = Callable[[Proxy, web.Request], Awaitable[web.StreamResponse]]


def answer(status: int, body: Any = None, **headers: str) -> Fault:
    """Answer without asking the server."""

    async def fault(_: Proxy, __: web.Request) -> web.StreamResponse:
        content = body if isinstance(body, bytes) else orjson.dumps(body or {"message": "a fault"})
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, body=content, headers=named)

    return fault


async def reset(_: Proxy, request: web.Request) -> web.StreamResponse:
    """Cut the connection."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def lose_answer(proxy: Proxy, request: web.Request) -> web.StreamResponse:
    """Have the server do what is asked, and cut the connection before it can say so."""
    async with proxy.ask(request):
        return await reset(proxy, request)


async def hang(proxy: Proxy, request: web.Request) -> web.StreamResponse:
    """Say nothing until released."""
    await proxy.released.wait()
    return await proxy.forward(request)


async def trickle(_: Proxy, request: web.Request) -> web.StreamResponse:
    """Send a byte now and then, without an end."""
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b" ")
        await asyncio.sleep(0.005)


async def silence(proxy: Proxy, request: web.Request) -> web.StreamResponse:
    """Open a stream, and send nothing."""
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"")
    await proxy.released.wait()
    return response


async def end(_: Proxy, request: web.Request) -> web.StreamResponse:
    """Open a stream, and end it."""
    response = web.StreamResponse()
    await response.prepare(request)
    return response


async def break_off(_: Proxy, request: web.Request) -> web.StreamResponse:
    """Open a stream, and close the connection without ending it."""
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"")
    assert request.transport is not None
    # Not aborted: what has been sent arrives before the end.
    request.transport.close()
    return response


def say(*lines: bytes) -> Fault:
    """Send lines of a stream, and end it."""

    async def fault(_: Proxy, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"".join(line + b"\n" for line in lines))
        return response

    return fault


def cut_in_line(number: int) -> Fault:
    """Pass a stream on until the middle of a line, and cut it there."""

    async def fault(proxy: Proxy, request: web.Request) -> web.StreamResponse:
        async with proxy.ask(request) as (status, headers, chunks):
            response = web.StreamResponse(status=status, headers=headers)
            await response.prepare(request)
            sent = 0
            async for chunk in chunks:
                for line in chunk.splitlines(keepends=True):
                    if sent == number:
                        await response.write(line[: len(line) // 2])
                        # What is written must leave before the connection does.
                        await asyncio.sleep(0.01)
                        return await reset(proxy, request)
                    await response.write(line)
                    sent += 1
            return response

    return fault


@asynccontextmanager
async def proxied(upstream: str, tls: ssl.SSLContext | None = None) -> AsyncIterator[Proxy]:
    """Run a proxy that does as it is told."""
    async with serving(Proxy(upstream), tls) as proxy:
        yield proxy


@asynccontextmanager
async def serving(
    proxy: SomeProxy, tls: ssl.SSLContext | None = None, *, trusts: ssl.SSLContext | None = None
) -> AsyncIterator[SomeProxy]:
    """Run a proxy of any kind; `trusts` is what it needs to trust an upstream that speaks TLS."""
    application = web.Application(client_max_size=0)
    application.router.add_route("*", "/{path:.*}", proxy.handle)
    runner = web.AppRunner(
        application, access_log=None, shutdown_timeout=0.1, handler_cancellation=True
    )
    await runner.setup()
    connector = aiohttp.TCPConnector(limit=0, ssl=trusts or False)
    async with aiohttp.ClientSession(
        connector=connector, timeout=aiohttp.ClientTimeout()
    ) as session:
        proxy._session = session
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        await web.SockSite(runner, listener, ssl_context=tls).start()
        scheme, port = "https" if tls else "http", listener.getsockname()[1]
        proxy.url = f"{scheme}://127.0.0.1:{port}"
        try:
            yield proxy
        finally:
            proxy.release()
            await runner.cleanup()


def kubeconfig(path: Path, url: str, *, user: dict[str, Any] | None = None, **cluster: Any) -> Path:
    """Write a kubeconfig."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": {"server": url, **cluster}}],
        "users": [{"name": "test", "user": user or {}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "current-context": "test",
    }
    path.write_text(yaml.safe_dump(config))
    return path


async def until(holds: Callable[[], Any], what: str) -> None:
    """Wait until something holds."""
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not holds():  # noqa: ASYNC110 - of what is waited for nobody tells
                await asyncio.sleep(0.002)
    except TimeoutError as error:
        raise AssertionError(f"did not happen in {DEADLINE_SECONDS:.0f} s: {what}") from error


async def write(cluster: Cluster, obj: Manifest) -> Manifest:
    """Make a ConfigMap, or bring the one that is there to what this one says."""
    metadata = obj["metadata"]
    try:
        return await cluster.create(obj, CONFIG_MAP)
    except Conflict:
        return await cluster.merge_patch(
            CONFIG_MAP, metadata["namespace"], metadata["name"], {"data": obj["data"]}
        )


def config_map(name: str, value: str = "1", namespace: str = "default") -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace},
        "data": {"value": value},
    }
