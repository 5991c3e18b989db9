"""Server-Sent Events: the parts of an open page, sent again when what they show has changed."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from time import monotonic

import orjson
from aiohttp import ClientConnectionResetError, web

from canary.dashboard.open_pages import Concerns
from canary.dashboard.site import SESSION, SITE
from canary.errors import ClusterError

MOST_STREAMS = 200
MOST_OF_A_SESSION = 10
QUIET_SECONDS = 15.0
"""Without a change everything is rendered again after this delay: moments go by."""
LATE_SECONDS = 2.0
"""The delay after a change until the cluster is asked: events are recorded after the status."""
TOGETHER_SECONDS = 0.25
"""How far apart renderings are at least: a change is shown at once, and those that follow together."""
LONGEST_SECONDS = 1_800.0
_HEADERS = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
}

Parts = Mapping[str, str]
Render = Callable[[bool], Awaitable[Parts | None]]
"""Renders all parts of a page; told whether to ask the cluster for what is not followed, or to do with
what was asked before. None ends the stream."""


async def stream(request: web.Request, concerns: Concerns, render: Render) -> web.StreamResponse:
    """Send the parts of a page, and each again when it has changed, until either side ends it."""
    site, session = request.app[SITE], request[SESSION]
    if len(site.fleet.open_pages) >= MOST_STREAMS or session.streams >= MOST_OF_A_SESSION:
        raise web.HTTPTooManyRequests(
            text="Too many pages are live: close some, or load this one again by hand.",
            headers={"Retry-After": "60"},
        )
    response = web.StreamResponse(headers=_HEADERS)
    session.streams += 1
    try:
        await response.prepare(request)
        async with asyncio.timeout(LONGEST_SECONDS):
            await _send(request, response, concerns, render)
    except (ClientConnectionResetError, TimeoutError, web.HTTPException, ClusterError):
        pass  # The page was left, or opens its stream again, and is then told why it may not.
    finally:
        session.streams -= 1
    return response


async def _send(
    request: web.Request, response: web.StreamResponse, concerns: Concerns, render: Render
) -> None:
    site, session = request.app[SITE], request[SESSION]
    sent: dict[str, str] = {}
    due = float("-inf")
    with site.fleet.open_pages.listening(concerns) as open_page:
        while not site.sessions.ended(session):
            open_page.shown()
            began = monotonic()
            asking = began >= due
            # What is known is shown before the cluster is asked for more.
            for fresh in (*((False,) if sent else ()), *((True,) if asking else ())):
                parts = await render(fresh)
                if parts is None:
                    return
                await response.write(_written(parts, sent))
                sent.update(parts)
            due = float("inf") if asking else due
            if await open_page.changed(seconds=min(QUIET_SECONDS, max(due - monotonic(), 0.0))):
                due = min(due, monotonic() + LATE_SECONDS)
                await asyncio.sleep(began + TOGETHER_SECONDS - monotonic())


def _written(parts: Parts, sent: Parts) -> bytes:
    """Write the parts that differ from those sent before; a comment where none does."""
    events = [
        b"event: fragment\ndata: " + orjson.dumps({"id": part, "html": str(html)}) + b"\n\n"
        for part, html in parts.items()
        if sent.get(part) != html
    ]
    return b"".join(events) or b": nothing new\n\n"
