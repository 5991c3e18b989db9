"""The door of people who bring a token of their own: pasted once, kept in memory, passed through."""

from collections import deque
from collections.abc import Callable
from time import monotonic

from aiohttp import web

from canary.api.kinds import Kind, Manifest
from canary.cluster.cluster import Cluster
from canary.dashboard.routes import page
from canary.dashboard.safety import own_form, same_origin
from canary.dashboard.sessions import Session, Sessions
from canary.dashboard.site import SESSION, SITE
from canary.dashboard.viewers import Viewer
from canary.errors import Forbidden

COOKIE = "__Host-tidegate"
MOST_FAILURES = 10
FAILURE_SECONDS = 60.0
_MOST_ADDRESSES = 10_000
_LONGEST_TOKEN = 16_384
_REVIEW = Kind(
    group="authentication.k8s.io",
    versions=("v1",),
    kind="SelfSubjectReview",
    plural="selfsubjectreviews",
    namespaced=False,
)
_ANONYMOUS = "system:anonymous"


class TokenDoor:
    """Lets in whom the API server knows by a token, with the rights of that token alone."""

    def __init__(
        self,
        sessions: Sessions,
        as_bearer: Callable[[str], Cluster],
        *,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._sessions = sessions
        self._as_bearer = as_bearer
        self._clock = clock
        self._failures: dict[str, deque[float]] = {}

    def routes(self) -> list[web.RouteDef]:
        """Give the login and the logout."""
        return [
            web.get("/login", self._form),
            web.post("/login", self._login),
            web.post("/logout", self._logout),
        ]

    def check_host(self, request: web.Request) -> None:
        """Let every name in: who reads here needs a cookie, which a foreign name does not get."""

    def session(self, request: web.Request) -> Session | None:
        """Find the session of the cookie."""
        return self._sessions.find(request.cookies.get(COOKIE, ""))

    async def turn_away(self, request: web.Request) -> web.StreamResponse:
        """Lead to the login; a program gets 401."""
        root = request.app[SITE].root_path
        below = request.path.removeprefix(root)
        if request.method != "GET" or below.startswith(("/api/", "/live/")):
            raise web.HTTPUnauthorized(text="Log in first.")
        raise web.HTTPSeeOther(f"{root}/login")

    async def _form(self, request: web.Request) -> web.StreamResponse:
        return page(request, "login.html", message="")

    async def _login(self, request: web.Request) -> web.StreamResponse:
        """Open a session for whom the API server knows by this token."""
        if not same_origin(request):
            raise web.HTTPForbidden(text="This login was sent by another site, and was refused.")
        if self._blocked(request.remote or ""):
            raise web.HTTPTooManyRequests(
                text="Too many logins from this address have failed: wait for a minute.",
                headers={"Retry-After": f"{FAILURE_SECONDS:.0f}"},
            )
        token = str((await request.post()).get("token", "")).strip()
        viewer = await self._viewer(token)
        if viewer is None:
            self._failed(request.remote or "")
            message = "The API server does not accept this token: make a new one."
            answer = page(request, "login.html", message=message)
            answer.set_status(403)
            return answer
        leave = web.HTTPSeeOther(f"{request.app[SITE].root_path}/")
        leave.set_cookie(
            COOKIE,
            self._sessions.open(viewer),
            path="/",
            secure=True,
            httponly=True,
            samesite="Lax",
        )
        raise leave

    async def _logout(self, request: web.Request) -> web.StreamResponse:
        """End the session, and its open pages with it."""
        session = request.get(SESSION)
        if session is not None:
            await own_form(request, session)
            self._sessions.close(request.cookies.get(COOKIE, ""))
        leave = web.HTTPSeeOther(f"{request.app[SITE].root_path}/login")
        leave.del_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="Lax")
        raise leave

    async def _viewer(self, token: str) -> Viewer | None:
        """Ask the API server whose token this is; None where it does not accept it.

        Raises:
            ClusterError: it does not answer.
        """
        if (
            not token
            or len(token) > _LONGEST_TOKEN
            or not (token.isascii() and token.isprintable())
        ):
            return None
        cluster = self._as_bearer(token)
        review: Manifest = {"apiVersion": "authentication.k8s.io/v1", "kind": _REVIEW.kind}
        try:
            answer = await cluster.create({**review, "metadata": {}}, _REVIEW)
        except Forbidden:
            return None
        user = ((answer.get("status") or {}).get("userInfo") or {}).get("username")
        if not user or user == _ANONYMOUS:
            return None
        return Viewer(cluster=cluster, user=str(user), everything=False)

    def _blocked(self, address: str) -> bool:
        failures = self._failures.get(address, deque())
        while failures and failures[0] <= self._clock() - FAILURE_SECONDS:
            failures.popleft()
        return len(failures) >= MOST_FAILURES

    def _failed(self, address: str) -> None:
        if len(self._failures) >= _MOST_ADDRESSES:
            self._failures.clear()
        self._failures.setdefault(address, deque()).append(self._clock())
