"""The door of people who bring a token of their own: pasted once, kept in memory, passed through."""

from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import ClassVar

from aiohttp import web

from canary.cluster.cluster import Cluster
from canary.dashboard.cookies import SessionCookie, wants_a_page
from canary.dashboard.identity import identified, may_be_token
from canary.dashboard.routes import page
from canary.dashboard.safety import same_origin
from canary.dashboard.sessions import Session, Sessions
from canary.dashboard.site import SITE
from canary.dashboard.viewers import Viewer

MOST_FAILURES = 10
FAILURE_SECONDS = 60.0
_MOST_ADDRESSES = 10_000


class TokenDoor:
    """Lets in whom the API server knows by a token, with the rights of that token alone."""

    auth: ClassVar[str] = "token"

    def __init__(
        self,
        sessions: Sessions,
        as_bearer: Callable[[str], Cluster],
        *,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._cookie = SessionCookie(sessions)
        self._logins = sessions.logins
        self._as_bearer = as_bearer
        self._clock = clock
        self._failures: dict[str, deque[float]] = {}

    def routes(self) -> list[web.RouteDef]:
        """Give the login and the logout."""
        return [
            web.get("/login", self._form),
            web.post("/login", self._login),
            web.post("/logout", self._cookie.logout),
        ]

    def check_host(self, request: web.Request) -> None:
        """Let every name in: who reads here needs a cookie, which a foreign name does not get."""

    async def session(self, request: web.Request) -> Session | None:
        """Find the session of the cookie."""
        return self._cookie.session(request)

    async def turn_away(self, request: web.Request) -> web.StreamResponse:
        """Lead to the login; a program gets 401."""
        if not wants_a_page(request):
            raise web.HTTPUnauthorized(text="Log in first.")
        raise web.HTTPSeeOther(f"{request.app[SITE].root_path}/login")

    async def _form(self, request: web.Request) -> web.StreamResponse:
        return page(request, "login.html", message="")

    async def _login(self, request: web.Request) -> web.StreamResponse:
        """Open a session for whom the API server knows by this token."""
        if not same_origin(request):
            raise web.HTTPForbidden(text="This login was sent by another site, and was refused.")
        if self._blocked(request.remote or ""):
            self._logins.refused += 1
            raise web.HTTPTooManyRequests(
                text="Too many logins from this address have failed: wait for a minute.",
                headers={"Retry-After": f"{FAILURE_SECONDS:.0f}"},
            )
        token = str((await request.post()).get("token", "")).strip()
        viewer = await self._viewer(token)
        if viewer is None:
            self._failed(request.remote or "")
            self._logins.refused += 1
            message = "The API server does not accept this token: make a new one."
            answer = page(request, "login.html", message=message)
            answer.set_status(403)
            return answer
        leave = web.HTTPSeeOther(f"{request.app[SITE].root_path}/")
        self._cookie.let_in(leave, viewer)
        raise leave

    async def _viewer(self, token: str) -> Viewer | None:
        """Ask the API server whose token this is; None where it does not accept it.

        Raises:
            ClusterError: it does not answer.
        """
        if not may_be_token(token):
            return None
        cluster = self._as_bearer(token)
        user = await identified(cluster)
        if user is None:
            return None
        return Viewer(
            cluster=cluster, user=user, everything=False, logs_out=True, clock=self._clock
        )

    def _blocked(self, address: str) -> bool:
        failures = self._failures.get(address, deque())
        while failures and failures[0] <= self._clock() - FAILURE_SECONDS:
            failures.popleft()
        return len(failures) >= MOST_FAILURES

    def _failed(self, address: str) -> None:
        if len(self._failures) >= _MOST_ADDRESSES:
            self._failures.clear()
        self._failures.setdefault(address, deque()).append(self._clock())
