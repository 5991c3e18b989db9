"""Evidence from counts that may be checked as often as one likes.

Each function gives the logarithm of an e-value: how many times better an alternative explains what
was counted than the hypothesis that it speaks against. Where that hypothesis holds, an e-value ever
exceeds 100 in one of 100 cases at most, and any other number likewise, however often it is checked
and whatever decides when to stop (Ville's inequality). So it needs no fixed number of requests, and no correction for looks.

The model: requests fail independently, at a rate that may change at any time, and the canary's
rate is a multiple of the primary's. Given how many requests each side had, only the side on which
a failure fell tells something, so that whatever hits both sides cancels out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import exp, inf, lgamma, log, log1p, sqrt
from operator import add

#: Terms of a sum that are smaller than this share of it change nothing.
_NEGLIGIBLE = 1e-17
#: The quantile of the normal distribution for a one-sided bound of 97.5 %.
_BOUND = 1.96
#: The logarithm of the widest ratio that is given, and of its inverse.
_WIDEST = log(1e6)
#: The comparisons of the ratios that users choose are made once.
_RATIOS_KEPT = 64


@dataclass(frozen=True, slots=True)
class Count:
    """How many requests one side had, and how many of them were bad."""

    requests: float
    bad: float

    def __add__(self, other: "Count") -> "Count":
        return Count(self.requests + other.requests, self.bad + other.bad)

    @property
    def rate(self) -> float:
        """The share of the bad ones; 0 where there were no requests."""
        return self.bad / self.requests if self.requests else 0.0

    @property
    def highest_rate(self) -> float:
        """The highest rate that still goes with this count (Wilson's upper bound)."""
        if not self.requests:
            return 1.0
        n, z2 = self.requests, _BOUND**2
        spread = _BOUND * sqrt(self.rate * (1 - self.rate) / n + z2 / (4 * n * n))
        return (self.rate + z2 / (2 * n) + spread) / (1 + z2 / n)


NOTHING = Count(0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class BothCounts:
    """What both sides had meanwhile, and how long that was counted."""

    canary: Count
    primary: Count
    seconds: float
    second: Count = NOTHING
    """What another one had that runs the same as the primary."""

    @property
    def ratio(self) -> tuple[float, float] | None:
        """Between which multiples of the primary's bad rate the canary's lies, by these counts.

        An interval of 95 % for one look, by the logarithm of the ratio, with half a request added to
        each count; it is no proof for a run, which looks often. None where a side had no
        requests, or more bad ones than requests.
        """
        sides = (self.canary, self.primary)
        if not all(0 <= each.bad <= each.requests and each.requests for each in sides):
            return None
        bad, of = zip(*((each.bad + 0.5, each.requests + 0.5) for each in sides), strict=True)
        centre = log(bad[0] / of[0]) - log(bad[1] / of[1])
        spread = _BOUND * sqrt(sum(1 / a - 1 / n for a, n in zip(bad, of, strict=True)))
        low, high = (
            exp(min(max(each, -_WIDEST), _WIDEST)) for each in (centre - spread, centre + spread)
        )
        return low, high

    def spent(self, target: float, period: float) -> float | None:
        """Give the share of an error budget that the canary has spent beyond the primary.

        `target` is the share of requests that must be good over `period` seconds, with as many
        requests as were counted. None where nothing was.
        """
        requests = self.canary.requests + self.primary.requests
        if not requests or self.seconds <= 0:
            return None
        beyond = self.canary.bad - self.canary.requests * self.primary.rate
        return max(beyond, 0.0) / ((1 - target) * requests / self.seconds * period)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A hypothesis on the ratio of the canary's bad rate to the primary's, and alternatives to it.

    It speaks against ratios up to `null` where the alternatives lie above, and against ratios from
    `null` on where they lie below. What it has seen is a sum for each alternative.
    """

    null: float
    alternatives: tuple[float, ...]

    @property
    def start(self) -> tuple[float, ...]:
        """The sums before anything was seen."""
        return (0.0,) * len(self.alternatives)

    def add(
        self, sums: Sequence[float], canary: Count, primary: Count, clustering: float = 0.0
    ) -> tuple[float, ...]:
        """Add what both sides had in one block of time.

        `clustering` is how much the bad requests of a block go together, from 0 for not at all
        towards 1: the correlation within a block of which side they fall on.
        """
        if not (canary.requests and primary.requests and canary.bad + primary.bad):
            return tuple(sums)
        odds = canary.requests / primary.requests
        if clustering:
            added = self._clustered(odds, canary.bad, primary.bad, clustering)
        elif not canary.bad:
            # Most blocks are like this, and take half the time.
            _, other = shares(self.null * odds)
            rest = [1 / (1 + ratio * odds) for ratio in self.alternatives]
            added = [primary.bad * log(each / other) for each in rest]
        else:
            added = [canary.bad * its + primary.bad * other for its, other in self.steps(odds)]
        return tuple(map(add, sums, added))

    def steps(self, odds: float) -> list[tuple[float, float]]:
        """Give what one bad request adds to each sum: one of the canary's, and one of the primary's.

        `odds` are the canary's requests by the primary's.
        """
        own, other = shares(self.null * odds)
        # This is most of what a look costs, so it calls no function for each alternative's shares.
        return [
            (log(its / (1 + its) / own), log(1 / (1 + its) / other))
            for its in [ratio * odds for ratio in self.alternatives]
        ]

    def _clustered(
        self, odds: float, canary: float, primary: float, clustering: float
    ) -> list[float]:
        """Give what a block adds where the sides' shares vary: by beta-binomial distributions."""
        size = (1 - clustering) / clustering

        def likelihood(ratio: float) -> float:
            own, rest = (size * share for share in shares(ratio * odds))
            return lgamma(canary + own) - lgamma(own) + lgamma(primary + rest) - lgamma(rest)

        null = likelihood(self.null)
        return [likelihood(ratio) - null for ratio in self.alternatives]


#: Two sides that run the same: that either is worse than the other, by up to ten times.
ALIKE = Comparison(1.0, (0.1, 0.25, 0.5, 2.0, 4.0, 10.0))


def shares(odds: float) -> tuple[float, float]:
    """Give the shares of both sides in the bad requests."""
    return odds / (1 + odds), 1 / (1 + odds)


def against(sums: Sequence[float]) -> float:
    """Give the evidence against the hypothesis of a comparison: the mean of its alternatives'."""
    highest = max(sums)
    return highest + log(sum([exp(each - highest) for each in sums]) / len(sums))


@lru_cache(maxsize=_RATIOS_KEPT)
def worse_than(ratio: float) -> Comparison:
    """Compare for a canary that is worse: up to 50 times as bad as the ratio that is tolerated."""
    steps, farthest = 25, 50
    return Comparison(ratio, tuple(ratio * farthest ** (k / steps) for k in range(1, steps + 1)))


@lru_cache(maxsize=_RATIOS_KEPT)
def better_than(ratio: float) -> Comparison:
    """Compare for a canary that is less bad than a ratio: down to a tenth of it."""
    steps, farthest = 12, 10
    return Comparison(ratio, tuple(ratio * farthest ** (-k / steps) for k in range(1, steps + 1)))


def above(rate: float, seen: Count) -> float:
    """Give the evidence that bad requests are more frequent than a rate, from one side alone.

    The mean over all higher rates, each being as likely as the other. Up to the rate itself, what
    was seen speaks for it, and is said to be no evidence.
    """
    bad, good = round(seen.bad), round(seen.requests) - round(seen.bad)
    if seen.rate <= rate or good < 0:
        return 0.0
    beta = lgamma(1 + bad) + lgamma(1 + good) - lgamma(2 + bad + good)
    odds = bad * log(rate) + good * log1p(-rate) if rate else -inf
    # The beta distribution's tail is a binomial distribution's.
    return beta + log1p(-_more_than(bad, bad + good + 1, rate)) - log1p(-rate) - odds


def _more_than(count: int, trials: int, chance: float) -> float:
    """Give the probability of more than so many successes, which are more than expected."""
    if not chance:
        return 0.0
    k = count + 1
    term = exp(
        lgamma(trials + 1)
        - lgamma(k + 1)
        - lgamma(trials - k + 1)
        + k * log(chance)
        + (trials - k) * log1p(-chance)
    )
    total, odds = term, chance / (1 - chance)
    while k < trials and term > total * _NEGLIGIBLE:
        term *= (trials - k) / (k + 1) * odds
        k, total = k + 1, total + term
    return min(total, 1.0)
