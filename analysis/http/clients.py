"""Clients kept for exchanges to come."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from analysis.http.transport import Client


class Clients:
    """Lends clients, each to one exchange at a time.

    httpx's pool is not shared among exchanges, because one that is cancelled at the wrong moment
    leaves its connection in the pool as in use for ever; here its client is closed with all that it
    has. `kept` clients are kept; how many exchanges there are at once is up to the callers.
    """

    def __init__(self, make: Callable[[], Client], *, kept: int) -> None:
        self._make = make
        self._kept = kept
        self._free: list[tuple[str, Client]] = []
        """Clients that are free, by the host that they are connected to; the oldest first."""
        self._lent: set[Client] = set()
        self._closing: set[asyncio.Task[None]] = set()
        self.closed = False

    @asynccontextmanager
    async def lend(self, address: str) -> AsyncIterator[Client]:
        """Lend a client, and keep it for the next exchange where this one ends well."""
        host = _host(address)
        client = self._take(host)
        self._lent.add(client)
        try:
            yield client
        except BaseException:
            self._dismiss(client)
            raise
        else:
            self._free.append((host, client))
            if len(self._free) > self._kept or self.closed:
                self._dismiss(self._free.pop(0)[1])
        finally:
            self._lent.discard(client)

    async def close(self) -> None:
        """Close every connection."""
        self.closed = True
        for client in (*self._lent, *(client for _, client in self._free)):
            self._dismiss(client)
        self._free.clear()
        await asyncio.gather(*self._closing, return_exceptions=True)

    def _take(self, host: str) -> Client:
        for place, (connected_to, client) in enumerate(self._free):
            if connected_to == host:
                del self._free[place]
                return client
        return self._make()

    def _dismiss(self, client: Client) -> None:
        """Close a client beside: an exchange that is being cancelled could not wait for it."""
        closing = asyncio.create_task(client.aclose())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)


def _host(address: str) -> str:
    try:
        return urlsplit(address).netloc
    except ValueError:
        # The exchange refuses such an address.
        return ""
