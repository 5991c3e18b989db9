"""Other controllers that act on the same Canaries, by a Lease in another namespace or of another name.

Replicas of one release share a Lease, and one of them acts. Two releases, or a release and a
controller on a developer's machine, have a Lease each: both act, and undo each other's work.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime

from canary.cluster.cluster import Cluster
from canary.errors import ClusterError
from canary.replicas.presence import Presence, Scope, controllers

log = logging.getLogger(__name__)


class OtherControllers:
    """Warns of them when this replica begins to act.

    A controller for some namespaces does not look: its rights end there.
    """

    def __init__(
        self,
        cluster: Cluster,
        *,
        lease: str,
        scope: Scope,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._cluster = cluster
        self._lease = lease
        self._scope = scope
        self._now = now
        self._due = asyncio.Event()

    def acting(self) -> None:
        """Look soon, because this replica begins to act."""
        if not self._scope.namespaces:
            self._due.set()

    async def run(self) -> None:
        """Look whenever that is due, until cancelled."""
        while True:
            await self._due.wait()
            self._due.clear()
            await self.look()

    async def look(self) -> None:
        """Warn of each controller that acts on the same Canaries."""
        try:
            found = await controllers(self._cluster)
        except ClusterError as error:
            # Without the right to list Leases nothing is known; the others' logs may tell.
            log.debug("other controllers are not looked for: %s", error)
            return
        now = self._now()
        for each in found:
            if self._competes(each, now):
                log.warning(
                    "another controller acts on the same Canaries, and each undoes what the other "
                    "does: its Lease is %s, held by %s, and ours is %s; stop one of them, or give "
                    "both the same --lease-namespace and --lease-name",
                    each.place,
                    each.holder,
                    self._lease,
                )

    def _competes(self, other: Presence, now: datetime) -> bool:
        return other.place != self._lease and other.acts(now) and self._scope.overlaps(other.scope)
