"""Whether this replica may act on a Canary: alone, while it holds the Lease, or in its share.

It is asked before every write, and knows for which Canary each is made: whatever a reconcile
begins, a task of its own included, acts for the Canary of the reconcile.
"""

import os
import socket
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime

from canary.cluster.cluster import Cluster
from canary.cluster.outages import EVERYTHING
from canary.controller.canaries import CanaryKey
from canary.core.facts import Outage
from canary.replicas.leases import Elector, LeaseTimes
from canary.replicas.presence import Scope
from canary.replicas.shares import Share
from canary.replicas.sharing import Membership
from canary.settings import Settings

OnChange = Callable[[list[CanaryKey], list[CanaryKey]], None]
"""Called with the Canaries that this replica acts on from now on, and those that it does not."""
OnOutage = Callable[[Hashable, Outage], None]
"""Called with the Canary, or `EVERYTHING`, on which no replica has acted for a while."""

_subject: ContextVar[Hashable] = ContextVar("subject", default=None)
"""The Canary, or the DeliveryPolicy, that is being worked on; its text never changes."""


class Authority:
    """Knows what this replica may act on."""

    def __init__(
        self,
        settings: Settings,
        cluster: Cluster,
        *,
        canaries: Callable[[], list[CanaryKey]],
        left: Callable[[Hashable], bool],
        on_change: OnChange,
        scope: Scope,
        on_outage: OnOutage,
        now: Callable[[], datetime],
    ) -> None:
        self._canaries = canaries
        self._left = left
        self._on_change = on_change
        self._on_outage = on_outage
        self._now = now
        self._in_work: set[Hashable] = set()
        self._elector: Elector | None = None
        self._membership: Membership | None = None
        namespace = settings.lease_namespace or cluster.credentials.namespace
        self.lease = f"{namespace}/{settings.lease_name}"
        """Where the Lease is by which this replica acts."""
        identity = f"{socket.gethostname()}-{os.getpid()}"
        times = LeaseTimes(
            lease_seconds=settings.lease_duration.total_seconds(),
            renew_seconds=settings.lease_renew_deadline.total_seconds(),
            retry_seconds=settings.lease_retry_period.total_seconds(),
        )
        if settings.shared:
            self._membership = Membership(
                cluster,
                namespace=namespace,
                name=settings.lease_name,
                identity=identity,
                times=times,
                on_change=self._on_share,
                mark=scope.metadata,
                at_rest=self._at_rest,
            )
        elif settings.leader_election:
            self._elector = Elector(
                cluster,
                namespace=namespace,
                name=settings.lease_name,
                identity=identity,
                times=times,
                on_change=self._on_leadership,
                on_absence=lambda start, end: on_outage(EVERYTHING, Outage(start, end)),
                mark=scope.metadata,
            )

    # ----------------------------------------------------------------------------------- asked

    def acts(self) -> bool:
        """Tell whether this replica may write now: for the Canary in work, if there is one."""
        subject = _subject.get()
        if subject is not None and self._left(subject):
            return False
        if self._membership is not None:
            share = self._membership.share()
            return not share.empty if subject is None else str(subject) in share
        return self._elector is None or self._elector.is_leader()

    def owned(self) -> int:
        """Count the Canaries that this replica acts on."""
        if self._membership is not None:
            share = self._membership.share()
            return sum(str(key) in share for key in self._canaries())
        return len(self._canaries()) if self.acts() else 0

    def members(self) -> int:
        """Count the replicas that share the Canaries, as far as this one knows; 1 acts alone."""
        if self._membership is not None:
            return len(self._membership.members)
        return int(self.acts())

    @contextmanager
    def working_on(self, key: Hashable) -> Iterator[None]:
        """Act for a Canary, or a DeliveryPolicy; what it falls to next waits until this has ended."""
        token = _subject.set(key)
        if self.acts():
            self._in_work.add(key)
        try:
            yield
        finally:
            self._in_work.discard(key)
            _subject.reset(token)

    # ------------------------------------------------------------------------------ taking part

    async def run(self) -> None:
        """Take part in deciding who acts, until cancelled."""
        if self._membership is not None:
            await self._membership.run()
        elif self._elector is not None:
            await self._elector.run()

    async def release(self) -> None:
        """Leave what this replica acts on to others, at once."""
        if self._membership is not None:
            await self._membership.release()
        elif self._elector is not None:
            await self._elector.release()

    @property
    def needed(self) -> bool:
        """Tell whether there is anybody to agree with."""
        return self._membership is not None or self._elector is not None

    def _at_rest(self, share: Share) -> bool:
        """Tell whether nothing is being done that does not belong to a share."""
        return all(str(key) in share for key in self._in_work)

    def _on_leadership(self, leads: bool) -> None:  # noqa: FBT001 - a callback's only argument
        keys = self._canaries()
        self._on_change(*((keys, []) if leads else ([], keys)))

    def _on_share(self, before: Share, after: Share) -> None:
        gained, lost = [], []
        for key in self._canaries():
            name = str(key)
            match name in before, name in after:
                case False, True:
                    gained.append(key)
                    self._tell_absence(key)
                case True, False:
                    lost.append(key)
        self._on_change(gained, lost)

    def _tell_absence(self, key: CanaryKey) -> None:
        """Give the span of time in which the last owner of a Canary was gone."""
        assert self._membership is not None
        since = self._membership.absent_since(str(key))
        if since is not None:
            self._on_outage(key, Outage(since, self._now()))
