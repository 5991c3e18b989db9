"""What is followed for each Canary and each policy, and whether all that it needs is known."""

from collections import defaultdict
from collections.abc import Iterable
from weakref import ReferenceType, WeakKeyDictionary, ref

from canary.api.kinds import Kind
from canary.cluster.cache import CacheSet
from canary.controller.canaries import CanaryKey, canary_kind
from canary.controller.dependents import Needed
from canary.controller.policies import WorkKey


class Following:
    """Has the caches follow a kind while a Canary or a policy needs it."""

    def __init__(self, caches: CacheSet) -> None:
        self._caches = caches
        self._needs: dict[WorkKey, frozenset[Needed]] = {}
        self._users: defaultdict[Needed, set[WorkKey]] = defaultdict(set)
        """Who needs what is followed; the namespace is that of the cache."""
        self._followed: dict[WorkKey, frozenset[Needed]] = {}
        self._sets: WeakKeyDictionary[frozenset[Needed], ReferenceType[frozenset[Needed]]]
        self._sets = WeakKeyDictionary()

    def follow(self, key: WorkKey, needed: Iterable[Needed], places: Iterable[Needed]) -> None:
        """Follow what a Canary needs and what matters to it besides, and nothing else for it.

        The namespaces of `places` are those of the caches.
        """
        self._needs[key] = self._shared(needed)
        self._follow(key, self._shared(places))

    def forget(self, key: WorkKey) -> None:
        """Follow nothing for a Canary that is gone."""
        self._needs.pop(key, None)
        self._follow(key, frozenset())

    def known(self, key: CanaryKey) -> bool:
        """Tell whether all that a Canary needs is known."""
        return all(self._caches.synced(*need) for need in self._needs.get(key, ()))

    def pending(self, key: WorkKey) -> bool:
        """Tell whether something that a Canary needs is neither known nor known to be out of reach."""
        return not all(
            self._caches.synced(*need) or self._caches.obstacle(*need)
            for need in self._needs.get(key, ())
        )

    def obstacle(self, key: CanaryKey) -> str:
        """Tell why what a Canary needs can't be known; empty where it is, or soon will be."""
        found = {self._caches.obstacle(*need) for need in self._needs.get(key, ())}
        return "; ".join(sorted(found - {""}))

    def sources(self, key: CanaryKey) -> list[tuple[Kind, str]]:
        """Name what is followed for a Canary, the Canaries themselves included."""
        needs = (*self._needs.get(key, ()), (canary_kind(key.group), key.namespace))
        return [source for need in needs for source in self._caches.sources(*need)]

    def concerned(self, kind: Kind) -> list[WorkKey]:
        """Name the Canaries and policies to which it matters whether a kind is known."""
        return [
            key
            for key, needed in self._needs.items()
            if any(kind == each for each, _ in needed | self._followed.get(key, frozenset()))
        ]

    def _follow(self, key: WorkKey, after: frozenset[Needed]) -> None:
        before = self._followed.get(key, frozenset())
        if before is after:
            return
        for place in after - before:
            self._users[place].add(key)
            self._caches.require(*place)
        for place in before - after:
            self._users[place].discard(key)
            if not self._users[place]:
                del self._users[place]
                self._caches.release(*place)
        if after:
            self._followed[key] = after
        else:
            self._followed.pop(key, None)

    def _shared(self, places: Iterable[Needed]) -> frozenset[Needed]:
        """Give one and the same set to all Canaries that need the same."""
        wanted = frozenset(places)
        known = self._sets.get(wanted)
        shared = known() if known is not None else None
        if shared is None:
            self._sets[wanted] = ref(wanted)
            return wanted
        return shared
