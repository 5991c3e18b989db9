"""Commands that a page gives: left on the Canary with the rights of the person who gives them."""

import logging

from aiohttp import web

from canary.api.annotations import AT_GATES, VERBS
from canary.cluster.commands import CommandWaits
from canary.core.signature import Signature
from canary.dashboard.parts import canary_address, canary_context, lacks
from canary.dashboard.routes import found, page
from canary.dashboard.safety import own_form
from canary.dashboard.site import SESSION, SITE
from canary.errors import ClusterError
from canary.views.canary import CanaryView
from canary.views.explain import possible_commands
from canary.views.given import CONSEQUENCES

log = logging.getLogger(__name__)

_LONGEST_REASON = 200
_PATIENCE_SECONDS = 3.0
"""How long a page waits until an approval before its own is taken."""


def commanding() -> list[web.RouteDef]:
    """Give what changes something; nothing else does."""
    return [
        web.get("/c/{namespace}/{name}/commands/{verb}", confirmation),
        web.post("/c/{namespace}/{name}/commands/{verb}", command),
    ]


async def confirmation(request: web.Request) -> web.Response:
    """Say what a command will do, and ask."""
    site, verb = request.app[SITE], _verb(request)
    kept = await found(request)
    context = canary_context(site, kept)
    _possible(context["view"], verb)
    allowed = await request[SESSION].viewer.rights.to_canaries(*kept.key[:2])
    return page(
        request,
        "confirm.html",
        **context,
        verb=verb,
        consequence=CONSEQUENCES.get(verb, ""),
        lacks=lacks(allowed, kept.key, verb),
        address=f"{site.root_path}{canary_address(kept.key)}",
    )


async def command(request: web.Request) -> web.StreamResponse:
    """Leave a command for the controller."""
    site, session, verb = request.app[SITE], request[SESSION], _verb(request)
    form = await own_form(request, session)
    kept = await found(request)
    view = kept.view
    _possible(view, verb)
    subject = form.get("subject", "")
    if form.get("run", "") != (view.run.id if view.run else ""):
        raise web.HTTPConflict(text="This page is of another run: look at it again.")
    if verb in AT_GATES and not subject:
        raise web.HTTPBadRequest(text="Name the gate: go back, and use its button.")
    reason = form.get("reason", "").strip()[:_LONGEST_REASON]
    signature = Signature.of(
        session.viewer.user, "dashboard", site.clock(), subject=subject, reason=reason
    )
    about = {"user": session.viewer.user, "verb": verb, "canary": str(kept.key)}
    try:
        await site.fleet.leave(
            session.viewer.cluster, kept.key, verb, str(signature), seconds=_PATIENCE_SECONDS
        )
    except (ClusterError, CommandWaits) as error:
        log.info("a command was refused: %s", error, extra=about | {"result": "refused"})
        if isinstance(error, CommandWaits):
            raise web.HTTPConflict(text=f"It was not done: {error}.") from error
        raise
    log.info("a command is left", extra=about | {"result": "left"})
    back = form.get("back", "")
    where = "/gates" if back == "gates" else canary_address(kept.key)
    raise web.HTTPSeeOther(f"{site.root_path}{where}")


def _verb(request: web.Request) -> str:
    verb = request.match_info["verb"]
    if verb not in VERBS:
        raise web.HTTPNotFound(text=f"There is no command {verb}.")
    return verb


def _possible(view: CanaryView, verb: str) -> None:
    """Refuse what the controller would refuse.

    Raises:
        HTTPConflict: it would.
    """
    if verb not in possible_commands(view):
        raise web.HTTPConflict(
            text=f"{view.name} is {view.state}: the controller would refuse to {verb} it now."
        )
