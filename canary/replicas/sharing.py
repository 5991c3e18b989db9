"""Who acts on what: the Leases of several controllers that share the Canaries.

By which rules they agree is in `membership.py`; here the Leases are listed and written. What a
list shows is never older than the request, which a watch cannot promise.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from time import monotonic

from canary.api.annotations import ACKNOWLEDGED
from canary.api.kinds import Manifest
from canary.cluster.backoff import jittered
from canary.cluster.cluster import Cluster
from canary.errors import CanaryError, Conflict, NotFound
from canary.replicas.leases import LEASE, LeaseTimes, holder_of, spec_of
from canary.replicas.membership import LeaseSnapshot, Standing
from canary.replicas.share_leases import (
    HOLDER,
    LABEL,
    GroupLeases,
    agreement_annotations,
    last_agreement,
    lease_name,
    member_lease,
    shared_lease,
)
from canary.replicas.shares import Members, Share

log = logging.getLogger(__name__)

HASTE = 4
"""So many times as often everybody looks while not all go by the same agreement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """A list of Leases, as they are written and as they are understood."""

    shared: Manifest | None
    mine: Manifest | None
    snapshot: LeaseSnapshot


class Membership:
    """Takes part in the sharing of the Canaries."""

    def __init__(
        self,
        cluster: Cluster,
        *,
        namespace: str,
        name: str,
        identity: str,
        times: LeaseTimes,
        on_change: Callable[[Share, Share], None],
        at_rest: Callable[[Share], bool],
        mark: Manifest | None = None,
        clock: Callable[[], float] = monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Make a member; `at_rest` tells whether nothing is being done beyond a share.

        `mark` is what the shared Lease's metadata say besides, for those who look for it.
        """
        self._cluster = cluster.for_election()
        self._namespace = namespace
        self._name = name
        self._prefix = lease_name(name, identity)
        self._times = times
        self._on_change = on_change
        self._at_rest = at_rest
        self._leases = GroupLeases(namespace=namespace, name=name, times=times, mark=mark or {})
        self._clock = clock
        self._sleep = sleep
        self._standing = self._stranger()
        self._acknowledged = ""
        self._past: set[str] = set()
        """The names under which this replica has lapsed, and whose Leases may still be there."""
        self._told = self.share()

    # ------------------------------------------------------------------------------- what may be

    def share(self) -> Share:
        """Give what this replica may act on now."""
        return self._standing.share(self._clock())

    @property
    def identity(self) -> str:
        """The name of this member's Lease: a new one after each lapse."""
        return self._standing.member

    @property
    def members(self) -> Members:
        """Who shares the Canaries, as far as this member knows."""
        agreement = self._standing.agreement
        return agreement.members if agreement is not None else frozenset()

    @property
    def settled(self) -> bool:
        """Tell whether every member goes by the same agreement."""
        return self._standing.settled

    def absent_since(self, canary: str) -> datetime | None:
        """Tell since when a Canary had no owner that this member has just taken over.

        None where another member handed it over, or its last owner is not known.
        """
        return self._standing.absent_since(canary)

    # --------------------------------------------------------------------------------- taking part

    async def run(self) -> None:
        """Take part until cancelled."""
        while True:
            await self.attempt()
            seconds = self._times.retry_seconds
            await self._sleep(jittered(seconds if self.settled else seconds / HASTE))

    async def attempt(self) -> None:
        """Look at the Leases once, and write those that are due."""
        try:
            async with asyncio.timeout(self._times.renew_seconds / 2):
                await self._round()
        except (CanaryError, TimeoutError) as error:
            log.warning("leases of %s: %s", self._name, str(error) or "no answer in time")
        self._tell()

    async def release(self) -> None:
        """Leave, so that the others take over at once."""
        standing = self._standing
        self._standing = self._stranger()
        if not standing.version:
            return
        try:
            async with asyncio.timeout(self._times.retry_seconds):
                await self._cluster.delete(LEASE, self._namespace, standing.member)
                if len(standing.members) == 1:
                    await self._give_back()
        except (CanaryError, TimeoutError) as error:
            log.warning(
                "lease %s was not released: %s", standing.member, str(error) or "no answer in time"
            )
        self._tell()

    async def _round(self) -> None:
        if self._standing.lapsed(self._clock()):
            log.warning("lease %s has lapsed", self._standing.member)
            self._begin_anew()
        if not self._standing.version:
            try:
                await self._renew(None)
            except Conflict:
                # It was made by a request whose answer was lost; since when is not known.
                self._begin_anew()
                await self._renew(None)
        started = self._clock()
        found = await self._list()
        self._stand(self._standing.listed(found.snapshot, started=started, now=self._clock()))
        # What is lost is stopped before it is acknowledged.
        self._tell()
        if found.mine is None or self._standing.lapsed(self._clock()):
            return
        await self._renew(found.mine)
        await self._agree(found)
        await self._bury()

    async def _list(self) -> _Found:
        leases: dict[str, Manifest] = {}
        async for items, _ in self._cluster.pages(
            LEASE, self._namespace, labels=f"{LABEL}={self._name}"
        ):
            leases |= {item["metadata"]["name"]: item for item in items}
        shared = leases.pop(self._name, None)
        snapshot = LeaseSnapshot(
            shared=None if shared is None else shared_lease(shared, self._times),
            members={name: member_lease(each, self._times) for name, each in leases.items()},
        )
        return _Found(shared=shared, mine=leases.get(self.identity), snapshot=snapshot)

    async def _renew(self, lease: Manifest | None) -> None:
        """Write our own Lease, with what we go by once nothing older is being done."""
        started = self._clock()
        agreement = self._standing.agreement
        if agreement is not None and self._at_rest(self.share()):
            self._acknowledged = f"{agreement.epoch}/{agreement.generation}"
        annotations = {ACKNOWLEDGED: self._acknowledged}
        if lease is None:
            new = self._leases.new(self.identity, holder=self.identity, annotations=annotations)
            written = await self._cluster.create(new, LEASE)
        else:
            written = await self._cluster.replace(
                self._leases.rewritten(lease, holder=self.identity, annotations=annotations), LEASE
            )
        version = written["metadata"]["resourceVersion"]
        self._stand(self._standing.renewed(version, started=started, now=self._clock()))

    async def _agree(self, found: _Found) -> None:
        """Renew the shared Lease where that is due, or write who the members are from now on."""
        standing, started = self._standing, self._clock()
        generation = last_agreement(found.shared).generation if found.shared is not None else 0
        agreement = standing.agreement_due(started, generation=generation)
        if agreement is None:
            return
        annotations = agreement_annotations(agreement)
        try:
            if found.shared is None:
                new = self._leases.new(self._name, holder=HOLDER, annotations=annotations)
                written = await self._cluster.create(new, LEASE)
            else:
                written = await self._cluster.replace(
                    self._leases.rewritten(found.shared, holder=HOLDER, annotations=annotations),
                    LEASE,
                )
        except Conflict:
            if found.shared is None:
                # It was made by a controller that shares nothing, and was not listed.
                lease = await self._cluster.read(LEASE, self._namespace, self._name)
                metadata = self._leases.marked(lease["metadata"], {})
                await self._cluster.replace({**lease, "metadata": metadata}, LEASE)
            return
        if agreement.generation > generation:
            log.info("%s is shared by %s", self._name, ", ".join(sorted(agreement.members)))
        version = written["metadata"]["resourceVersion"]
        self._stand(standing.shared_written(version, started=started))

    async def _bury(self) -> None:
        """Delete the Leases of those who have stopped, so that they are members no more."""
        stopped: dict[str, str | None] = dict(self._standing.expired(self._clock()))
        if self._at_rest(self.share()):
            # What we did under other names has surely ended.
            stopped |= dict.fromkeys(self._past)
            self._past.clear()
        for name, version in stopped.items():
            try:
                await self._cluster.delete(LEASE, self._namespace, name, resource_version=version)
            except (Conflict, NotFound):
                log.debug("lease %s was renewed, or deleted by another", name)
            else:
                log.info("lease %s is deleted, as its member has stopped", name)

    async def _give_back(self) -> None:
        """Leave the shared Lease free, as the last of its members."""
        lease = await self._cluster.read(LEASE, self._namespace, self._name)
        if holder_of(lease) == HOLDER:
            spec = spec_of(lease) | {"holderIdentity": "", "leaseDurationSeconds": 1}
            await self._cluster.replace({**lease, "spec": spec}, LEASE)

    def _begin_anew(self) -> None:
        self._past.add(self._standing.member)
        self._standing = self._stranger()
        self._tell()

    def _stranger(self) -> Standing:
        """Begin as a member that no other knows yet."""
        self._acknowledged = ""
        return Standing(
            member=f"{self._prefix}-{secrets.token_hex(4)}",
            renew_seconds=self._times.renew_seconds,
        )

    def _stand(self, standing: Standing) -> None:
        """Go by what is known now, which may let us act again."""
        # Where the share has lapsed since, what was due meanwhile was left undone.
        self._tell()
        self._standing = standing

    def _tell(self) -> None:
        before, after = self._told, self.share()
        if before == after:
            return
        self._told = after
        try:
            self._on_change(before, after)
        except Exception:
            # The sharing must go on, or no replica would ever act again.
            log.exception("leases of %s: a defect of the controller", self._name)
