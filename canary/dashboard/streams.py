"""Server-Sent Events: the parts of an open page, sent again when what they show has changed."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import orjson
from aiohttp import ClientConnectionResetError, web

from canary.controller.canaries import CanaryKey
from canary.dashboard.site import SESSION, SITE
from canary.errors import ClusterError

MOST_STREAMS = 200
MOST_OF_A_SESSION = 10
QUIET_SECONDS = 15.0
"""Without a change everything is rendered again after this delay: moments go by."""
LATE_SECONDS = 2.0
"""The delay of a second look after a change: events are recorded after the status is written."""
TOGETHER_SECONDS = 0.25
"""The delay in which changes are gathered, and then sent as one."""
LONGEST_SECONDS = 1_800.0
_HEADERS = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
}

Parts = Mapping[str, str]
Render = Callable[[bool], Awaitable[Parts | None]]
"""Renders all parts of a page; told whether what is asked of the cluster may have changed. None ends
the stream."""


async def stream(request: web.Request, key: CanaryKey | None, render: Render) -> web.StreamResponse:
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
            await _send(request, response, key, render)
    except (ClientConnectionResetError, TimeoutError, web.HTTPException, ClusterError):
        pass  # The page was left, or opens its stream again, and is then told why it may not.
    finally:
        session.streams -= 1
    return response


async def _send(
    request: web.Request, response: web.StreamResponse, key: CanaryKey | None, render: Render
) -> None:
    site, session = request.app[SITE], request[SESSION]
    sent: dict[str, str] = {}
    fresh, seconds = True, LATE_SECONDS
    with site.fleet.open_pages.listening(key) as open_page:
        while not site.sessions.ended(session):
            parts = await render(fresh)
            if parts is None:
                return
            await response.write(_written(parts, sent))
            sent.update(parts)
            changed = await open_page.changed(seconds=seconds)
            fresh = changed or seconds == LATE_SECONDS
            seconds = LATE_SECONDS if changed else QUIET_SECONDS
            if changed:
                await asyncio.sleep(TOGETHER_SECONDS)


def _written(parts: Parts, sent: Parts) -> bytes:
    """Write the parts that differ from those sent before; a comment where none does."""
    events = [
        b"event: fragment\ndata: " + orjson.dumps({"id": part, "html": str(html)}) + b"\n\n"
        for part, html in parts.items()
        if sent.get(part) != html
    ]
    return b"".join(events) or b": nothing new\n\n"
