"""The ways in that `--auth` names: each makes its door for a dashboard of many people."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Protocol

import aiohttp

from canary.cluster.cluster import Cluster
from canary.dashboard.doors import Door
from canary.dashboard.proxy_doors import Networks, ProxyTokenDoor, ProxyUserDoor, ProxyUsers
from canary.dashboard.sessions import Sessions
from canary.dashboard.token_door import TokenDoor

if TYPE_CHECKING:
    from canary.dashboard.oidc import OidcClient
    from canary.dashboard.oidc_users import OidcUsers


class Way(Protocol):
    """Opens a door."""

    def __call__(
        self, sessions: Sessions, cluster: Cluster, now: Callable[[], float], /
    ) -> AbstractAsyncContextManager[Door]:
        """Open it, on a clock of seconds since 1970."""


@asynccontextmanager
async def by_token(
    sessions: Sessions, cluster: Cluster, _now: Callable[[], float]
) -> AsyncIterator[Door]:
    """Open the door of people who paste a token."""
    async with cluster.for_others() as as_bearer:
        yield TokenDoor(sessions, as_bearer)


def by_oidc(client: "OidcClient", users: "OidcUsers | None" = None) -> Way:
    """Give the way of people who log in at an issuer.

    Their ID token is passed on; with `users` the dashboard acts for who it names.

    Raises:
        ImportError: the extra `oidc` is not installed.
    """
    from canary.dashboard.oidc import Issuer
    from canary.dashboard.oidc_door import OidcDoor
    from canary.dashboard.oidc_users import Impersonating, Passing

    @asynccontextmanager
    async def way(
        sessions: Sessions, cluster: Cluster, now: Callable[[], float]
    ) -> AsyncIterator[Door]:
        async with (
            cluster.for_others() as as_bearer,
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http,
        ):
            admission = (
                Passing(as_bearer=as_bearer, client=client)
                if users is None
                else Impersonating(as_user=cluster.as_user, users=users)
            )
            yield OidcDoor(sessions, admission, Issuer(client, http, now), clock=now)

    return way


def by_proxy_token(trusted: Networks) -> Way:
    """Give the way of people whose proxy passes their tokens."""

    @asynccontextmanager
    async def way(
        sessions: Sessions, cluster: Cluster, _now: Callable[[], float]
    ) -> AsyncIterator[Door]:
        async with cluster.for_others() as as_bearer:
            yield ProxyTokenDoor(sessions, as_bearer, trusted)

    return way


def by_proxy_user(users: ProxyUsers, trusted: Networks) -> Way:
    """Give the way of people whose proxy says who they are."""

    @asynccontextmanager
    async def way(
        sessions: Sessions, cluster: Cluster, _now: Callable[[], float]
    ) -> AsyncIterator[Door]:
        yield ProxyUserDoor(sessions, cluster.as_user, users, trusted)

    return way
