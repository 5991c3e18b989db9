"""HTTP under a policy: each connection is made to an address that was checked, and to no other.

Names are resolved here, once for each connection, and what is connected to is what was checked; a
name that leads elsewhere a moment later gains nothing. What is asked belongs to the callers.
"""

import asyncio
import os
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Any

import httpcore
import httpx

from analysis.egress import EgressPolicy, as_address, unwrapped
from analysis.errors import EgressRefused, QueryError

#: Connections that a client keeps ready for the next request.
KEPT_CONNECTIONS = 8

Client = httpx.AsyncClient
"""Sends requests; only this package looks into one."""


Lookup = Callable[[str, int], Awaitable[Sequence[str]]]
"""Finds the addresses of a host; raises OSError where there are none."""


async def look_up(host: str, port: int) -> Sequence[str]:
    """Ask the system for the addresses of a host, each once."""
    found = await asyncio.get_running_loop().getaddrinfo(
        host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
    )
    return tuple(dict.fromkeys(str(each[4][0]) for each in found))


def guarded_client(
    policy: EgressPolicy,
    *,
    verify: ssl.SSLContext | bool = True,
    kept: int = KEPT_CONNECTIONS,
    proxies: bool = True,
    proxy: str = "",
    lookup: Lookup = look_up,
) -> Client:
    """Make a client that connects to what a policy allows and follows no redirect.

    `proxies` lets the environment's proxies stand between, `proxy` one that is named here. What a
    proxy connects to it decides itself: of a request through one only the host is checked, and of
    one that is named here where it is. Up to `kept` connections stay open for the requests to
    come. Time limits are the callers'.

    Raises:
        QueryError: nothing can be sent through the named proxy as it is written.
    """
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=kept)
    ways: dict[str, Any] = {"verify": verify, "limits": limits}
    try:
        if not policy.enforced:
            options = ways | {"trust_env": proxies} | ({"proxy": proxy} if proxy else {})
        else:
            options = {
                "transport": _ProxiedByName(policy, lookup, proxy, **ways)
                if proxy
                else _Guarded(policy, lookup, **ways),
                "mounts": _mounts(policy, ways) if proxies and not proxy else {},
                "trust_env": False,
            }
        # Callers limit the exchange.
        return Client(timeout=None, **options)
    except (ValueError, ImportError, httpx.InvalidURL) as error:
        if not proxy:
            raise
        raise QueryError("the proxy can't be used; write it as http://host:port") from error


@cache
def trust() -> ssl.SSLContext:
    """Give the certificates that are trusted; reading them takes longer than a call."""
    return httpx.create_ssl_context()


async def resolve(
    policy: EgressPolicy, host: str, port: int, lookup: Lookup = look_up
) -> list[str]:
    """Give the addresses of a host that may be connected to.

    Raises:
        EgressRefused: none may.
        OSError: the name cannot be resolved.
    """
    policy.check_host(host, port)
    allowed, refused = [], None
    for address in await lookup(host, port):
        parsed = as_address(address)
        assert parsed is not None
        try:
            policy.check(host, parsed, port)
        except EgressRefused as error:
            refused = error
        else:
            allowed.append(address)
    if not allowed and refused is not None:
        raise refused
    return allowed


async def endpoints(address: str) -> tuple[tuple[str, int], ...]:
    """Give the host of an address, and what its name resolves to now, each with the port."""
    url = httpx.URL(address)
    port = url.port or (443 if url.scheme == "https" else 80)
    found = {(url.host.rstrip(".").lower(), port)}
    with suppress(OSError):
        for each in await look_up(url.host, port):
            parsed = as_address(each)
            found |= {(str(unwrapped(parsed)), port)} if parsed is not None else set()
    return tuple(sorted(found))


class _Backend(httpcore.AsyncNetworkBackend):
    """Connects sockets, to addresses that a policy allows."""

    def __init__(self, policy: EgressPolicy, lookup: Lookup) -> None:
        self._policy = policy
        self._lookup = lookup
        self._sockets = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the protocol has it
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address of a host that may be connected to and answers."""
        try:
            addresses = await resolve(self._policy, host, port, self._lookup)
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        failed: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in addresses:
            try:
                return await self._sockets.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed

    async def sleep(self, seconds: float) -> None:
        """Wait, as the protocol asks for."""
        await self._sockets.sleep(seconds)


class _Guarded(httpx.AsyncHTTPTransport):
    """httpx's transport over a pool whose sockets a policy has allowed."""

    def __init__(
        self,
        policy: EgressPolicy,
        lookup: Lookup,
        *,
        verify: ssl.SSLContext | bool,
        limits: httpx.Limits,
    ) -> None:
        super().__init__(verify=verify, limits=limits, trust_env=False)
        # httpx hands on neither a resolver nor a backend; the pool itself takes one.
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=httpx.create_ssl_context(verify=verify, trust_env=False),
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=_Backend(policy, lookup),
        )


class _Proxied(httpx.AsyncHTTPTransport):
    """The way through a proxy of the environment, for hosts that a policy allows."""

    def __init__(self, policy: EgressPolicy, **options: Any) -> None:
        super().__init__(trust_env=False, **options)
        self._policy = policy

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Check the host, then leave the request to the proxy."""
        port = request.url.port or (443 if request.url.scheme == "https" else 80)
        self._policy.check_host(request.url.host, port)
        return await super().handle_async_request(request)


class _ProxiedByName(_Proxied):
    """The way through a configured proxy, which must be allowed itself."""

    def __init__(
        self,
        policy: EgressPolicy,
        lookup: Lookup,
        proxy: str,
        *,
        verify: ssl.SSLContext | bool,
        limits: httpx.Limits,
    ) -> None:
        # Raises what is wrong with the proxy, as httpx does.
        super().__init__(policy, verify=verify, limits=limits, proxy=proxy)
        named = httpx.Proxy(proxy)
        socks = named.url.scheme.startswith("socks")
        pool: Any = httpcore.AsyncSOCKSProxy if socks else httpcore.AsyncHTTPProxy
        self._pool = pool(
            proxy_url=str(named.url),
            proxy_auth=named.raw_auth,
            ssl_context=httpx.create_ssl_context(verify=verify, trust_env=False),
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            network_backend=_Backend(policy, lookup),
        )


def _mounts(
    policy: EgressPolicy, ways: Mapping[str, Any]
) -> dict[str, httpx.AsyncBaseTransport | None]:
    """Read the environment's proxies as httpx reads them where it is left to."""
    mounts: dict[str, httpx.AsyncBaseTransport | None] = {}
    for scheme in ("http", "https", "all"):
        proxy = _variable(f"{scheme}_proxy")
        if proxy:
            url = proxy if "://" in proxy else f"http://{proxy}"
            mounts[f"{scheme}://"] = _Proxied(policy, **ways, proxy=url)
    excepted = [each.strip() for each in _variable("no_proxy").split(",") if each.strip()]
    if "*" in excepted:
        return {}
    for host in excepted if mounts else ():
        address = as_address(host)
        exact = address is not None or host.lower() == "localhost"
        shown = f"[{address}]" if address is not None and address.version == 6 else host
        mounts[f"all://{shown}" if exact else f"all://*{host}"] = None
    return mounts


def _variable(name: str) -> str:
    return os.environ.get(name) or os.environ.get(name.upper()) or ""
