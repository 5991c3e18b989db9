"""Links that answer a gate: a person without an account opens one, reads what it does, and says yes.

Opening a link does nothing, because mail programs and chats open links by themselves. The answer is given
by the form, once, as the user of the cluster whom the identities name for the person whom the link was
made for: what this user may not do, no link does.
"""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from aiohttp import web

from canary.cluster.cluster import Cluster
from canary.core.gate_link import GateLink
from canary.dashboard.chat_people import LinkPeople
from canary.dashboard.fleet import Fleet
from canary.dashboard.gate_answers import AnswerRefused, GateAnswers
from canary.dashboard.presses import AsUser, readable_identities, viewer_of
from canary.dashboard.routes import page
from canary.dashboard.safety import same_origin

log = logging.getLogger(__name__)

LINK = "/link"
TOKEN = "t"  # noqa: S105 - the name of a parameter
_MOST_REMEMBERED = 10_000
_EFFECTS = {
    "approve": "The gate opens, and the run goes on.",
    "reject": "The run is rolled back.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkKey:
    """What links are made with, and who the people are for whom they are made."""

    key: bytes = field(repr=False)
    identities: Path


@asynccontextmanager
async def answering_links(
    made_with: LinkKey,
    fleet: Fleet,
    cluster: Cluster,
    *,
    clock: Callable[[], datetime],
    seconds_now: Callable[[], float],  # noqa: ARG001 - others beside a dashboard take it
) -> AsyncIterator[list[web.RouteDef]]:
    """Give where links are opened, and where they are answered."""
    links = _Links(made_with, GateAnswers(fleet, clock=clock), as_user=cluster.as_user, clock=clock)
    yield [web.get(LINK, links.shown), web.post(LINK, links.answered)]


class _Links:
    """Shows links, and answers each once."""

    def __init__(
        self,
        made_with: LinkKey,
        answers: GateAnswers,
        *,
        as_user: AsUser,
        clock: Callable[[], datetime],
    ) -> None:
        self._key = made_with.key
        self._people = LinkPeople(made_with.identities)
        self._answers = answers
        self._as_user = as_user
        self._clock = clock
        self._used: dict[GateLink, None] = {}
        """Those that were answered and have not ended."""

    async def shown(self, request: web.Request) -> web.Response:
        """Show what a link does; without a link that counts, nothing is said of the Canary."""
        token = request.query.get(TOKEN, "")
        link = self._found(token)
        try:
            _, kept = self._answers.asked_about(str(link.reference), link.verb)
        except AnswerRefused as refused:
            raise web.HTTPForbidden(text=_said(str(refused))) from refused
        return page(
            request,
            "link.html",
            verb=link.verb,
            effect=_EFFECTS[link.verb],
            person=link.person,
            view=kept.view,
            gate=link.reference.gate.partition("/")[0],
            token=token,
        )

    async def answered(self, request: web.Request) -> web.Response:
        """Answer the gate that a link is about."""
        if not same_origin(request):
            raise web.HTTPForbidden(text="This was sent by another site, and was refused.")
        token = (await request.post()).get(TOKEN, "")
        link = self._found(token if isinstance(token, str) else "")
        # From here on it is used up, whatever comes of it: nothing lies between this and the look.
        self._used[link] = None
        about = {"person": link.person, "verb": link.verb}
        try:
            self._answers.asked_about(str(link.reference), link.verb)
            with readable_identities():
                person = self._people.find(link.person)
            viewer = await viewer_of(person, self._as_user, who=f"it was made for {link.person}")
            given = await self._answers.give(
                viewer,
                str(link.reference),
                link.verb,
                tool="link",
                reason=f"as {link.person}",
            )
        except AnswerRefused as refused:
            log.info("a link was refused: %s", refused, extra=about)
            raise web.HTTPForbidden(text=_said(str(refused))) from refused
        return page(request, "refusal.html", title="Done", message=given.told)

    def _found(self, token: str) -> GateLink:
        """Read a link that may still be answered.

        Raises:
            HTTPForbidden: it is none, has ended, or was answered.
        """
        link, now = GateLink.read(token, self._key), self._clock()
        if link is None:
            raise web.HTTPForbidden(
                text="This is no link of tidegate's, or a part of it is missing."
            )
        self._used = {each: None for each in self._used if each.ends > now}
        refusal = link.refusal(now)
        if link in self._used:
            refusal = "it was answered already"
        elif not refusal and len(self._used) >= _MOST_REMEMBERED:
            refusal = "too many links were answered today"
        if refusal:
            raise web.HTTPForbidden(text=_said(refusal))
        return link


def _said(why: str) -> str:
    return f"This link does not count: {why}."
