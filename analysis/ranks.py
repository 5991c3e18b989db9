"""Two samples compared by their ranks, as Kayenta compares them: how far one is shifted against the other.

The Mann-Whitney test by its normal approximation, corrected for ties and for continuity. The
interval holds every shift that the test does not refuse. Its bounds and the estimate (Hodges and
Lehmann's) are found by a search that ends within 0.0001 in the unit of the values, wherever these
lie: as in R's `wilcox.test`, and in Kayenta after it.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import copysign, inf, nan, sqrt, ulp
from statistics import NormalDist, fmean, quantiles

_TOLERANCE = 1e-4
_MOST_STEPS = 1000
#: What sets apart values that are all the same, as a share of them.
_APART = 1e-5
_CONTINUITY = 0.5
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """By how much a first sample is above a second one, and between what that lies."""

    estimate: float
    lower: float
    upper: float


def shift_between(first: Sequence[float], second: Sequence[float], confidence: float) -> Shift:
    """Estimate the shift of a sample against another, neither of them empty.

    Two samples of one value each have no test: their shift is the difference, without bounds.
    Values that are all the same have no shift.
    """
    if len({*first, *second}) == 1:
        return Shift(estimate=0.0, lower=0.0, upper=0.0)
    if len(first) == len(second) == 1:
        return Shift(estimate=first[0] - second[0], lower=-inf, upper=inf)
    if len(set(first)) == len(set(second)) == 1:
        first, second = _set_apart(first), _set_apart(second)
    statistic = partial(_statistic, first, sorted(second))
    lowest, highest = min(first) - max(second), max(first) - min(second)
    quantile = _NORMAL.inv_cdf((1 + confidence) / 2)

    def bound(wanted: float) -> float:
        def excess(shift: float) -> float:
            return statistic(shift) - wanted

        if excess(lowest) <= 0:
            return lowest
        return highest if excess(highest) >= 0 else _root(excess, lowest, highest)

    return Shift(
        estimate=_root(statistic, lowest, highest), lower=bound(quantile), upper=bound(-quantile)
    )


def mean_ratio(first: Sequence[float], second: Sequence[float]) -> float:
    """Give the ratio of two means; NaN where one of them is 0."""
    above, below = fmean(first), fmean(second)
    return above / below if above and below else nan


def superiority(first: Sequence[float], second: Sequence[float]) -> float:
    """Give the share of the pairs in which the first sample's value is the higher one.

    Equal values count half. Also known as the common language effect size.
    """
    return _pairs_above(first, sorted(second)) / (len(first) * len(second))


def without_outliers(values: Sequence[float], factor: float) -> tuple[float, ...]:
    """Leave out what lies beyond the quartiles by more than `factor` times the distance between them.

    The hundredth at each end is no reason to leave out more.
    """
    if len(values) < 2:
        return tuple(values)
    percentiles = quantiles(values, n=100, method="inclusive")
    first, lower, upper, last = (percentiles[each - 1] for each in (1, 25, 75, 99))
    reach = factor * (upper - lower)
    least, most = min(first, lower - reach), max(last, upper + reach)
    return tuple(each for each in values if least <= each <= most)


def _statistic(first: Sequence[float], second: Sequence[float], shift: float) -> float:
    """Give how many standard errors a sample, less a shift, ranks above another, which is sorted."""
    shifted = [each - shift for each in first]
    pairs, size = len(first) * len(second), len(first) + len(second)
    above = _pairs_above(shifted, second) - pairs / 2
    tied = sum(count**3 - count for count in Counter((*shifted, *second)).values())
    error = sqrt(pairs / 12 * (size + 1 - tied / (size * (size - 1))))
    return (above - (copysign(_CONTINUITY, above) if above else 0.0)) / error


def _pairs_above(first: Sequence[float], second: Sequence[float]) -> float:
    """Count the pairs in which the first one's value is higher; equal ones count half."""
    return sum(bisect_left(second, each) + bisect_right(second, each) for each in first) / 2


def _set_apart(values: Sequence[float]) -> list[float]:
    """Set equal values apart a little, where all of both samples are: else nothing has a rank.

    They lie as a normal distribution does. Kayenta draws them from one, which comes to the same.
    """
    size = len(values)
    return [
        value * (1 + _APART * _NORMAL.inv_cdf((place + 0.5) / size))
        for place, value in enumerate(values)
    ]


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    """Find where a function that falls crosses zero, by Brent's method."""
    before, best = low, high
    at_before, at_best = function(before), function(best)
    if not at_before:
        return before
    # On the other side of the crossing from the best so far.
    beyond, at_beyond = before, at_before
    for _ in range(_MOST_STEPS):
        last_step = best - before
        if abs(at_beyond) < abs(at_best):
            before, best, beyond = best, beyond, best
            at_before, at_best, at_beyond = at_best, at_beyond, at_best
        near = 2 * ulp(1.0) * abs(best) + _TOLERANCE / 2
        step = (beyond - best) / 2
        if abs(step) <= near or not at_best:
            break
        if abs(last_step) >= near and abs(at_before) > abs(at_best):
            over, under = _interpolated((before, best, beyond), (at_before, at_best, at_beyond))
            room = min(1.5 * step * under - abs(near * under) / 2, abs(last_step * under / 2))
            if over < room:
                step = over / under
        if abs(step) < near:
            step = near if step > 0 else -near
        before, at_before = best, at_best
        best += step
        at_best = function(best)
        if at_best * at_beyond > 0:
            beyond, at_beyond = before, at_before
    return best


def _interpolated(
    places: tuple[float, float, float], values: tuple[float, float, float]
) -> tuple[float, float]:
    """Give the step from the best place to where a curve through all of them crosses zero.

    It is a fraction whose upper part is not negative: a line where two places are the same, an
    inverse parabola otherwise.
    """
    (before, best, beyond), (at_before, at_best, at_beyond) = places, values
    reach, ratio = beyond - best, at_best / at_before
    if before == beyond:
        over, under = reach * ratio, 1 - ratio
    else:
        of_before, of_best = at_before / at_beyond, at_best / at_beyond
        over = ratio * (reach * of_before * (of_before - of_best) - (best - before) * (of_best - 1))
        under = (of_before - 1) * (of_best - 1) * (ratio - 1)
    return (over, -under) if over > 0 else (-over, under)
