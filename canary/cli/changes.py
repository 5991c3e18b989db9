"""Waiting for the next change of a Canary: by a watch where that is allowed, or else by the clock."""

import asyncio
from contextlib import suppress

from canary.cli.connection import Place
from canary.cluster.cluster import Cluster
from canary.errors import ClusterError, Forbidden

_LOOK_SECONDS = 2.0
"""How long it takes until one looks again where no watch tells when."""


class CanaryChanges:
    """Tells when it is time to look at a Canary again."""

    def __init__(self, cluster: Cluster, place: Place) -> None:
        self._cluster = cluster
        self._place = place
        self._may_watch = True

    async def after(self, version: str, *, seconds: float | None) -> None:
        """Wait until a Canary is no longer at a version, or at most so many seconds.

        Where that cannot be known, as without a version, a moment passes.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                if not (version and self._may_watch and await self._seen(version)):
                    await asyncio.sleep(_LOOK_SECONDS)

    async def _seen(self, version: str) -> bool:
        """Tell whether a watch has seen a change; the server may end it before there is one."""
        place = self._place
        named = f"metadata.name={place.name}"
        try:
            async with self._cluster.watch(
                place.kind, place.namespace, version, fields=named
            ) as events:
                async for type_, _ in events:
                    if type_ != "BOOKMARK":
                        return True
        except Forbidden:
            self._may_watch = False
        except ClusterError:
            # The next look finds out what it is, and says so.
            pass
        return False
