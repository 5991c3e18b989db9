"""The controllers that a person may see: looked for with their own rights, and kept for a while."""

from collections.abc import Callable
from datetime import datetime
from time import monotonic

from canary.cluster.cluster import Cluster
from canary.dashboard.answers import Answers, Place
from canary.replicas.silence import Sighting

KEPT_SECONDS = 30.0
_EVERYWHERE = ("", "")


class Controllers:
    """What the Leases of controllers tell a person; nothing, and no error, where they may not list them."""

    def __init__(self, cluster: Cluster, *, clock: Callable[[], float] = monotonic) -> None:
        self._cluster = cluster
        self._now: datetime
        self._kept = Answers(self._look, clock=clock, seconds=KEPT_SECONDS)

    async def seen(self, now: datetime, *, seconds: float) -> Sighting | None:
        """Give the controllers, if they are known in so many seconds; asking goes on beyond them."""
        self._now = now
        known = await self._kept.known([_EVERYWHERE], seconds=seconds, otherwise=None)
        return known[_EVERYWHERE]

    async def _look(self, _place: Place) -> Sighting | None:
        # A Lease is judged by the moment at which it was read, however long that is kept.
        return await Sighting.take(self._cluster, self._now)
