"""The cookie of people who log in here: sent by TLS alone, and never with another site's form."""

from aiohttp import web

from canary.dashboard.safety import own_form
from canary.dashboard.sessions import LONGEST_SECONDS, Session, Sessions
from canary.dashboard.site import SESSION, SITE
from canary.dashboard.viewers import Viewer

COOKIE = "__Host-tidegate"


class SessionCookie:
    """Keeps people logged in by a cookie, and lets them out."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def session(self, request: web.Request) -> Session | None:
        """Find the session of the cookie."""
        return self._sessions.find(request.cookies.get(COOKIE, ""))

    def let_in(
        self, answer: web.StreamResponse, viewer: Viewer, *, seconds: float = LONGEST_SECONDS
    ) -> None:
        """Open a session, and put its cookie on an answer."""
        name = self._sessions.open(viewer, seconds=seconds)
        put_cookie(answer, COOKIE, name)

    async def logout(self, request: web.Request) -> web.StreamResponse:
        """End the session, and its open pages with it."""
        session = request.get(SESSION)
        if session is not None:
            await own_form(request, session)
            self._sessions.close(request.cookies.get(COOKIE, ""))
        leave = web.HTTPSeeOther(f"{request.app[SITE].root_path}/login")
        drop_cookie(leave, COOKIE)
        raise leave


def put_cookie(
    answer: web.StreamResponse, name: str, value: str, *, seconds: int | None = None
) -> None:
    """Put a cookie on an answer; until the browser ends, or for so many seconds.

    A name that begins with `__Host-` is kept from other hosts and from connections without TLS.
    """
    answer.set_cookie(
        name, value, path="/", secure=True, httponly=True, samesite="Lax", max_age=seconds
    )


def drop_cookie(answer: web.StreamResponse, name: str) -> None:
    """Have the browser forget a cookie."""
    answer.del_cookie(name, path="/", secure=True, httponly=True, samesite="Lax")


def wants_a_page(request: web.Request) -> bool:
    """Tell whether a person waits for a page; a program is not led to a login."""
    below = request.path.removeprefix(request.app[SITE].root_path)
    return request.method == "GET" and not below.startswith(("/api/", "/live/"))
