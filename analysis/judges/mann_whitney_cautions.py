"""When the Mann-Whitney judge sees little: of few values chance decides, or the first ones do."""

from collections.abc import Iterator
from itertools import count
from math import comb, sqrt
from statistics import NormalDist

from analysis.judges.cautions import Caution
from analysis.judges.mann_whitney_options import RankSettings
from analysis.model import Metric, NoDataPolicy

#: With twice the values that a comparison needs, the first ones no longer decide it.
_ENOUGH_TIMES = 2


def cautions_of(settings: RankSettings, metric: Metric, analyses: int) -> Iterator[Caution]:
    """Say which settings leave too few values to compare in a run with this many analyses."""
    least = settings.least_points
    if least < (provable := _fewest_that_prove(settings.confidence)):
        orders = comb(2 * least, least) // (2 if settings.direction == "either" else 1)
        yield Caution(
            field="judgeOptions.minPoints",
            value=str(least),
            effect=f"so few values of two sides that are the same lie apart in 1 of {orders} "
            f"comparisons, and that fails; write {provable} or more, as confidence "
            f"{settings.confidence:g} asks for",
        )
    if analyses < least and metric.on_inconclusive is NoDataPolicy.PASS:
        yield Caution(
            field="onInconclusive",
            value=metric.on_inconclusive,
            effect=f"a run has {analyses} analyses at the least and a comparison needs {least} values "
            "(judgeOptions.minPoints), so a release may be promoted before anything is compared; "
            "write hold, or let the steps last longer",
        )
    elif not metric.warm_up and analyses < _ENOUGH_TIMES * least:
        yield Caution(
            field="warmUp",
            value="",
            effect=f"a run has {analyses} analyses at the least, and the first values may be of the "
            "pods before the new ones, which hide a difference among so few; write a time such as 2m",
        )


def _fewest_that_prove(confidence: float) -> int:
    """Tell how many values of each side prove a difference where each of one is above all others."""
    quantile = NormalDist().inv_cdf((1 + confidence) / 2)

    def statistic(number: int) -> float:
        pairs = number**2
        return (pairs / 2 - 0.5) / sqrt(pairs * (2 * number + 1) / 12)

    return next(each for each in count(1) if statistic(each) > quantile)
