"""Parts of pages that look alike for many: rendered once for each change, however many look."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from time import monotonic

Parts = Mapping[str, str]
_MOST_KEPT = 64
_SECONDS = 1.0
"""How long parts are shown without a change: they say how long ago things were."""


class SharedParts:
    """The parts that were rendered last, by what was asked for."""

    def __init__(self, *, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._kept: OrderedDict[Hashable, tuple[int, float, Parts]] = OrderedDict()

    def get(self, key: Hashable, version: int, render: Callable[[], Parts]) -> Parts:
        """Give the parts of a version of the fleet, rendered a moment ago at most."""
        kept, now = self._kept.get(key), self._clock()
        if kept is None or kept[0] != version or now - kept[1] >= _SECONDS:
            kept = self._kept[key] = version, now, render()
        self._kept.move_to_end(key)
        if len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
        return kept[2]
