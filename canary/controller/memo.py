"""A memo: what was computed for a place is kept while all that it was computed from is the same."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")

MOST_KEPT = 4096


class Memo(Generic[Value]):
    """Values by place, each with its inputs; the ones used longest ago are dropped first."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._most = most
        self._kept: OrderedDict[Hashable, tuple[tuple[object, ...], Value]] = OrderedDict()

    def __contains__(self, place: Hashable) -> bool:
        """Tell whether anything is kept at a place."""
        return place in self._kept

    def recall(self, place: Hashable, inputs: tuple[object, ...]) -> Value | None:
        """Give what was computed from equal inputs; None where that is not known."""
        kept = self._kept.get(place)
        if kept is None or kept[0] != inputs:
            return None
        self._kept.move_to_end(place)
        return kept[1]

    def keep(self, place: Hashable, inputs: tuple[object, ...], value: Value) -> None:
        """Keep a value in place of what was kept there."""
        self._kept[place] = inputs, value
        self._kept.move_to_end(place)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def forget(self, place: Hashable) -> None:
        """Drop what is kept at a place."""
        self._kept.pop(place, None)
