"""The options of the Mann-Whitney judge, named and preset as Kayenta's are."""

from dataclasses import dataclass
from enum import StrEnum

from analysis.judges.options import NumberOption, WordOption, read_choices
from analysis.model import Metric
from analysis.pairs import MOST_PAIRS


class EffectSize(StrEnum):
    """How large a difference is, beside being one."""

    MEAN_RATIO = "meanRatio"
    """The canary's mean by the primary's."""
    CLES = "cles"
    """The share of the pairs in which the canary's value is the higher one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RankSettings:
    """What users have chosen."""

    confidence: float
    tolerance: float
    """Up to what share of the estimate a bound of the shift may be, and be no difference."""
    direction: str
    """Which difference fails: `increase`, `decrease` or `either`."""
    effect_size: EffectSize
    allowed_increase: float
    allowed_decrease: float
    replaces: bool
    """Whether a missing value counts as 0; it is left out otherwise."""
    drops_outliers: bool
    outlier_factor: float
    least_points: int
    """How many values of each side a comparison needs."""


_EFFECT = "a number from 0, such as 1.2"
_NUMBERS = {
    # Of what is next to 1 no quantile can be told from that of 1, which is none.
    "confidence": NumberOption(
        0.98, lambda value: value >= 0.5 and (1 + value) / 2 < 1, "a level from 0.5 to below 1"
    ),
    "tolerance": NumberOption(0.25, lambda value: 0 <= value < 1, "a share from 0 to below 1"),
    "outlierFactor": NumberOption(
        3.0, lambda value: 0 < value <= 100, "a number above 0, up to 100"
    ),
    "minPoints": NumberOption(
        10,
        lambda value: 2 <= value <= MOST_PAIRS and value.is_integer(),
        f"a whole number from 2 to {MOST_PAIRS}",
    ),
}
_ALLOWED = {
    name: NumberOption(1.0, lambda value: 0 <= value < float("inf"), _EFFECT)
    for name in ("allowedIncrease", "allowedDecrease")
}
_WORDS = {
    "direction": WordOption(("either", "increase", "decrease")),
    "effectSize": WordOption(tuple(EffectSize)),
    "nanStrategy": WordOption(("remove", "replace")),
    "outliers": WordOption(("keep", "remove")),
}
#: What is allowed of either effect size where users say nothing: none of it.
_NO_EFFECT = {EffectSize.MEAN_RATIO: 1.0, EffectSize.CLES: 0.5}


def read_settings(metric: Metric) -> RankSettings:
    """Read the options of a metric.

    Raises:
        QueryError: one is not read, or does not fit; says what to write.
    """
    numbers, words = read_choices(metric, {**_NUMBERS, **_ALLOWED}, _WORDS)
    effect_size = EffectSize(words["effectSize"])
    written = dict(metric.options)
    allowed = {
        name: numbers[name] if name in written else _NO_EFFECT[effect_size] for name in _ALLOWED
    }
    return RankSettings(
        confidence=numbers["confidence"],
        tolerance=numbers["tolerance"],
        direction=words["direction"],
        effect_size=effect_size,
        allowed_increase=allowed["allowedIncrease"],
        allowed_decrease=allowed["allowedDecrease"],
        replaces=words["nanStrategy"] == "replace",
        drops_outliers=words["outliers"] == "remove",
        outlier_factor=numbers["outlierFactor"],
        least_points=int(numbers["minPoints"]),
    )
