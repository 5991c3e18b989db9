"""Watch caches: what the controller knows of the cluster without asking.

Each kind in each namespace is followed by itself (`informer.py`): an error in one degrades only
those who need it. What is kept of an object is up to its `trim`.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from time import monotonic

from canary.api.kinds import Kind, Manifest, ObjectKey
from canary.cluster.cluster import Cluster
from canary.cluster.informer import Clock, Informer, Sleep
from canary.cluster.ledger import OnChange, Owners, Trim
from canary.cluster.outages import OutageLog
from canary.cluster.tally import ObjectTally, Sort
from canary.errors import ClusterError, NotFound

ALL = ""
"""All namespaces."""


class CacheSet:
    """All that is followed."""

    def __init__(
        self,
        cluster: Cluster,
        *,
        on_change: OnChange,
        on_synced: Callable[[Kind], None],
        on_obstacle: Callable[[Kind], None] = lambda _: None,
        outages: OutageLog | None = None,
        counted: Sort | None = None,
        sleep: Sleep = asyncio.sleep,
        clock: Clock = monotonic,
    ) -> None:
        self._cluster = cluster
        self._on_change = on_change
        self._on_synced = on_synced
        self._on_obstacle = on_obstacle
        self._outages = outages
        self._counted = counted
        self._sleep = sleep
        self._clock = clock
        self._trims: dict[Kind, tuple[Trim, bool, Owners | None]] = {}
        self._informers: defaultdict[Kind, dict[str, Informer]] = defaultdict(dict)
        self._doubted: set[ObjectKey] = set()
        """Objects elsewhere of which a write may have been made, or not."""
        self._stopping: set[asyncio.Task[None]] = set()

    def register(
        self, kind: Kind, trim: Trim, *, metadata_only: bool = False, owners: Owners | None = None
    ) -> None:
        """Tell what is kept of a kind; it is followed when it is first required."""
        self._trims[kind] = (trim, metadata_only, owners)

    def require(self, kind: Kind, namespace: str = ALL) -> None:
        """Follow a kind from now on."""
        if namespace in self._informers[kind]:
            return
        trim, metadata_only, owners = self._trims[kind]
        informer = Informer(
            self._cluster,
            kind,
            namespace,
            trim=trim,
            metadata_only=metadata_only,
            owners=owners,
            tally=ObjectTally(self._counted) if self._counted is not None else None,
            on_change=self._on_change,
            on_synced=self._on_synced,
            on_obstacle=self._on_obstacle,
            on_away=partial(self._on_away, (kind, namespace)),
            sleep=self._sleep,
            clock=self._clock,
        )
        self._informers[kind][namespace] = informer
        informer.start()

    def release(self, kind: Kind, namespace: str = ALL) -> None:
        """Stop following a kind, and drop what is known of it."""
        informer = self._informers[kind].pop(namespace, None)
        if informer is not None:
            if self._outages is not None:
                self._outages.forget((kind, namespace))
            task = asyncio.create_task(informer.stop())
            self._stopping.add(task)
            task.add_done_callback(self._stopping.discard)

    def sources(self, kind: Kind, namespace: str = ALL) -> list[tuple[Kind, str]]:
        """Name what follows a kind in a namespace, as `OutageLog` knows it."""
        followed = self._informers[kind]
        return [(kind, place) for place in (ALL, namespace) if place in followed]

    def _on_away(self, source: tuple[Kind, str], away: bool) -> None:  # noqa: FBT001 - a callback
        if self._cluster.is_elsewhere(source[0]):
            # Who needs it stands still meanwhile, and stops its clocks by itself.
            self._on_obstacle(source[0])
        elif self._outages is not None:
            (self._outages.lose if away else self._outages.regain)(source)

    def synced(self, kind: Kind, namespace: str = ALL) -> bool:
        """Tell whether all that exists of a kind in a namespace is known."""
        return any(each.synced.is_set() for each in self._of(kind, namespace))

    async def wait_synced(self, kind: Kind, namespace: str = ALL) -> None:
        """Wait until all that exists of a required kind in a namespace is known."""
        await self._informers[kind][namespace].synced.wait()

    def obstacle(self, kind: Kind, namespace: str = ALL) -> str:
        """Tell why a kind in a namespace can't be known; empty where it is, or soon will be."""
        return next((each.obstacle for each in self._of(kind, namespace)), "")

    def uncertain(self, kind: Kind, namespace: str = ALL) -> str:
        """Tell why what is known of a kind in a namespace may be out of date; empty where it is not."""
        for each in self._of(kind, namespace):
            if each.problem or not each.synced.is_set():
                return each.problem or f"{kind.resource} are not listed yet"
        return ""

    def forbidden(self, kind: Kind, namespace: str = ALL) -> str:
        """Tell why a kind in a namespace may not be read; empty where it may, or it is not known."""
        return next((each.forbidden for each in self._of(kind, namespace)), "")

    def absent(self, kind: Kind) -> bool:
        """Tell whether a kind's CRD is not installed."""
        return any(each.absent for each in self._informers[kind].values())

    def problems(self, kinds: Iterable[Kind]) -> list[str]:
        """Tell why kinds are not known: not listed yet, or can't be followed now."""
        return [
            f"{kind.resource}: {informer.problem or 'not listed yet'}"
            for kind in dict.fromkeys(kinds)
            for informer in self._informers[kind].values()
            if informer.problem or not informer.synced.is_set()
        ]

    def served(self, kinds: Iterable[Kind]) -> Mapping[Kind, str]:
        """Give the versions in which kinds are served, of those that are."""
        served = self._cluster.served
        return {kind: served[kind] for kind in kinds if kind in served}

    def get(self, kind: Kind, namespace: str, name: str) -> object | None:
        """Look a record up."""
        followed = self._informers[kind]
        informer = followed.get(ALL) or followed.get(namespace)
        return None if informer is None else informer.ledger.records.get((namespace, name))

    def values(self, kind: Kind, namespace: str = ALL) -> Iterable[object]:
        """List the records of a kind, in one namespace or in all that are followed."""
        followed = self._informers[kind]
        whole = followed.get(ALL)
        if whole is not None:
            shown = [whole]
        else:
            shown = list(followed.values()) if namespace == ALL else self._of(kind, namespace)
        for informer in shown:
            for (where, _), record in informer.ledger.records.items():
                if namespace in {ALL, where}:
                    yield record

    def owned(self, kind: Kind, namespace: str, owner: str) -> Iterable[object]:
        """List the records of a kind that belong to an owner."""
        for informer in self._of(kind, namespace):
            yield from informer.ledger.owned.get((namespace, owner), {}).values()

    def tallies(self) -> Iterator[tuple[Kind, ObjectTally]]:
        """Give how many objects there are, for each kind in each place that is followed.

        A reader may be another thread.
        """
        for kind, followed in self._informers.copy().items():
            for informer in followed.copy().values():
                if informer.ledger.tally is not None:
                    yield kind, informer.ledger.tally

    @contextmanager
    def writing(self, key: ObjectKey) -> Iterator[None]:
        """Write an object, and `put` the answer: the event of the write itself wakes no listener."""
        with ExitStack() as stack:
            for informer in self._of(key.kind, key.namespace):
                stack.enter_context(informer.ledger.writing((key.namespace, key.name)))
            yield

    def put(self, kind: Kind, manifest: Manifest) -> None:
        """Take in what a write of our own has answered, before its event comes back."""
        for informer in self._of(kind, manifest["metadata"].get("namespace", "")):
            informer.ledger.put(manifest)

    def doubt(self, key: ObjectKey) -> None:
        """Take in that a write elsewhere has had no answer: it may have been made."""
        if self._cluster.is_elsewhere(key.kind):
            self._doubted.add(key)

    @property
    def is_split(self) -> bool:
        """Whether some kinds are in another cluster."""
        return self._cluster.is_split

    def apart(self, keys: Iterable[ObjectKey]) -> str:
        """Tell why nothing can be followed where objects elsewhere are; empty where it can."""
        for key in keys:
            if not self._cluster.is_elsewhere(key.kind):
                continue
            for each in self._of(key.kind, key.namespace):
                if not each.absent and (each.problem or not each.synced.is_set()):
                    return each.problem or f"{key.kind.resource} are not listed yet"
        return ""

    async def away(self, keys: Iterable[ObjectKey]) -> str:
        """Tell why objects elsewhere cannot be known as they are now; empty where they are.

        One that a write may have changed is read, unless nothing can be read there.
        """
        elsewhere = [key for key in keys if self._cluster.is_elsewhere(key.kind)]
        if apart := self.apart(elsewhere):
            return apart
        for key in self._doubted.intersection(elsewhere):
            try:
                await self.look_again(key)
            except ClusterError as error:
                return str(error)
            self._doubted.discard(key)
        return ""

    async def look_again(self, key: ObjectKey) -> None:
        """Read an object: its event may be long in coming, where the connection is bad.

        Raises:
            ClusterError: it could not be read.
        """
        try:
            manifest = await self._cluster.read(key.kind, key.namespace, key.name)
        except NotFound:
            manifest = None
        for informer in self._of(key.kind, key.namespace):
            informer.ledger.see((key.namespace, key.name), manifest)

    async def freshen(self, key: ObjectKey) -> None:
        """Read an object where its kind can't be followed for now: what is kept may be old.

        Raises:
            ClusterError: it could not be read either.
        """
        if any(each.stale for each in self._of(key.kind, key.namespace)):
            await self.look_again(key)

    def drop(self, kind: Kind, namespace: str, name: str) -> None:
        """Forget an object that was deleted by ourselves."""
        for informer in self._of(kind, namespace):
            informer.ledger.drop((namespace, name))

    async def close(self) -> None:
        """Stop following everything."""
        for kind, followed in self._informers.items():
            for namespace in list(followed):
                self.release(kind, namespace)
        await asyncio.gather(*self._stopping)

    def _of(self, kind: Kind, namespace: str) -> list[Informer]:
        """Find what follows a kind in a namespace, what follows it everywhere first."""
        followed = self._informers[kind]
        everywhere, there = followed.get(ALL), followed.get(namespace)
        if everywhere is None or there is None or everywhere is there:
            found = everywhere or there
            return [found] if found is not None else []
        return [everywhere, there]
