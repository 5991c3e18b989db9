"""The Mann-Whitney judge: do the canary's values differ from the primary's? It judges as Kayenta does.

At each analysis it is given a value of both sides, and compares all values that it has kept.

Rules:
1. Values that are the same on both sides, in any order, pass, and so do values that are all the same.
2. A value is higher where the whole interval of the shift is above 0 by more than `tolerance` of the
   estimate, and lower where it is as far below.
3. That fails where `direction` looks for it, and the effect size is not within what is allowed. An
   effect size that cannot be told, because a mean is 0, is never within.
4. A missing value is left out, or is 0 where `nanStrategy` says so. A side without values is no data.
5. Too few values take the verdict of `on_inconclusive`, an outage that of `on_error`: of an outage
   nothing is kept.

Each comparison by itself is wrong as seldom as `confidence` says. Nothing corrects for their number.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, isnan, nan
from statistics import fmean
from typing import ClassVar

from analysis.judges.cautions import Caution
from analysis.judges.grounds import Ground
from analysis.judges.mann_whitney_cautions import cautions_of
from analysis.judges.mann_whitney_options import EffectSize, RankSettings, read_settings
from analysis.judges.options import refuse_range
from analysis.judges.unanswered import unanswered
from analysis.judges.wording import remarks, sentence
from analysis.model import (
    Arm,
    Ask,
    Check,
    Judgement,
    Memory,
    Metric,
    NoData,
    Outcome,
    Sample,
    Verdict,
    plain_number,
)
from analysis.pairs import Pairs, read_pairs
from analysis.ranks import Shift, mean_ratio, shift_between, superiority, without_outliers

_BOUNDS = {
    "either": "as the {}",
    "increase": "no higher than the {}",
    "decrease": "no lower than the {}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Comparison:
    """What both sides' values come to."""

    shift: Shift
    effect: float
    """NaN where it cannot be told."""
    settings: RankSettings

    @property
    def found(self) -> str:
        """Which difference there is: `increase`, `decrease`, or none."""
        margin = self.settings.tolerance * abs(self.shift.estimate)
        if self.shift.lower > margin:
            return "increase"
        return "decrease" if self.shift.upper < -margin else ""

    @property
    def allowed(self) -> str:
        """Why the difference is no failure; empty where it is one."""
        settings = self.settings
        if settings.direction not in {"either", self.found}:
            return f"direction: {settings.direction}"
        name, limit, within = {
            "increase": (
                "allowedIncrease",
                settings.allowed_increase,
                self.effect < settings.allowed_increase,
            ),
            "decrease": (
                "allowedDecrease",
                settings.allowed_decrease,
                self.effect > settings.allowed_decrease,
            ),
        }[self.found]
        shown = f"{settings.effect_size} {self.effect:.4g}, {name}: {plain_number(limit)}"
        return shown if within else ""


class MannWhitneyJudge:
    """Compare the canary's values with the primary's by their ranks."""

    compares: ClassVar[bool] = True

    @classmethod
    def check(cls, metric: Metric) -> None:
        """Find out whether a metric's options can be used, and that it has no bound.

        Raises:
            QueryError: they cannot; says what to write.
        """
        read_settings(metric)
        refuse_range(metric, "compares with the primary")

    @classmethod
    def evidence(cls, memory: Memory) -> tuple[str, ...]:
        """Say what was measured of both sides."""
        pairs = read_pairs(memory)
        sides = (("canary", pairs.canary), ("primary", pairs.primary))
        known = [(side, [each for each in of if not isnan(each)]) for side, of in sides]
        return tuple(
            f"{side}: {len(values)} value{'s' * (len(values) > 1)}, {min(values):.4g} to "
            f"{max(values):.4g}, mean {fmean(values):.4g}"
            for side, values in known
            if values
        )

    @classmethod
    def cautions(cls, metric: Metric, analyses: int) -> Iterator[Caution]:
        """Say what a run with this many analyses, or a few more, would not show."""
        return cautions_of(read_settings(metric), metric, analyses)

    def judge(self, metric: Metric, answers: Mapping[Ask, Outcome], memory: Memory) -> Judgement:
        """Judge the values of both sides, with those that came before them."""
        settings, before = read_settings(metric), read_pairs(memory)
        found = {ask.arm: answers[ask] for ask in metric.asks}
        if (nothing := unanswered(metric, found.values())) is not None:
            return _judgement(metric, settings, before, nothing.verdict, nothing.claim)
        canary, primary = found[Arm.CANARY], found[Arm.PRIMARY]
        pairs = before.add(_value(canary), _value(primary))
        verdict, claim, ground = _verdict(metric, settings, pairs, found)
        claim += remarks((canary, primary))
        return _judgement(metric, settings, pairs, verdict, claim, canary, ground)


def _value(outcome: Outcome) -> float:
    return outcome.value if isinstance(outcome, Sample) else nan


def _verdict(
    metric: Metric, settings: RankSettings, pairs: Pairs, found: Mapping[Arm, Outcome]
) -> tuple[Verdict, str, Ground]:
    """Give a verdict on all values, why, and what it rests on."""
    canary, primary = (_cleaned(each, settings) for each in (pairs.canary, pairs.primary))
    for arm, values in ((Arm.CANARY, canary), (Arm.PRIMARY, primary)):
        if not values:
            missing = found[arm]
            reason = missing.reason if isinstance(missing, NoData) else "the value is no number"
            claim = (
                f"has no data of the {metric.named(arm)}: {reason} (onNoData: {metric.on_no_data})"
            )
            return metric.on_no_data.verdict, claim, Ground.FINDING
    fewest = min(len(canary), len(primary))
    if fewest < settings.least_points:
        claim = (
            f"has {fewest} of {settings.least_points} values (minPoints) of both sides, too few to "
            f"compare (onInconclusive: {metric.on_inconclusive})"
        )
        return metric.on_inconclusive.verdict, claim, Ground.NEITHER
    if sorted(canary) == sorted(primary) or len({*canary, *primary}) == 1:
        claim = f"has the same {len(canary)} values as the {metric.control}'s"
        return Verdict.PASS, claim, Ground.FINDING
    compared = _Comparison(
        shift=shift_between(canary, primary, settings.confidence),
        effect=_effect(settings, canary, primary),
        settings=settings,
    )
    told = _told(compared, canary, primary)
    if not compared.found:
        claim = f"cannot be told from the {metric.control}'s: {told}"
        return Verdict.PASS, claim, Ground.FINDING
    word = "higher" if compared.found == "increase" else "lower"
    if allowed := compared.allowed:
        claim = f"is {word} than the {metric.control}'s, which is allowed ({allowed}): {told}"
        return Verdict.PASS, claim, Ground.FINDING
    return Verdict.FAIL, f"is {word} than the {metric.control}'s: {told}", Ground.FINDING


def _cleaned(values: Sequence[float], settings: RankSettings) -> Sequence[float]:
    """Put 0 for missing values or leave them out, then leave out outliers, as users have chosen."""
    known = [
        0.0 if isnan(each) else each for each in values if settings.replaces or not isnan(each)
    ]
    return without_outliers(known, settings.outlier_factor) if settings.drops_outliers else known


def _effect(settings: RankSettings, canary: Sequence[float], primary: Sequence[float]) -> float:
    measure = superiority if settings.effect_size is EffectSize.CLES else mean_ratio
    return measure(canary, primary)


def _told(compared: _Comparison, canary: Sequence[float], primary: Sequence[float]) -> str:
    shift = compared.shift
    return (
        f"mean {fmean(canary):.4g} of {len(canary)} values against {fmean(primary):.4g} of "
        f"{len(primary)}, shifted by {shift.estimate:.4g} ({shift.lower:.4g} to "
        f"{shift.upper:.4g} with {100 * compared.settings.confidence:g} % confidence)"
    )


def _judgement(
    metric: Metric,
    settings: RankSettings,
    pairs: Pairs,
    verdict: Verdict,
    claim: str,
    newest: Outcome | None = None,
    ground: Ground = Ground.FINDING,
) -> Judgement:
    value = newest.value if isinstance(newest, Sample) else nan
    return Judgement(
        check=Check(
            metric=metric.name,
            verdict=verdict,
            value=value if isfinite(value) else None,
            bound=_BOUNDS[settings.direction].format(metric.control),
            message=sentence(metric, claim),
            query=metric.query,
            undecided=ground is Ground.NEITHER,
        ),
        memory=pairs.memory if pairs.canary else {},
    )
