"""The doors behind a proxy that logs people in: it passes their tokens, or says who they are."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest
from hmac import digest as keyed_digest
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import ClassVar

from aiohttp import web

from canary.cluster.cluster import Cluster
from canary.dashboard.identity import MOST_GROUPS, identified, may_be_token, name_of_person
from canary.dashboard.sessions import Session, Sessions
from canary.dashboard.site import SITE
from canary.dashboard.viewers import Viewer

SECRET_HEADER = "X-Tidegate-Proxy-Secret"  # noqa: S105 - the name of a header
PROBES = ("/healthz", "/readyz")
"""What a kubelet asks, which comes past the proxy; both say nothing of any Canary."""
Networks = Sequence[IPv4Network | IPv6Network]
AsUser = Callable[[str, Sequence[str]], Cluster]
"""Gives a connection that acts for a user with groups, within what we may impersonate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyUsers:
    """How a proxy says who a person is."""

    secret: str = field(repr=False)
    """What the proxy proves itself by, in `X-Tidegate-Proxy-Secret`."""
    user_header: str = "X-Forwarded-User"
    groups_header: str = "X-Forwarded-Groups"
    """Names of groups, with commas between them."""
    prefix: str = ""
    """What stands before the names of users and groups in the cluster."""


class _ProxyDoor:
    """What both doors have in common: no login here, and only the proxy comes in."""

    def __init__(self, sessions: Sessions, trusted: Networks) -> None:
        self._sessions = sessions
        self._trusted = trusted
        self._key = secrets.token_bytes(32)

    def routes(self) -> list[web.RouteDef]:
        """Nothing is open to others: the proxy logs people in and out."""
        return []

    def check_host(self, request: web.Request) -> None:
        """Let only the proxy in, where its networks are named."""
        if not is_probe(request) and self._trusted and not self._from_proxy(request.remote or ""):
            raise web.HTTPForbidden(text="This dashboard is reached by its proxy alone.")

    def _from_proxy(self, remote: str) -> bool:
        try:
            address = ip_address(remote.partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None) or address
        return any(mapped in network for network in self._trusted)

    def _opened(self, name: str, viewer: Viewer) -> Session:
        """Open a session that forms find again, also when the proxy has renewed a token."""
        # Another request may have opened it while the API server was asked.
        found = self._sessions.find(name)
        if found is not None:
            return found
        form_token = keyed_digest(self._key, viewer.user.encode(), sha256).hex()
        return self._sessions.open_as(name, viewer, form_token=form_token)


class ProxyTokenDoor(_ProxyDoor):
    """Lets in whom the API server knows by the token that the proxy passes with each request."""

    auth: ClassVar[str] = "proxy-token"

    def __init__(
        self, sessions: Sessions, as_bearer: Callable[[str], Cluster], trusted: Networks
    ) -> None:
        super().__init__(sessions, trusted)
        self._as_bearer = as_bearer

    async def session(self, request: web.Request) -> Session | None:
        """Find the session of a token, or open one for it."""
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        token = token.strip()
        if kind.lower() != "bearer" or not may_be_token(token):
            return None
        found = self._sessions.find(token)
        if found is not None:
            return found
        cluster = self._as_bearer(token)
        user = await identified(cluster)
        if user is None:
            return None
        return self._opened(token, Viewer(cluster=cluster, user=user, everything=False))

    async def turn_away(self, request: web.Request) -> web.StreamResponse:
        """Say what is missing."""
        arrives = "Authorization" in request.headers
        self._sessions.logins.refused += arrives
        said = "is not accepted" if arrives else "does not arrive"
        raise web.HTTPUnauthorized(
            text=f"The token of the API server {said}: log in again, or have the proxy pass it "
            "(oauth2-proxy: --pass-authorization-header)."
        )


class ProxyUserDoor(_ProxyDoor):
    """Lets in who the proxy says is there, and acts for them by impersonation.

    The proxy proves itself with each request: requests that come past it are refused.
    """

    auth: ClassVar[str] = "proxy-user"

    def __init__(
        self, sessions: Sessions, as_user: AsUser, users: ProxyUsers, trusted: Networks
    ) -> None:
        super().__init__(sessions, trusted)
        self._as_user = as_user
        self._users = users

    def check_host(self, request: web.Request) -> None:
        """Let only the proxy in, and only with its secret."""
        super().check_host(request)
        shown = request.headers.getall(SECRET_HEADER, [])
        if is_probe(request):
            return
        if len(shown) != 1 or not compare_digest(shown[0].encode(), self._users.secret.encode()):
            self._sessions.logins.refused += 1
            raise web.HTTPForbidden(text="This dashboard is reached by its proxy alone.")

    async def session(self, request: web.Request) -> Session | None:
        """Find the session of a user with these groups, or open one.

        Raises:
            HTTPForbidden: the user is one of the cluster's own, or may not be impersonated.
        """
        user, groups = self._user(request), self._groups(request)
        if user is None:
            return None
        name = "\0".join((user, *groups))
        found = self._sessions.find(name)
        if found is not None:
            return found
        cluster = self._as_user(user, groups)
        known = await identified(cluster)
        if known is None:
            self._sessions.logins.refused += 1
            raise web.HTTPForbidden(
                text=f"The dashboard may not act for {user}: allow it to impersonate this user and "
                "their groups (chart value dashboard.impersonation)."
            )
        return self._opened(name, Viewer(cluster=cluster, user=known, everything=False))

    async def turn_away(self, _request: web.Request) -> web.StreamResponse:
        """Say what is missing."""
        raise web.HTTPUnauthorized(
            text=f"No user arrives in {self._users.user_header}: log in at the proxy."
        )

    def _user(self, request: web.Request) -> str | None:
        """Read the user's name; None where none arrives.

        Raises:
            HTTPForbidden: it is none that a person may have.
        """
        shown = request.headers.getall(self._users.user_header, [])
        if not shown or shown == [""]:
            return None
        name = name_of_person(shown[0], self._users.prefix)
        if len(shown) > 1 or not name:
            self._sessions.logins.refused += 1
            raise web.HTTPForbidden(text="The user's name is none that a person may have.")
        return name

    def _groups(self, request: web.Request) -> tuple[str, ...]:
        """Read the groups; those that only the cluster gives are left out."""
        shown = ",".join(request.headers.getall(self._users.groups_header, []))
        named = (name_of_person(each.strip(), self._users.prefix) for each in shown.split(","))
        return tuple(dict.fromkeys(filter(None, named)))[:MOST_GROUPS]


def is_probe(request: web.Request) -> bool:
    """Tell whether a request is that of a kubelet."""
    return request.path.removeprefix(request.app[SITE].root_path) in PROBES
