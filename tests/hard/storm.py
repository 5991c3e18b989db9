"""A connection on which everything goes wrong that can, in an order that a seed decides."""

import asyncio
import random
from collections import Counter

import aiohttp
from aiohttp import web

from tests.controller.faults import (
    Fault,
    Proxy,
    answer,
    cut_in_line,
    end,
    lose_answer,
    reset,
    say,
)

_GONE = {"kind": "Status", "status": "Failure", "reason": "Expired", "code": 410, "message": "old"}
_CONFLICT = {
    "kind": "Status",
    "status": "Failure",
    "reason": "Conflict",
    "code": 409,
    "message": "the object has been modified",
}
_GONE_EVENT = (
    b'{"type":"ERROR","object":{"kind":"Status","status":"Failure","reason":"Expired","code":410,'
    b'"message":"too old resource version"}}'
)


class Storm(Proxy):
    """Meets a share of the requests with a fault, until it relents."""

    def __init__(self, upstream: str, *, seed: int, share: float = 0.1) -> None:
        super().__init__(upstream)
        self._random = random.Random(seed)
        self._share = share
        self._calm = False
        self.met: Counter[str] = Counter()
        """How often each fault was met."""

    def relent(self) -> None:
        """Be honest from now on; what is open with a fault is cut."""
        super().relent()
        self._calm = True
        self.release()
        self.cut()

    def resume(self) -> None:
        """Have faults again."""
        self._calm = False

    async def handle(self, request: web.Request) -> web.StreamResponse:
        try:
            return await super().handle(request)
        except (ConnectionResetError, aiohttp.ClientError):
            # Either side has gone.
            return await reset(self, request)

    async def forward(self, request: web.Request) -> web.StreamResponse:
        if self._calm or self._random.random() > self._share:
            return await super().forward(request)
        name, fault = self._random.choice(self._faults_for(request))
        self.met[name] += 1
        return await fault(self, request)

    def _faults_for(self, request: web.Request) -> list[tuple[str, Fault]]:
        common: list[tuple[str, Fault]] = [
            ("429 with Retry-After", answer(429, Retry_After="1")),
            ("500", answer(500)),
            ("503", answer(503)),
            ("reset before the request was forwarded", reset),
            ("slow", slow(self._random.uniform(0.1, 1.5))),
        ]
        if request.query.get("watch"):
            return [
                *common,
                ("410 in place of a watch", answer(410, _GONE)),
                ("410 on a watch", say(_GONE_EVENT)),
                ("watch cut in a line", cut_in_line(self._random.randint(0, 3))),
                ("watch silent", silent(self._random.uniform(0.5, 3.0))),
                ("watch ended", end),
            ]
        common.append(("reset after the request was forwarded", lose_answer))
        # A server says 409 of what is created only where there is one of that name.
        if request.method in {"PUT", "PATCH"}:
            common.append(("409", answer(409, _CONFLICT)))
        if "continue" in request.query:
            common.append(("410 on a further page", answer(410, _GONE)))
        return common


def slow(seconds: float) -> Fault:
    """Answer late."""

    async def fault(proxy: Proxy, request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(seconds)
        return await Proxy.forward(proxy, request)

    return fault


def silent(seconds: float) -> Fault:
    """Open a stream, keep everything back, and cut it."""

    async def fault(proxy: Proxy, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"")
        await asyncio.sleep(seconds)
        return await reset(proxy, request)

    return fault
