"""A receiver of HTTP requests on loopback: answers as it is told, and remembers what it was sent."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web

PATIENCE_SECONDS = 180


@dataclass(frozen=True, kw_only=True)
class Request:
    """What was sent."""

    path: str
    headers: dict[str, str]
    body: bytes
    method: str = "POST"

    @property
    def document(self) -> Any:
        return orjson.loads(self.body) if self.body else None


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What is answered; the last of several is given again and again."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    hangs: bool = False
    """Nothing is answered until the receiver is closed."""
    trickles: bool = False
    """A byte now and then, without an end."""
    resets: bool = False
    """The connection is cut."""
    after_seconds: float = 0.0
    """How long the answer takes."""


class Receiver:
    """The receiver; `url` leads to it."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.most_at_once = 0
        self.arrived = asyncio.Condition()
        self.url = ""
        self.answers_by_path: dict[str, Answer] = {}
        """What is answered wherever a path begins so, whatever `answers` says."""
        self._answers = [Answer()]
        self._at_once = 0
        self._released = asyncio.Event()

    def answers(self, *answers: Answer) -> None:
        self._answers = list(answers)

    def release(self) -> None:
        """Let the requests that hang go on."""
        self._released.set()

    async def received(self, count: int) -> None:
        """Wait until so many requests have come."""
        async with asyncio.timeout(PATIENCE_SECONDS), self.arrived:
            await self.arrived.wait_for(lambda: len(self.requests) >= count)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            return await self._answer(request)
        finally:
            self._at_once -= 1

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        async with self.arrived:
            self.requests.append(
                Request(
                    path=request.path_qs,
                    headers=dict(request.headers),
                    body=body,
                    method=request.method,
                )
            )
            self.arrived.notify_all()
        answer = self._next(request.path)
        if answer.resets:
            assert request.transport is not None
            request.transport.abort()
        elif answer.after_seconds:
            await asyncio.sleep(answer.after_seconds)
        elif answer.hangs:
            await self._released.wait()
        elif answer.trickles:
            return await self._trickle(request, answer.status)
        headers = {"Content-Type": "text/plain", **answer.headers}
        return web.Response(status=answer.status, body=answer.body, headers=headers)

    def _next(self, path: str) -> Answer:
        for beginning, answer in self.answers_by_path.items():
            if path.startswith(beginning):
                return answer
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]

    async def _trickle(self, request: web.Request, status: int) -> web.StreamResponse:
        response = web.StreamResponse(status=status)
        await response.prepare(request)
        while not self._released.is_set():
            await response.write(b".")
            await asyncio.sleep(0.005)
        return response


@asynccontextmanager
async def receiving(tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """Run a receiver."""
    receiver = Receiver()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", receiver.handle)
    runner = web.AppRunner(
        application, access_log=None, shutdown_timeout=1, handler_cancellation=True
    )
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    host, port = runner.addresses[0][:2]
    receiver.url = f"{'https' if tls else 'http'}://{host}:{port}"
    try:
        yield receiver
    finally:
        receiver.release()
        await runner.cleanup()
