"""The pages that can be read, their streams, and the same for programs."""

from collections.abc import Collection, Mapping
from typing import Any

from aiohttp import web

from canary.controller.canaries import CanaryKey
from canary.dashboard.answers import Place
from canary.dashboard.happened import happened_context
from canary.dashboard.kept import KeptCanary
from canary.dashboard.pages import STATIC
from canary.dashboard.parts import (
    ACTIONS_PARTS,
    CANARY_PARTS,
    GATES_PARTS,
    HAPPENED_PARTS,
    actions_context,
    canary_address,
    canary_context,
    fleet_parts,
    gates_context,
    gates_held,
    namespaces_seen,
)
from canary.dashboard.query import Query, search
from canary.dashboard.site import SESSION, SITE
from canary.dashboard.streams import stream
from canary.errors import Forbidden
from canary.views.canary import API_VERSION
from canary.views.standing import CanaryStanding

_THEMES = frozenset({"light", "dark"})
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_ASIDE_SECONDS = 0.2
"""How long a page waits for what the API server says beside it: rights for many buttons, controllers."""
_FOREVER = "public, max-age=31536000, immutable"


def readable() -> list[web.RouteDef]:
    """Give everything that can be read."""
    return [
        web.get("/", fleet_page),
        web.get("/gates", gates_page),
        web.get("/c/{namespace}/{name}", canary_page),
        web.get("/live/fleet", fleet_stream),
        web.get("/live/gates", gates_stream),
        web.get("/live/c/{namespace}/{name}", canary_stream),
        web.get("/api/v1/canaries", list_api),
        web.get("/api/v1/canaries/{namespace}/{name}", canary_api),
    ]


def open_to_all() -> list[web.RouteDef]:
    """Give what needs no login: it says nothing of any Canary."""
    return [
        web.get("/healthz", healthz),
        web.get("/readyz", readyz),
        web.get("/static/{file}", static),
    ]


# -------------------------------------------------------------------------------------- pages


def page(request: web.Request, template: str, *, live: str = "", **context: Any) -> web.Response:
    """Render a whole page for the person who asks."""
    site = request.app[SITE]
    session = request.get(SESSION)
    theme = request.cookies.get("tidegate-theme", "")
    html = site.renderer.render(
        template,
        theme=theme if theme in _THEMES else "",
        live=f"{site.root_path}{live}" if live else "",
        user=session.viewer.user if session else "",
        form_token=session.form_token if session else "",
        logout=session is not None and session.viewer.logs_out,
        cluster=site.cluster_name if session else "",
        zone=site.clock().tzname() or "UTC",
        **({"here": ""} | context),
    )
    return web.Response(text=html, content_type="text/html")


async def fleet_page(request: web.Request) -> web.Response:
    """List Canaries, those first that need a person."""
    query = Query.read(request.query)
    seen = await seen_places(request)
    return page(
        request,
        "fleet.html",
        here="fleet",
        live=f"/live/fleet{query.address()}",
        parts=fleet_parts(request.app[SITE], query, seen, await _no_controller(request)),
        query=query,
        namespaces=namespaces_seen(request.app[SITE].fleet, seen),
    )


async def fleet_stream(request: web.Request) -> web.StreamResponse:
    """Keep a list of Canaries as it is."""
    site, query = request.app[SITE], Query.read(request.query)

    async def render(_fresh: bool) -> Mapping[str, str]:  # noqa: FBT001 - a callback
        seen = await seen_places(request)
        return fleet_parts(site, query, seen, await _no_controller(request))

    return await stream(request, lambda *_: True, render)


async def gates_page(request: web.Request) -> web.Response:
    """List what waits for a person."""
    return page(
        request, "gates.html", here="gates", live="/live/gates", parts=await _gates(request)
    )


async def gates_stream(request: web.Request) -> web.StreamResponse:
    """Keep the list of gates as it is."""

    async def render(_fresh: bool) -> Mapping[str, str]:  # noqa: FBT001 - a callback
        return await _gates(request)

    def gated(_key: CanaryKey, *sides: KeptCanary | None) -> bool:
        return any(each is not None and each.standing is CanaryStanding.GATE for each in sides)

    return await stream(request, gated, render)


async def _gates(request: web.Request) -> Mapping[str, str]:
    site, session = request.app[SITE], request[SESSION]
    held, more = gates_held(site, await seen_places(request))
    places = {each.key[:2] for each in held}
    allowed = await session.viewer.rights.to_all(places, seconds=_ASIDE_SECONDS)
    answerable = [(each, allowed[each.key[:2]]) for each in held]
    context = gates_context(
        *(site, answerable),
        form_token=session.form_token,
        more=more,
        silent=await _no_controller(request),
    )
    return site.renderer.parts(GATES_PARTS, **context)


async def canary_page(request: web.Request) -> web.Response:
    """Show one Canary."""
    site, kept = request.app[SITE], await found(request)
    happened = await happened_context(request[SESSION].viewer, kept, site.clock())
    parts = await _canary(request, kept, happened)
    return page(
        request,
        "canary.html",
        live=f"/live{canary_address(kept.key)}",
        parts=parts,
        view=kept.view,
        page_address=f"{site.root_path}{canary_address(kept.key)}",
    )


async def canary_stream(request: web.Request) -> web.StreamResponse:
    """Keep the page of one Canary as it is, until there is no such Canary."""
    site, viewer = request.app[SITE], request[SESSION].viewer
    key = (await found(request)).key
    happened: dict[str, Any] = {}

    async def render(fresh: bool) -> Mapping[str, str] | None:  # noqa: FBT001 - a callback
        nonlocal happened
        kept = site.fleet.find(key.namespace, key.name, key.group)
        seen = await seen_places(request)
        if kept is None or (seen is not None and key[:2] not in seen):
            return None
        if fresh:
            happened = await happened_context(viewer, kept, site.clock())
        return await _canary(request, kept, happened)

    return await stream(request, lambda changed, *_: changed == key, render)


async def _no_controller(request: web.Request) -> str:
    """Say that no controller acts, where the person may see that; empty where one does."""
    now = request.app[SITE].clock()
    seen = await request[SESSION].viewer.controllers.seen(now, seconds=_ASIDE_SECONDS)
    return seen.no_controller(now) if seen else ""


async def _canary(
    request: web.Request, kept: KeptCanary, happened: Mapping[str, Any]
) -> Mapping[str, str]:
    site, session = request.app[SITE], request[SESSION]
    track = site.fleet.recent.of(kept.key)
    if site.earlier is not None and track is not None:
        await site.earlier.fill(kept.key, kept.view, track, site.clock())
    allowed = await session.viewer.rights.to_canaries(*kept.key[:2])
    actions = actions_context(site, kept, allowed, form_token=session.form_token)
    now, labels = site.clock(), kept.manifest["metadata"].get("labels")
    seen = await session.viewer.controllers.seen(now, seconds=_ASIDE_SECONDS)
    silent = seen.silence(*kept.key[:2], labels, now) if seen else ""
    return (
        site.renderer.parts(CANARY_PARTS, **canary_context(site, kept, silent))
        | site.renderer.parts(ACTIONS_PARTS, **actions)
        | site.renderer.parts(HAPPENED_PARTS, **happened)
    )


# ---------------------------------------------------------------------------------- programs


async def list_api(request: web.Request) -> web.Response:
    """Give Canaries as `tidegate list -o json` does, a page of them at a time."""
    query = Query.read(request.query)
    result = search(request.app[SITE].fleet, query, await seen_places(request))
    document = {
        "apiVersion": API_VERSION,
        "kind": "CanaryViewList",
        "items": [each.view.document() for each in result.rows],
        "page": result.page,
        "pages": result.pages,
    }
    return web.json_response(document)


async def canary_api(request: web.Request) -> web.Response:
    """Give one Canary as `tidegate get -o json` does."""
    return web.json_response((await found(request)).foreseen.document())


# ---------------------------------------------------------------------------------- for anyone


async def healthz(_request: web.Request) -> web.Response:
    """Tell that the process answers."""
    return web.Response(text="ok\n")


async def readyz(request: web.Request) -> web.Response:
    """Tell whether all Canaries are listed."""
    fleet = request.app[SITE].fleet
    if fleet.synced:
        return web.Response(text="ok\n")
    told = "\n".join(fleet.obstacles) or "the Canaries are being listed"
    return web.Response(status=503, text=f"{told}\n")


async def static(request: web.Request) -> web.StreamResponse:
    """Give a file of our own; there are no folders."""
    file = next(
        (each for each in STATIC.iterdir() if each.name == request.match_info["file"]), None
    )
    if file is None:
        raise web.HTTPNotFound(text="There is no such file.")
    return web.Response(
        body=file.read_bytes(),
        content_type=_TYPES[file.suffix],
        charset="utf-8",
        headers={"Cache-Control": _FOREVER},
    )


# -------------------------------------------------------------------------------------- finding


async def found(request: web.Request) -> KeptCanary:
    """Find the Canary of an address.

    Raises:
        HTTPNotFound: there is none that this person may see.
    """
    namespace, name = request.match_info["namespace"], request.match_info["name"]
    kept = request.app[SITE].fleet.find(namespace, name, request.query.get("group", ""))
    seen = await seen_places(request)
    if kept is None or (seen is not None and kept.key[:2] not in seen):
        raise web.HTTPNotFound(text=f"There is no Canary {namespace}/{name}.")
    return kept


async def seen_places(request: web.Request) -> Collection[Place] | None:
    """Name the places that the person may see; None where that is all that is followed.

    Raises:
        HTTPUnauthorized: their token is no longer accepted; the session ends with it.
    """
    session = request[SESSION]
    if session.viewer.everything:
        return None
    places = {each.key[:2] for each in request.app[SITE].fleet}
    try:
        return await session.viewer.rights.seen(places)
    except Forbidden as error:
        session.end()
        raise web.HTTPUnauthorized(
            text="The API server no longer accepts your token: log in again."
        ) from error
