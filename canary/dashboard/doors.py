"""How people come in: what `--auth` says. A door has no key of its own to anything."""

from typing import ClassVar, Protocol

from aiohttp import web

from canary.dashboard.sessions import OneTimeKey, Session, Sessions
from canary.dashboard.site import SITE
from canary.dashboard.viewers import Viewer


class Door(Protocol):
    """A way to log in; it counts in its sessions whom it refuses, although they brought something."""

    auth: ClassVar[str]
    """What `--auth` calls it."""

    def routes(self) -> list[web.RouteDef]:
        """Give the pages of the login, which anyone may open."""

    def check_host(self, request: web.Request) -> None:
        """Refuse a request to a name that is not ours.

        Raises:
            HTTPForbidden: it is not.
        """

    async def session(self, request: web.Request) -> Session | None:
        """Find the session that a request belongs to.

        Raises:
            HTTPForbidden: who sends it may not come in; says why.
            ClusterError: the API server does not say who that is.
        """

    async def turn_away(self, request: web.Request) -> web.StreamResponse:
        """Answer who has no session."""


class LaptopDoor:
    """The door of the person who runs the process: a key in the address, once, then a cookie.

    Other users of the machine have neither. A name that leads to this address from elsewhere is
    refused, so that no page of another site can read what is here (DNS rebinding).
    """

    auth: ClassVar[str] = "kubeconfig"

    def __init__(self, sessions: Sessions, viewer: Viewer, key: OneTimeKey) -> None:
        self._sessions = sessions
        self._viewer = viewer
        self._key = key
        self._host = ""

    def listens_at(self, host: str, port: int) -> None:
        """Tell where this is; nothing else is let in."""
        self._host = f"{host}:{port}"

    @property
    def _cookie(self) -> str:
        """The cookie's name: those of one machine are not told apart by their ports."""
        return f"tidegate-{self._host.rpartition(':')[2]}"

    def routes(self) -> list[web.RouteDef]:
        """Nothing is open to others."""
        return []

    def check_host(self, request: web.Request) -> None:
        """Let only our own address in."""
        if request.headers.get("Host", "") != self._host:
            raise web.HTTPForbidden(text=f"This dashboard is at http://{self._host} alone.")

    async def session(self, request: web.Request) -> Session | None:
        """Find the session of the cookie."""
        return self._sessions.find(request.cookies.get(self._cookie, ""))

    async def turn_away(self, request: web.Request) -> web.StreamResponse:
        """Let in who has the key; leave it out of the address then."""
        root = request.app[SITE].root_path
        if not self._key.opens(request.query.get("key", "")):
            raise web.HTTPForbidden(
                text="Open the address that tidegate dashboard has printed. It works once, for a "
                "minute: press Enter in that terminal for a new one."
            )
        answer = web.HTTPSeeOther(f"{root}/")
        answer.set_cookie(
            self._cookie,
            self._sessions.open(self._viewer),
            path=root or "/",
            httponly=True,
            samesite="Lax",
        )
        raise answer
