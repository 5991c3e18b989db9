"""Who depends on what: a reverse index from objects to the Canaries they matter to."""

from collections import defaultdict
from collections.abc import Iterable

from canary.api.kinds import ObjectKey
from canary.controller.canaries import CanaryKey


class Dependents:
    """Finds the Canaries that an object matters to."""

    def __init__(self) -> None:
        self._canaries: defaultdict[ObjectKey, set[CanaryKey]] = defaultdict(set)
        self._objects: dict[CanaryKey, frozenset[ObjectKey]] = {}

    def set(self, canary: CanaryKey, objects: Iterable[ObjectKey]) -> None:
        """Record all that matters to a Canary, in place of what was recorded before."""
        after = frozenset(objects)
        before = self._objects.get(canary, frozenset())
        for key in before - after:
            self._canaries[key].discard(canary)
            if not self._canaries[key]:
                del self._canaries[key]
        for key in after - before:
            self._canaries[key].add(canary)
        if after:
            self._objects[canary] = after
        else:
            self._objects.pop(canary, None)

    def of(self, key: ObjectKey) -> frozenset[CanaryKey]:
        """Find the Canaries that an object matters to."""
        return frozenset(self._canaries.get(key, ()))
