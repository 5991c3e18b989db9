"""What a comparison can be expected to see: the smallest regression that so many requests prove.

Each bad request adds to the evidence what it tells, on average the divergence between the side on
which it falls and the one that the hypothesis expects. A regression is seen once that comes to the
logarithm of the limit, and to what it costs not to know the regression beforehand. In simulations
the bad requests until a proof are within 15 % of this, for regressions of 1.5 to 10 times.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log, sqrt

from analysis.evidence import shares

#: What evidence loses by the mean over all alternatives, and by how far it steps over the limit.
_LOSS = 1.2
#: A regression larger than this is not told more precisely.
_FARTHEST = 50.0
#: Halvings of the range in which the smallest regression lies.
_HALVINGS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """How many requests both sides have meanwhile."""

    canary: float
    primary: float


def smallest_seen(
    exposures: Sequence[Exposure], rate: float, limit: float, null: float = 1.0
) -> float | None:
    """Give the smallest ratio of the canary's bad rate to the primary's that is proven, if any.

    `rate` is the primary's bad rate, `limit` the logarithm of the evidence that is a proof, and
    `null` the ratio up to which the canary is no worse.
    """
    if not 0 < rate < 1:
        return None

    def seen(ratio: float) -> bool:
        return _expected(exposures, rate, ratio, null) >= limit + _LOSS

    low, high = null, min(null * _FARTHEST, 1 / rate)
    if high <= low or not seen(high):
        return None
    for _ in range(_HALVINGS):
        middle = sqrt(low * high)
        low, high = (low, middle) if seen(middle) else (middle, high)
    return high


def _expected(exposures: Iterable[Exposure], rate: float, ratio: float, null: float) -> float:
    """Give the logarithm of the evidence that is expected of a canary with this regression."""
    evidence = 0.0
    for each in exposures:
        if not (each.canary and each.primary):
            continue
        odds = each.canary / each.primary
        told = zip(shares(ratio * odds), shares(null * odds), strict=True)
        bad = rate * (ratio * each.canary + each.primary)
        evidence += bad * sum(share * log(share / expected) for share, expected in told)
    return evidence
