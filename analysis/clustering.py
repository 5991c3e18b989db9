"""How much bad requests come together: measured on two halves of what runs the same.

Bad requests that come one by one fall on either half by chance, as often as its share of the
requests. Bursts that hit one half make them fall further apart than chance does. How much further is
the correlation, within a block, of which half they fall on.
"""

from collections.abc import Iterable
from math import sqrt

from analysis.evidence import Count

#: Fewer blocks with two bad requests or more say nothing.
_LEAST_BLOCKS = 30
#: Deviations that chance alone seldom exceeds.
_BY_CHANCE = 2.0
#: What is measured is uncertain, and bursts may become worse: so much more is allowed for.
_FACTOR, _MORE = 1.5, 0.005
_MOST = 0.99


def clustering_of(blocks: Iterable[tuple[Count, Count]]) -> float | None:
    """Estimate the correlation from blocks of both halves; None where too few say anything.

    It is 0 where the halves lie no further apart than chance may put them.
    """
    beyond, pairs, uncertain, told = 0.0, 0.0, 0.0, 0
    for one, other in blocks:
        bad = one.bad + other.bad
        if bad < 2 or not (one.requests and other.requests):
            continue
        share = one.requests / (one.requests + other.requests)
        odds = share * (1 - share)
        by_chance = bad * odds
        beyond += (one.bad - bad * share) ** 2 - by_chance
        pairs += by_chance * (bad - 1)
        # How much a square of a binomial distribution varies.
        uncertain += by_chance * (1 + 2 * by_chance - 6 * odds)
        told += 1
    if told < _LEAST_BLOCKS:
        return None
    return min(beyond / pairs, 1.0) if beyond > _BY_CHANCE * sqrt(uncertain) else 0.0


def allowance(measured: float) -> float:
    """Give what a judge should allow for, where so much was measured."""
    return min(round(_FACTOR * measured + _MORE, 3), _MOST)
