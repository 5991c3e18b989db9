"""Values of both sides, a pair for each analysis, and how the newest of them are kept as one text."""

from dataclasses import dataclass
from itertools import chain
from math import isfinite, nan

from analysis.model import Memory
from analysis.packing import packed, rounded, unpacked

#: How many pairs a status has room for; of more, the oldest are forgotten.
MOST_PAIRS = 36
_KEY = "pairs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """What was measured of both sides, oldest first; NaN where one of them had no value.

    Values are rounded to the seven digits that are kept: a restart finds what a run without one
    goes on from.
    """

    canary: tuple[float, ...] = ()
    primary: tuple[float, ...] = ()

    def add(self, canary: float, primary: float) -> "Pairs":
        """Add what one analysis has measured."""
        newest = slice(1 - MOST_PAIRS, None)
        return Pairs(
            canary=(*self.canary[newest], _kept(canary)),
            primary=(*self.primary[newest], _kept(primary)),
        )

    @property
    def memory(self) -> Memory:
        """The pairs as a text."""
        pairs = chain.from_iterable(zip(self.canary, self.primary, strict=True))
        return {_KEY: packed(tuple(pairs))}


def read_pairs(memory: Memory) -> Pairs:
    """Read pairs; what is damaged holds none."""
    try:
        found = unpacked(memory.get(_KEY, ""))
    except ValueError:
        return Pairs()
    if len(found) % 2:
        return Pairs()
    newest = slice(-2 * MOST_PAIRS, None)
    canary, primary = (tuple(map(_kept, found[newest][side::2])) for side in (0, 1))
    return Pairs(canary=canary, primary=primary)


def _kept(value: float) -> float:
    """Round a value as it is kept; NaN where it is no number that can be."""
    try:
        (kept,) = rounded((value,))
    except OverflowError:
        return nan
    return kept if isfinite(kept) else nan
