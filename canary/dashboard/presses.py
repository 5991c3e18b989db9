"""Buttons pressed in a chat: who pressed, whether it counts, and what is said about it."""

import logging
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from canary.cluster.cluster import Cluster
from canary.dashboard.chat_people import Person, UnreadableIdentities
from canary.dashboard.gate_answers import AnswerRefused, GateAnswers
from canary.dashboard.identity import identified
from canary.dashboard.viewers import Viewer
from canary.errors import ClusterError

log = logging.getLogger(__name__)

_MOST_REMEMBERED = 10_000
AsUser = Callable[[str, Sequence[str]], Cluster]
"""Gives a connection that acts for a user with groups, within what we may impersonate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """A button that a person has pressed, as their chat says, which has proved itself."""

    id: str
    """The same when the chat repeats it."""
    app: str
    workspace: str
    """Where the button was pressed."""
    team: str
    """Where the person belongs to: another workspace in a channel that two share."""
    user: str
    verb: str
    reference: str


class Finds(Protocol):
    """Finds who presses."""

    async def find(self, team: str, member: str) -> Person | None:
        """Find which user of the cluster a member of a chat is; None where nothing says so."""


class PressReply(NamedTuple):
    """What is said about a press."""

    told: str
    counted: bool
    """Whether the thread reads it, and not the person alone."""
    over: bool
    """Whether the buttons can be taken away."""


class Presses:
    """Answers presses, each once."""

    def __init__(
        self,
        answers: GateAnswers,
        people: Finds,
        as_user: AsUser,
        *,
        tool: str,
        app: str,
        workspaces: Collection[str],
    ) -> None:
        self._answers = answers
        self._people = people
        self._as_user = as_user
        self._tool = tool
        self._app = app
        self._workspaces = frozenset(workspaces)
        self._seen: OrderedDict[str, None] = OrderedDict()

    async def answer(self, press: Press) -> PressReply:
        """Carry out what a press asks for, with the rights of who pressed."""
        try:
            self._check(press)
            named = f"{press.team}/{press.user}"
            with readable_identities():
                person = await self._people.find(press.team, press.user)
            viewer = await viewer_of(person, self._as_user, who=f"you are {named} here")
            reason = f"as {named}"
            given = await self._answers.give(
                viewer, press.reference, press.verb, tool=self._tool, reason=reason
            )
        except AnswerRefused as refused:
            about = {"chat_user": f"{press.team}/{press.user}", "verb": press.verb}
            log.info("a press was refused: %s", refused, extra=about)
            return PressReply(str(refused), counted=False, over=refused.over)
        return PressReply(given.told, counted=True, over=given.over)

    def _check(self, press: Press) -> None:
        """Refuse what is not meant for us, what was answered before, and what no longer waits.

        Raises:
            AnswerRefused: it is one of these.
        """
        if press.app != self._app or press.workspace not in self._workspaces:
            raise AnswerRefused("this dashboard answers another app, or another workspace")
        if press.id in self._seen:
            raise AnswerRefused("this press has been answered already")
        self._seen[press.id] = None
        if len(self._seen) > _MOST_REMEMBERED:
            self._seen.popitem(last=False)
        self._answers.asked_about(press.reference, press.verb)


@contextmanager
def readable_identities() -> Iterator[None]:
    """Refuse an answer where the file of identities cannot be used, and log why.

    Raises:
        AnswerRefused: it cannot.
    """
    try:
        yield
    except UnreadableIdentities as error:
        log.error("identities: %s", error)  # noqa: TRY400 - it says what is wrong
        raise AnswerRefused(
            "the dashboard's identities cannot be read: its log says why"
        ) from error


async def viewer_of(person: Person | None, as_user: AsUser, *, who: str) -> Viewer:
    """Act for a user of the cluster; `who` tells a person that is none of them.

    Raises:
        AnswerRefused: there is none for whom we may act.
    """
    if person is None:
        raise AnswerRefused(
            f"{who}, which is no user of the cluster: ask an administrator to "
            "add it to the dashboard's identities"
        )
    cluster = as_user(person.user, person.groups)
    try:
        user = await identified(cluster)
    except ClusterError as error:
        raise AnswerRefused(str(error)) from error
    if user is None:
        raise AnswerRefused(
            f"the dashboard may not act for {person.user}: allow it to impersonate this user "
            "and their groups"
        )
    return Viewer(cluster=cluster, user=user, everything=False)
