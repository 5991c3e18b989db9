"""The web server: who is let in, what every answer carries, and how a refusal looks."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from canary.dashboard import routes
from canary.dashboard.commands import commanding
from canary.dashboard.doors import Door
from canary.dashboard.reading import reading
from canary.dashboard.safety import protecting
from canary.dashboard.site import SESSION, SITE, Site
from canary.errors import CanaryError, ClusterError, Conflict, Forbidden, Invalid, NotFound

log = logging.getLogger(__name__)

_LAST_REQUESTS_SECONDS = 1.0
"""How long answers that are under way may take when the server stops; streams have no end."""
_LONGEST_FORM = 32 * 1024
_STATUSES: Mapping[type[ClusterError], int] = {
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    Invalid: 422,
}
_TITLES = {403: "Refused", 404: "Not found", 429: "Too many", 503: "The cluster does not answer"}


def application(
    site: Site,
    door: Door,
    signed: Sequence[web.RouteDef] = (),
    *,
    counting: Sequence[Middleware] = (),
) -> web.Application:
    """Make the application of a site behind a door.

    Beside it, `signed` takes requests that prove themselves: no door asks who sends them. `counting`
    sees every answer.
    """
    root = web.Application(
        client_max_size=_LONGEST_FORM,
        middlewares=[*counting, refusals, _guard(site, door, signed)],
    )
    root[SITE] = site
    root.on_response_prepare.append(protecting(site.frame_ancestors))
    acting = () if site.read_only else commanding()
    readable = (*routes.readable(), *reading())
    for route in (*routes.open_to_all(), *door.routes(), *readable, *acting, *signed):
        root.router.add_route(route.method, site.root_path + route.path, route.handler)
    return root


@asynccontextmanager
async def serving(app: web.Application, *, host: str, port: int) -> AsyncIterator[tuple[str, int]]:
    """Listen on an address while the context is open; give the host and the port.

    Raises:
        CanaryError: the address can't be listened on.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_LAST_REQUESTS_SECONDS)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise CanaryError(
                f"{host}:{port} cannot be listened on: {error.strerror or error}; choose another "
                "port with --port"
            ) from error
        yield host, int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


def _guard(
    site: Site, door: Door, signed: Sequence[web.RouteDef]
) -> Callable[..., Awaitable[web.StreamResponse]]:
    """Let in who has a session; all others are shown the door."""
    free = {site.root_path + each.path for each in routes.open_to_all()}
    login = {site.root_path + each.path for each in door.routes()}
    beside = {site.root_path + each.path for each in signed}

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        resource = request.match_info.route.resource
        path = resource.canonical if resource is not None else ""
        if path in beside:
            return await handler(request)
        door.check_host(request)
        session = None if path in free else await door.session(request)
        if session is not None:
            request[SESSION] = session
        if session is None and path not in free | login:
            return await door.turn_away(request)
        return await handler(request)

    return guard


@web.middleware
async def refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Say in a page why something was not done."""
    try:
        return await handler(request)
    except web.HTTPRedirection:
        raise
    except web.HTTPException as refused:
        response = _refusal(request, refused.status, refused.text or refused.reason)
        response.headers.update(
            {
                name: refused.headers[name]
                for name in ("Allow", "Retry-After")
                if name in refused.headers
            }
        )
        return response
    except ClusterError as error:
        return _refusal(request, _STATUSES.get(type(error), 503), str(error))
    except Exception:
        # Whatever goes wrong with one page must not end the process, nor be shown to the browser.
        log.exception("%s %s: a defect of the dashboard", request.method, request.path)
        return _refusal(request, 500, "This page could not be made; the dashboard's log has more.")


def _refusal(request: web.Request, status: int, message: str) -> web.Response:
    title = _TITLES.get(status, "It was not done")
    response = routes.page(request, "refusal.html", title=title, message=message)
    response.set_status(status)
    return response
