"""The Canaries that the dashboard follows: one watch for each API group, however many look."""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Self

from canary.api.kinds import Kind, Manifest
from canary.api.meta import GROUP, PEER_GROUP
from canary.cluster.cache import ALL, CacheSet
from canary.cluster.cluster import Cluster
from canary.cluster.commands import leave_command
from canary.controller.canaries import CanaryKey, canary_kind
from canary.dashboard.kept import KeptCanary
from canary.dashboard.open_pages import OpenPages
from canary.dashboard.recent import Recent
from canary.errors import NotFound

KINDS = (canary_kind(GROUP), canary_kind(PEER_GROUP))


class Fleet:
    """All Canaries that are followed, and what was seen of their runs."""

    def __init__(
        self, cluster: Cluster, *, namespaces: Sequence[str], clock: Callable[[], datetime]
    ) -> None:
        self._clock = clock
        self._namespaces = tuple(namespaces) or (ALL,)
        self._caches = CacheSet(cluster, on_change=self._on_change, on_synced=lambda _: None)
        self.version = 0
        """Another number after every change."""
        self.open_pages = OpenPages()
        self.recent = Recent()

    @classmethod
    @asynccontextmanager
    async def following(
        cls, cluster: Cluster, *, namespaces: Sequence[str], clock: Callable[[], datetime]
    ) -> AsyncIterator[Self]:
        """Follow the Canaries of these namespaces, or of all where none is named."""
        fleet = cls(cluster, namespaces=namespaces, clock=clock)
        for kind in KINDS:
            fleet._caches.register(kind, KeptCanary.of)
            for namespace in fleet._namespaces:
                fleet._caches.require(kind, namespace)
        try:
            yield fleet
        finally:
            await fleet._caches.close()

    @property
    def synced(self) -> bool:
        """Whether everything was listed once."""
        return all(self._caches.synced(kind, each) for kind, each in self._places)

    @property
    def obstacles(self) -> tuple[str, ...]:
        """Why Canaries cannot be followed; empty where they can be, or soon will be."""
        found = (self._caches.obstacle(kind, each) for kind, each in self._places)
        return tuple(dict.fromkeys(filter(None, found)))

    @property
    def forbidden(self) -> str:
        """Why the Canaries may not be followed; empty where they may."""
        found = (self._caches.forbidden(kind, each) for kind, each in self._places)
        return next(filter(None, found), "")

    @property
    def problems(self) -> tuple[str, ...]:
        """Why what is shown may be out of date; a group that is not installed is no problem."""
        present = [kind for kind in KINDS if not self._caches.absent(kind)]
        return tuple(self._caches.problems(present or KINDS))

    @property
    def _places(self) -> Iterable[tuple[Kind, str]]:
        return ((kind, namespace) for kind in KINDS for namespace in self._namespaces)

    def __iter__(self) -> Iterator[KeptCanary]:
        """Go through all Canaries, in no order."""
        for kind in KINDS:
            for record in self._caches.values(kind):
                assert isinstance(record, KeptCanary)
                yield record

    def kind(self, group: str) -> Kind:
        """Give the kind of the Canaries of a group that is followed."""
        return next(each for each in KINDS if each.group == group)

    def find(self, namespace: str, name: str, group: str = "") -> KeptCanary | None:
        """Find a Canary; of two of one name, the one of our own group, where none is named."""
        for kind in KINDS:
            record = self._caches.get(kind, namespace, name)
            if isinstance(record, KeptCanary) and group in {"", kind.group}:
                return record
        return None

    async def leave(
        self, cluster: Cluster, key: CanaryKey, verb: str, value: str, *, seconds: float
    ) -> None:
        """Leave a command with the rights of a connection, which need not include reading.

        Raises:
            CommandWaits: another of this verb waits for the controller, also after so many seconds.
            ClusterError: the API server refuses it, or there is no such Canary.
        """

        async def read() -> Manifest:
            kept = self.find(key.namespace, key.name, key.group)
            if kept is None:
                raise NotFound(f"there is no Canary {key}")
            return kept.manifest

        kind = self.kind(key.group)
        await leave_command(
            *(cluster, kind, key.namespace, key.name, verb, value), read=read, seconds=seconds
        )

    def _on_change(
        self, kind: Kind, namespace: str, name: str, before: object, after: object
    ) -> None:
        key = CanaryKey(kind.group, namespace, name)
        was = before if isinstance(before, KeptCanary) else None
        self.version += 1
        if isinstance(after, KeptCanary):
            self.recent.see(key, after.view, self._clock())
            self.open_pages.tell(key, was, after)
        else:
            self.recent.forget(key)
            self.open_pages.tell(key, was, None)
