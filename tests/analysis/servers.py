"""A fake metric store: a real HTTP server on loopback whose answers are scripted."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import orjson
from aiohttp import web

from tests.certificates import server_context

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class FakeServer:
    """Answers every request with `handler`; `requests` holds what was asked, forms included."""

    handler: Handler
    address: str = ""
    requests: list[web.Request] = field(default_factory=list)
    parameters: list[dict[str, str]] = field(default_factory=list)
    contents: list[bytes] = field(default_factory=list)
    _runner: web.AppRunner | None = None

    async def start(self, *, tls: bool = False, mutual: bool = False) -> None:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(
            application, handler_cancellation=True, shutdown_timeout=0.05, access_log=None
        )
        await self._runner.setup()
        context = server_context(mutual=mutual) if tls else None
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=context).start()
        port = self._runner.addresses[0][1]
        self.address = f"{'https' if tls else 'http'}://127.0.0.1:{port}"

    async def stop(self) -> None:
        if self._runner is not None:
            # A client that has been left to itself may still listen.
            for request in self.requests:
                if request.transport is not None:
                    request.transport.abort()
            await self._runner.cleanup()
            await asyncio.sleep(0)
            self._runner = None

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        self.contents.append(await request.read())
        form = await request.post() if request.method == "POST" else {}
        self.parameters.append({**request.query, **{key: str(form[key]) for key in form}})
        return await self.handler(request)


def says(
    body: object,
    status: int = 200,
    media_type: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> Handler:
    """Answer with a body: text or bytes as they are, all else as JSON."""
    if isinstance(body, str):
        body = body.encode()
    payload = body if isinstance(body, bytes) else orjson.dumps(body)

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=payload, status=status, content_type=media_type, headers=headers)

    return answer


def in_turn(handlers: Sequence[Handler]) -> Handler:
    """Answer with each in turn, and with the last for ever."""
    waiting = list(handlers)

    async def answer(request: web.Request) -> web.StreamResponse:
        handler = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        return await handler(request)

    return answer


async def hangs(_: web.Request) -> web.StreamResponse:
    """Take the request and never answer."""
    await asyncio.Event().wait()
    raise AssertionError


async def overflows(request: web.Request) -> web.StreamResponse:
    """Answer with a body that has no end, as fast as it is taken."""
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b" " * 1024 * 1024)


async def trickles(request: web.Request) -> web.StreamResponse:
    """Answer a byte at a time, for ever."""
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b" ")
        await asyncio.sleep(0.02)


async def resets(request: web.Request) -> web.StreamResponse:
    """Drop the connection in the middle of an answer."""
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b"{")
    assert request.transport is not None
    request.transport.abort()
    return response


async def slams(request: web.Request) -> web.StreamResponse:
    """Reset the connection before there is an answer."""
    assert request.transport is not None
    connection: socket.socket = request.transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.transport.abort()
    return web.Response()


async def echoes_secrets(request: web.Request) -> web.StreamResponse:
    """Refuse, and repeat every header and the address in the refusal, as careless proxies do."""
    told = f"{request.url} {dict(request.headers)}"
    return web.json_response(
        {"status": "error", "errorType": "bad_data", "error": told}, status=400
    )


def vector(*values: object, **more: object) -> dict[str, object]:
    """Give the answer of an instant query: a vector with a value for each series."""
    result = [{"metric": {"pod": str(n)}, "value": [1, v]} for n, v in enumerate(values)]
    return {"status": "success", "data": {"resultType": "vector", "result": result}, **more}


def data(kind: str, result: object) -> dict[str, object]:
    """Give the answer of an instant query of any kind."""
    return {"status": "success", "data": {"resultType": kind, "result": result}}
