"""Values of both sides, a pair for each analysis, and how the newest of them are kept as one text."""

from base64 import b85decode, b85encode
from dataclasses import dataclass
from math import isfinite, nan
from struct import error, iter_unpack, pack

from analysis.model import Memory

#: How many pairs a status has room for; of more, the oldest are forgotten.
MOST_PAIRS = 36
_KEY = "pairs"
_PAIR = "<2f"


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
        pairs = b"".join(pack(_PAIR, *each) for each in zip(self.canary, self.primary, strict=True))
        return {_KEY: b85encode(pairs).decode()}


def read_pairs(memory: Memory) -> Pairs:
    """Read pairs; what is damaged holds none."""
    try:
        found = list(iter_unpack(_PAIR, b85decode(memory.get(_KEY, ""))))
    except (ValueError, error):
        return Pairs()
    canary, primary = (tuple(_kept(pair[side]) for pair in found[-MOST_PAIRS:]) for side in (0, 1))
    return Pairs(canary=canary, primary=primary)


def _kept(value: float) -> float:
    """Round a value as it is kept; NaN where it is no number that can be."""
    try:
        ((rounded,),) = iter_unpack("<f", pack("<f", value))
    except OverflowError:
        return nan
    return float(rounded) if isfinite(rounded) else nan
