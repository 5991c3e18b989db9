"""A fake of a store that works on checks: it takes starts, says how far a check is, and cancels."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

import orjson
from aiohttp import web


def replied(body: object, status: int = 200) -> web.Response:
    """Answer with JSON."""
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")


@dataclass
class FakeChecks(ABC):
    """Holds the checks that were started, by id, and what they are: at work, until they are over."""

    checks: dict[str, str] = field(default_factory=dict)
    """What each was started with, as its store keeps it."""
    over: bool = False
    gone: list[str] = field(default_factory=list)
    """Those that were cancelled."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer a request, as its store documents it."""
        content = await request.read()
        answered = self.answer(request, orjson.loads(content) if content else None)
        return answered if answered is not None else replied({"message": "not found"}, 404)

    @abstractmethod
    def answer(self, request: web.Request, content: object) -> web.Response | None:
        """Answer a request; None where nothing is found."""
