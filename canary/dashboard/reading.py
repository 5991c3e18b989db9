"""The pages beside those that are live: past runs, what a release changes, activity, and about."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from canary.api.pages import run_name
from canary.api.validation import parse_canary
from canary.controller.canaries import CanaryKey
from canary.controller.differences import release_changes
from canary.dashboard.about import about_context
from canary.dashboard.kept import KeptCanary
from canary.dashboard.parts import canary_address
from canary.dashboard.past import (
    activity_parts,
    find_run,
    history_context,
    run_context,
    run_document,
)
from canary.dashboard.routes import found, page, seen_places
from canary.dashboard.site import SESSION, SITE
from canary.dashboard.streams import stream
from canary.dashboard.viewers import Viewer
from canary.errors import ClusterError, InvalidSpec, NotFound
from canary.views.blocks import Rows
from canary.views.canary import PastRunView

_HEADER = ("WHAT", "WHERE", "CHANGE")


def reading() -> list[web.RouteDef]:
    """Give these pages."""
    return [
        web.get("/activity", activity_page),
        web.get("/live/activity", activity_stream),
        web.get("/about", about_page),
        web.get("/c/{namespace}/{name}/history", history_page),
        web.get("/c/{namespace}/{name}/runs/{run}", run_page),
        web.get("/c/{namespace}/{name}/diff", diff_page),
        web.get("/api/v1/canaries/{namespace}/{name}/runs/{run}", run_api),
    ]


async def history_page(request: web.Request) -> web.Response:
    """List all past runs of a Canary."""
    context = history_context(request.app[SITE], await found(request))
    return page(request, "history.html", **context)


async def run_page(request: web.Request) -> web.Response:
    """Show one past run."""
    kept, run = await _run(request)
    return page(request, "run.html", **run_context(request.app[SITE], kept, run))


async def run_api(request: web.Request) -> web.Response:
    """Give one past run for programs."""
    return web.json_response(run_document(*await _run(request)))


async def diff_page(request: web.Request) -> web.Response:
    """Show what the release at the target changes, read with the rights of the person."""
    site, kept = request.app[SITE], await found(request)
    return page(
        request,
        "diff.html",
        view=kept.view,
        page_address=f"{site.root_path}{canary_address(kept.key)}",
        **await _changes(request[SESSION].viewer, kept),
    )


async def activity_page(request: web.Request) -> web.Response:
    """Show what has happened lately."""
    return page(
        request,
        "activity.html",
        here="activity",
        live="/live/activity",
        parts=await _activity(request),
    )


async def activity_stream(request: web.Request) -> web.StreamResponse:
    """Keep what has happened lately as it is."""

    async def render(_fresh: bool) -> Mapping[str, str]:  # noqa: FBT001 - a callback
        return await _activity(request)

    def told(_key: CanaryKey, *sides: KeptCanary | None) -> bool:
        before, after = ((each.ends, each.given_at) if each else None for each in sides)
        return before != after

    return await stream(request, told, render)


async def about_page(request: web.Request) -> web.Response:
    """Say who looks, what they may do, and whether what tidegate needs is there."""
    site, seen = request.app[SITE], await seen_places(request)
    places = {each.key[:2] for each in site.fleet} if seen is None else seen
    context = await about_context(request[SESSION].viewer, places, site.examine)
    return page(
        request,
        "about.html",
        here="about",
        read_only=site.read_only,
        problems=site.fleet.problems,
        **context,
    )


async def _activity(request: web.Request) -> Mapping[str, str]:
    return activity_parts(request.app[SITE], await seen_places(request))


async def _run(request: web.Request) -> tuple[KeptCanary, PastRunView]:
    """Find the past run of an address.

    Raises:
        HTTPNotFound: there is none that this person may see.
        HTTPSeeOther: the run is under way, so that the Canary's page shows it.
    """
    kept, name = await found(request), request.match_info["run"]
    run, now = find_run(kept, name), kept.view.run
    if run is None and now is not None and run_name(now.started_at) == name:
        raise web.HTTPSeeOther(f"{request.app[SITE].root_path}{canary_address(kept.key)}")
    if run is None:
        raise web.HTTPNotFound(
            text=f"{kept.key.namespace}/{kept.key.name} keeps no such run: its status has the last "
            "ones only."
        )
    return kept, run


async def _changes(viewer: Viewer, kept: KeptCanary) -> dict[str, Any]:
    """Give what a release changes, or why that cannot be told."""
    status, namespace, name = kept.opened.status, kept.key.namespace, kept.key.name
    refused, rows = "", list[tuple[str, str, str]]()
    unread: tuple[str, ...] = ()
    try:
        spec = parse_canary(
            {key: each for key, each in kept.manifest.items() if key != "status"}
        ).spec
        compared = await release_changes(viewer.cluster, namespace, name, spec, status)
        rows = [(each.what, each.where, each.detail) for each in compared.changes]
        unread = compared.unread
    except NotFound as error:
        refused = f"There are no two sides to compare: {error}"
    except (ClusterError, InvalidSpec) as error:
        refused = str(error)
    return {
        "refused": refused,
        "changes": Rows(header=_HEADER, rows=tuple(rows)),
        "unread": unread,
    }
