"""Sessions of aiohttp that follow no redirect, and lead only where a policy allows.

For clients that bring aiohttp; everything else posts over `analysis.http`.
"""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from analysis.egress import EgressPolicy
from analysis.http.exchange import led_to
from analysis.http.transport import resolve
from analysis.secrecy import origin
from canary.notifiers import NotifierConfig


@asynccontextmanager
async def guarded_session(config: NotifierConfig) -> AsyncIterator[aiohttp.ClientSession]:
    """Open connections that follow no redirect, and lead only where the policy allows.

    Raises:
        EgressRefused: the address, or the proxy, may not be connected to.
    """
    for address in (config.proxy, config.address):
        parts = urlsplit(address)
        if parts.hostname:
            # aiohttp resolves no host that is an address already.
            port = parts.port or (443 if parts.scheme == "https" else 80)
            config.egress.check_host(parts.hostname, port)
    tracing = aiohttp.TraceConfig()
    tracing.on_request_redirect.append(_refuse_redirect)
    connector = aiohttp.TCPConnector(resolver=_Resolver(config.egress))
    async with aiohttp.ClientSession(connector=connector, trace_configs=[tracing]) as session:
        yield session


class _Resolver(AbstractResolver):
    """Resolves names to the addresses that a policy allows."""

    def __init__(self, egress: EgressPolicy) -> None:
        self._egress = egress

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002 - the protocol has it
    ) -> list[ResolveResult]:
        """Resolve a name."""
        addresses = await resolve(self._egress, host, port)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        """Hold nothing, and so close nothing."""


async def _refuse_redirect(
    _session: aiohttp.ClientSession, _context: object, params: aiohttp.TraceRequestRedirectParams
) -> None:
    response = params.response
    where_to = origin(led_to(str(params.url), response.headers.get("Location", "")))
    raise Redirected(f"answers {response.status} and redirects to {where_to}")


class Redirected(Exception):
    """A receiver sends us elsewhere; says where to."""
