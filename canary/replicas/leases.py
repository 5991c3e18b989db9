"""Who acts: leader election over a Lease, one PUT a renewal.

Leadership is judged by the local monotonic clock alone: a leader is one until its last renewal is
older than the renew deadline, whatever the server, or another replica's clock, says.
"""

import asyncio
import logging
import math
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic

from canary.api.kinds import Kind, Manifest
from canary.cluster.backoff import jittered
from canary.cluster.cluster import Cluster
from canary.errors import CanaryError, Conflict, NotFound

log = logging.getLogger(__name__)

LEASE = Kind(group="coordination.k8s.io", versions=("v1",), kind="Lease", plural="leases")

OnAbsence = Callable[[datetime, datetime], None]
"""Called with the span of time in which the Lease had no holder, when it is taken again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseTimes:
    """How long a lease holds, how long its holder may fail to renew it, how often it tries."""

    lease_seconds: float = 15.0
    renew_seconds: float = 10.0
    retry_seconds: float = 2.0

    @property
    def whole_lease_seconds(self) -> int:
        """How long a lease holds, as a Lease can say it: never less, or two would act."""
        return max(math.ceil(self.lease_seconds), 1)


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
        on_absence: OnAbsence = lambda _start, _end: None,
        mark: Manifest | None = None,
        clock: Callable[[], float] = monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._cluster = cluster.for_election()
        self._namespace = namespace
        self._name = name
        self.identity = f"{identity}-{secrets.token_hex(4)}"
        """Made unique: two replicas on one host, each the first process of its container."""
        self._times = times
        self._on_change = on_change
        self._on_absence = on_absence
        self._mark = mark or {}
        """What the Lease's metadata say besides, for those who look for it."""
        self._clock = clock
        self._sleep = sleep
        self._held_until = float("-inf")
        self._held: Manifest | None = None
        """The Lease as we wrote it last; None where it has to be read."""
        self._leads = False
        self._observed: tuple[str, float] = ("", float("-inf"))
        """The last resource version of the Lease that was seen, and when it was first seen."""

    def is_leader(self) -> bool:
        """Tell whether this replica may act now."""
        return self._clock() < self._held_until

    async def run(self) -> None:
        """Take part until cancelled."""
        while True:
            await self.attempt()
            await self._sleep(jittered(self._times.retry_seconds))

    async def attempt(self) -> None:
        """Renew the Lease, take it, or look at who holds it."""
        try:
            async with asyncio.timeout(self._times.renew_seconds / 2):
                await self._renew_or_take()
        except (CanaryError, TimeoutError) as error:
            # What became of the request is not known, so the Lease is read before the next one.
            self._held = None
            log.warning("lease %s: %s", self._name, str(error) or "no answer in time")
        self._tell()

    async def release(self) -> None:
        """Give the Lease up, so that another replica takes over at once."""
        if not self.is_leader():
            return
        self._held_until = float("-inf")
        try:
            async with asyncio.timeout(self._times.retry_seconds):
                lease = await self._cluster.read(LEASE, self._namespace, self._name)
                if holder_of(lease) == self.identity:
                    spec = lease["spec"] | {"holderIdentity": "", "leaseDurationSeconds": 1}
                    await self._cluster.replace({**lease, "spec": spec}, LEASE)
        except (CanaryError, TimeoutError) as error:
            log.warning(
                "lease %s was not released: %s", self._name, str(error) or "no answer in time"
            )
        self._held = None
        self._tell()

    async def _renew_or_take(self) -> None:
        if self._held is not None:
            try:
                await self._write(self._held)
            except Conflict:
                # Taken by another, or touched by a person: only reading it tells.
                self._held = None
            else:
                return
        try:
            lease = await self._cluster.read(LEASE, self._namespace, self._name)
        except NotFound:
            await self._write(None)
            return
        if self._may_take(lease):
            await self._write(lease)
        else:
            self._held_until = float("-inf")

    async def _write(self, lease: Manifest | None) -> None:
        """Write ourselves into the Lease, on the version that was read, or into a new one."""
        # Counted from before the request: what happened on its way is not known.
        started = self._clock()
        if lease is None:
            self._held = await self._cluster.create(self._new(), LEASE)
        else:
            self._held = await self._cluster.replace(self._renewed(lease), LEASE)
        # Where leadership has lapsed since, what was due meanwhile was left undone.
        self._tell()
        if not self._leads and lease is not None:
            self._tell_absence(lease, self._held)
        self._held_until = started + self._times.renew_seconds

    def _may_take(self, lease: Manifest) -> bool:
        """Tell whether the Lease is ours, free, or was not renewed while we watched it."""
        if holder_of(lease) in {"", self.identity}:
            return True
        version, now = lease["metadata"]["resourceVersion"], self._clock()
        if version != self._observed[0]:
            self._observed = (version, now)
        duration = spec_of(lease).get("leaseDurationSeconds") or self._times.lease_seconds
        return now > self._observed[1] + float(duration)

    def _new(self) -> Manifest:
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self._name, "namespace": self._namespace} | self._mark,
            "spec": self._claim() | {"acquireTime": now_written(), "leaseTransitions": 0},
        }

    def _renewed(self, lease: Manifest) -> Manifest:
        before = spec_of(lease)
        spec = before | self._claim()
        if holder_of(lease) != self.identity:
            transitions = before.get("leaseTransitions") or 0
            spec |= {"acquireTime": now_written(), "leaseTransitions": transitions + 1}
        return {**lease, "metadata": marked(lease["metadata"], self._mark), "spec": spec}

    def _claim(self) -> Manifest:
        return {
            "holderIdentity": self.identity,
            "leaseDurationSeconds": self._times.whole_lease_seconds,
            "renewTime": now_written(),
        }

    def _tell_absence(self, before: Manifest, after: Manifest) -> None:
        """Give the span of time in which the Lease was not renewed."""
        start, end = (read_moment(spec_of(each).get("renewTime")) for each in (before, after))
        if start is not None and end is not None and start < end:
            self._on_absence(start, end)

    def _tell(self) -> None:
        if self._leads != self.is_leader():
            self._leads = self.is_leader()
            log.info("%s leadership of %s", "took" if self._leads else "lost", self._name)
            try:
                self._on_change(self._leads)
            except Exception:
                # The election must go on, or no replica would ever act again.
                log.exception("lease %s: a defect of the controller", self._name)


def marked(metadata: Manifest, mark: Manifest) -> Manifest:
    """Add labels and annotations to metadata, and keep those of others."""
    return metadata | {part: {**(metadata.get(part) or {}), **mark[part]} for part in mark}


def spec_of(lease: Manifest) -> Manifest:
    """Give a Lease's spec, which may be missing in one that a person has made."""
    spec: Manifest = lease.get("spec") or {}
    return spec


def holder_of(lease: Manifest) -> str:
    """Name the holder of a Lease; empty without one."""
    return spec_of(lease).get("holderIdentity") or ""


def read_moment(text: object) -> datetime | None:
    """Read a moment as a Lease shows it; None where it is none."""
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def now_written() -> str:
    """Write the present moment as a Lease shows it; no decision depends on it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
