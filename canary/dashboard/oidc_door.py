"""The door of people whom an OpenID Connect issuer knows."""

import logging
import re
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest
from typing import ClassVar

from aiohttp import web

from canary.dashboard.cookies import SessionCookie, drop_cookie, put_cookie, wants_a_page
from canary.dashboard.identity import identified
from canary.dashboard.oidc import IdToken, Issuer, OidcRefused
from canary.dashboard.oidc_users import Admission
from canary.dashboard.routes import page
from canary.dashboard.sessions import LONGEST_SECONDS, Session, Sessions
from canary.dashboard.site import SITE
from canary.dashboard.viewers import Viewer

log = logging.getLogger(__name__)

LOGIN_COOKIE = "__Host-tidegate-login"
LOGIN_SECONDS = 600
MOST_LOGINS = 1_000
_BYTES = 32
_OWN_PAGE = re.compile(r"/(?![/\\])[!-\[\]-~]{0,2000}")
"""A path of our own, without what a browser could take for another host."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Login:
    """A login that has begun, until the issuer sends the person back."""

    browser: bytes
    """The digest of what the browser's cookie holds."""
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    back: str
    ends: float


class OidcDoor:
    """Leads to the issuer, and lets in whom it sends back, with their own rights."""

    auth: ClassVar[str] = "oidc"

    def __init__(
        self,
        sessions: Sessions,
        admission: Admission,
        issuer: Issuer,
        *,
        clock: Callable[[], float],
    ) -> None:
        self._cookie = SessionCookie(sessions)
        self._counted = sessions.logins
        self._admission = admission
        self._issuer = issuer
        self._clock = clock
        self._logins: OrderedDict[str, _Login] = OrderedDict()

    def routes(self) -> list[web.RouteDef]:
        """Give the login, the way back from the issuer, and the logout."""
        return [
            web.get("/login", self._page),
            web.get("/oidc/start", self._start),
            web.get("/oidc/callback", self._callback),
            web.post("/logout", self._cookie.logout),
        ]

    def check_host(self, request: web.Request) -> None:
        """Let every name in: who reads here needs a cookie, which a foreign name does not get."""

    async def session(self, request: web.Request) -> Session | None:
        """Find the session of the cookie."""
        return self._cookie.session(request)

    async def turn_away(self, request: web.Request) -> web.StreamResponse:
        """Lead to the issuer, and back to this page then; a program gets 401."""
        if not wants_a_page(request):
            raise web.HTTPUnauthorized(text="Log in first.")
        return await self._lead(request, request.path_qs)

    async def _page(self, request: web.Request) -> web.StreamResponse:
        return page(request, "login_elsewhere.html", issuer=self._issuer.client.issuer)

    async def _start(self, request: web.Request) -> web.StreamResponse:
        return await self._lead(request, f"{request.app[SITE].root_path}/")

    async def _lead(self, request: web.Request, back: str) -> web.StreamResponse:
        """Begin a login in this browser."""
        state, nonce, verifier, browser = (secrets.token_urlsafe(_BYTES) for _ in range(4))
        try:
            address = await self._issuer.login_address(state=state, nonce=nonce, verifier=verifier)
        except OidcRefused as refused:
            raise _unavailable(refused) from refused
        self._logins[state] = _Login(
            browser=_digest(browser),
            nonce=nonce,
            verifier=verifier,
            back=back if _OWN_PAGE.fullmatch(back) else f"{request.app[SITE].root_path}/",
            ends=self._clock() + LOGIN_SECONDS,
        )
        if len(self._logins) > MOST_LOGINS:
            self._logins.popitem(last=False)
        leave = web.HTTPSeeOther(address)
        put_cookie(leave, LOGIN_COOKIE, browser, seconds=LOGIN_SECONDS)
        raise leave

    async def _callback(self, request: web.Request) -> web.StreamResponse:
        """Let in whom the issuer sends back, and count whom not."""
        try:
            return await self._let_in(request)
        except web.HTTPForbidden:
            self._counted.refused += 1
            raise

    async def _let_in(self, request: web.Request) -> web.StreamResponse:
        """Let in whom the issuer sends back to the browser that began this login, once."""
        login = self._begun(request)
        if "error" in request.query:
            raise web.HTTPForbidden(
                text=f"{self._issuer.client.issuer} has refused the login: {request.query['error']}."
            )
        try:
            token = await self._issuer.exchange(
                request.query.get("code", ""), nonce=login.nonce, verifier=login.verifier
            )
        except OidcRefused as refused:
            raise web.HTTPForbidden(text=str(refused)) from refused
        viewer = await self._viewer(token)
        leave = web.HTTPSeeOther(login.back)
        left = min(token.ends - self._clock(), LONGEST_SECONDS)
        self._cookie.let_in(leave, viewer, seconds=left)
        drop_cookie(leave, LOGIN_COOKIE)
        log.info("a person has logged in", extra={"user": viewer.user})
        raise leave

    def _begun(self, request: web.Request) -> _Login:
        """Find the login that this browser has begun, and use it up.

        Raises:
            HTTPForbidden: there is none, or it took too long.
        """
        login = self._logins.pop(request.query.get("state", ""), None)
        cookie = _digest(request.cookies.get(LOGIN_COOKIE, ""))
        fits = login is not None and compare_digest(cookie, login.browser)
        if login is None or not fits or self._clock() >= login.ends:
            raise web.HTTPForbidden(
                text="This login was not begun in this browser, or more than ten minutes ago: open "
                "the dashboard again."
            )
        return login

    async def _viewer(self, token: IdToken) -> Viewer:
        """Ask the API server whose token this is.

        Raises:
            HTTPForbidden: it does not know, or must not be asked.
            ClusterError: it does not answer.
        """
        try:
            cluster = self._admission.connection(token)
            user = await identified(cluster)
            if user is None:
                raise OidcRefused(self._admission.unknown(token))
        except OidcRefused as refused:
            raise web.HTTPForbidden(text=str(refused)) from refused
        return Viewer(cluster=cluster, user=user, everything=False, logs_out=True)


def _unavailable(refused: OidcRefused) -> web.HTTPException:
    return web.HTTPServiceUnavailable(text=f"The login does not work now: {refused}")


def _digest(text: str) -> bytes:
    return sha256(text.encode()).digest()
