"""Who acts: leader election over a Lease, one PUT a renewal.

Leadership is judged by the local monotonic clock alone: a leader is one until its last renewal is
older than the renew deadline, whatever the server, or another replica's clock, says.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic

from canary.api.kinds import Kind, Manifest
from canary.controller.cache import jittered
from canary.controller.cluster import Cluster
from canary.errors import CanaryError, Conflict, NotFound

log = logging.getLogger(__name__)

LEASE = Kind(group="coordination.k8s.io", versions=("v1",), kind="Lease", plural="leases")


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseTimes:
    """How long a lease holds, how long its holder may fail to renew it, how often it tries."""

    lease_seconds: float = 15.0
    renew_seconds: float = 10.0
    retry_seconds: float = 2.0


class Elector:
    """Holds a Lease, or waits for it."""

    def __init__(
        self,
        cluster: Cluster,
        *,
        namespace: str,
        name: str,
        identity: str,
        times: LeaseTimes,
        on_change: Callable[[bool], None],
    ) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._times = times
        self._on_change = on_change
        self._held_until = float("-inf")
        self._leads = False
        self._observed: tuple[str, float] = ("", float("-inf"))
        """The last resource version of the Lease that was seen, and when it was first seen."""

    def is_leader(self) -> bool:
        """Tell whether this replica may act now."""
        return monotonic() < self._held_until

    async def run(self) -> None:
        """Take part until cancelled."""
        while True:
            try:
                async with asyncio.timeout(self._times.renew_seconds / 2):
                    await self._round()
            except (CanaryError, TimeoutError) as error:
                log.warning("lease %s: %s", self._name, str(error) or "no answer in time")
            self._tell()
            await asyncio.sleep(jittered(self._times.retry_seconds))

    async def release(self) -> None:
        """Give the Lease up, so that another replica takes over at once."""
        if not self.is_leader():
            return
        self._held_until = float("-inf")
        try:
            async with asyncio.timeout(self._times.retry_seconds):
                lease = await self._cluster.read(LEASE, self._namespace, self._name)
                if lease["spec"].get("holderIdentity") == self._identity:
                    lease["spec"] |= {"holderIdentity": "", "leaseDurationSeconds": 1}
                    await self._cluster.replace(lease, LEASE, guarded=False)
        except (CanaryError, TimeoutError) as error:
            log.warning(
                "lease %s was not released: %s", self._name, str(error) or "no answer in time"
            )
        self._tell()

    async def _round(self) -> None:
        started = monotonic()
        try:
            lease = await self._cluster.read(LEASE, self._namespace, self._name)
        except NotFound:
            await self._cluster.create(self._new(), LEASE, guarded=False)
            self._held_until = started + self._times.renew_seconds
            return
        if not self._may_take(lease):
            self._held_until = float("-inf")
            return
        try:
            await self._cluster.replace(self._renewed(lease), LEASE, guarded=False)
        except Conflict:
            self._held_until = float("-inf")
            raise
        # Counted from before the request: what happened on its way is not known.
        self._held_until = started + self._times.renew_seconds

    def _may_take(self, lease: Manifest) -> bool:
        """Tell whether the Lease is ours, free, or was not renewed while we watched it."""
        holder = lease["spec"].get("holderIdentity") or ""
        if holder in {"", self._identity}:
            return True
        version, now = lease["metadata"]["resourceVersion"], monotonic()
        if version != self._observed[0]:
            self._observed = (version, now)
        duration = lease["spec"].get("leaseDurationSeconds") or self._times.lease_seconds
        return now > self._observed[1] + float(duration)

    def _new(self) -> Manifest:
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self._name, "namespace": self._namespace},
            "spec": self._spec() | {"acquireTime": _now(), "leaseTransitions": 0},
        }

    def _renewed(self, lease: Manifest) -> Manifest:
        spec = lease["spec"] | self._spec()
        if lease["spec"].get("holderIdentity") != self._identity:
            transitions = lease["spec"].get("leaseTransitions") or 0
            spec |= {"acquireTime": _now(), "leaseTransitions": transitions + 1}
        return {**lease, "spec": spec}

    def _spec(self) -> Manifest:
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": max(int(self._times.lease_seconds), 1),
            "renewTime": _now(),
        }

    def _tell(self) -> None:
        if self._leads != self.is_leader():
            self._leads = self.is_leader()
            log.info("%s leadership of %s", "took" if self._leads else "lost", self._name)
            self._on_change(self._leads)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
