"""The sign judge: is the canary's value higher than the primary's more often than not?

It compares values that are no counts, such as memory or a mean, and may be asked at every look. All
that it uses of a pair of values is which one is higher. So it is valid for any values and any
bursts, as long as a good canary is higher than the primary in no more than half of the analyses.

Rules:
1. Evidence that the canary is more often higher than `equalRatio` times the primary fails for good,
   once it reaches its limit. Where it is not, this happens with a probability of `alpha` at most,
   over all looks of a run and all its metrics. With `direction: decrease` lower is worse.
2. Evidence that it is more often lower than `maxRatio` times the primary passes for good.
3. Without a proof the metric's `on_inconclusive` decides.
4. Equal values say nothing. Nor do values whose windows overlap with those that counted last.
5. A missing value is no data. Neither no data nor an outage changes what is known.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from math import exp, isfinite, log
from typing import ClassVar

from analysis.evidence import NOTHING, Count, above
from analysis.judges.grounds import Ground
from analysis.judges.options import NumberOption, WordOption, read_choices, refuse_range
from analysis.judges.unanswered import unanswered
from analysis.judges.wording import remarks, sentence
from analysis.model import (
    Arm,
    Ask,
    Check,
    Judgement,
    Memory,
    Metric,
    Outcome,
    Sample,
    Verdict,
    plain_number,
)
from analysis.tally import COUNTED_TO, counted_to, digits, evidence_number, evidence_text

_PROBABILITY = "a probability between 0 and 1, such as 0.01"
_NUMBERS = {
    "alpha": NumberOption(0.01, lambda value: 0 < value < 1, _PROBABILITY),
    "beta": NumberOption(0.05, lambda value: 0 < value < 1, _PROBABILITY),
    "equalRatio": NumberOption(1.0, lambda value: 1 <= value <= 10, "a ratio from 1 to 10"),
    "maxRatio": NumberOption(1.5, lambda value: 1 < value <= 100, "a ratio above 1, up to 100"),
}
_WORDS = {"direction": WordOption(("increase", "decrease"))}
_SIGNS, _RATIOS = "signs", "ratios"
_EVEN = 0.5
_MOST = 1_000_000
"""No run has more analyses."""
_APART = 0.95
"""Analyses are a little early at times: windows may overlap by the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Settings:
    """What users have chosen."""

    alpha: float
    beta: float
    equal: float
    most: float
    word: str
    """What is worse: `higher` or `lower`."""

    @property
    def better(self) -> str:
        """The other one."""
        return "lower" if self.word == "higher" else "higher"

    @property
    def ratios(self) -> str:
        """What signs are of; others cannot be added to them."""
        return f"{self.word} {self.equal:g} {self.most:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Signs:
    """In how many analyses of a run the canary was on one side of a multiple of the primary."""

    worse: Count = NOTHING
    """Analyses, and those in which it was worse than tolerated."""
    harmless: Count = NOTHING
    """Analyses, and those in which it was less bad than what would harm."""
    to: datetime | None = None

    def add(self, settings: _Settings, at: datetime, canary: float, primary: float) -> "_Signs":
        """Add a pair of values."""
        if settings.word == "higher":
            worse = _sign(canary - settings.equal * primary)
            harmless = _sign(settings.most * primary - canary)
        else:
            worse = _sign(primary / settings.equal - canary)
            harmless = _sign(canary - primary / settings.most)
        return _Signs(worse=self.worse + worse, harmless=self.harmless + harmless, to=at)

    @property
    def harm(self) -> float:
        """The logarithm of the evidence that the canary is worse."""
        return above(_EVEN, self.worse)

    @property
    def harmlessness(self) -> float:
        """The logarithm of the evidence that it does no harm."""
        return above(_EVEN, self.harmless)

    def memory(self, settings: _Settings) -> Memory:
        """The signs as texts."""
        if self.to is None:
            return {}
        counts = (each for of in (self.worse, self.harmless) for each in (of.bad, of.requests))
        return {
            COUNTED_TO: self.to.isoformat(),
            _SIGNS: " ".join(f"{each:.0f}" for each in counts),
            _RATIOS: settings.ratios,
        }


class SignJudge:
    """Compare the canary's values with the primary's by which one is higher."""

    compares: ClassVar[bool] = True

    @classmethod
    def check(cls, metric: Metric) -> None:
        """Find out whether a metric's options can be used, and that it has no bound.

        Raises:
            QueryError: they cannot; says what to write.
        """
        _settings(metric)
        refuse_range(metric, "compares with the primary")

    @classmethod
    def evidence(cls, memory: Memory) -> tuple[str, ...]:
        """Say how often the canary was worse, and what that proves."""
        signs = _read(memory)
        if signs.to is None or not signs.worse.requests:
            return ()
        word = memory.get(_RATIOS, "").partition(" ")[0]
        return (
            f"{word} than the primary in {signs.worse.bad:.0f} of {signs.worse.requests:.0f} analyses",
            f"evidence of harm: {evidence_text(signs.harm)}",
            f"evidence of harmlessness: {evidence_text(signs.harmlessness)}",
        )

    @classmethod
    def harm(cls, memory: Memory) -> float | None:
        """Give the evidence that the canary is worse."""
        signs = _read(memory)
        return evidence_number(signs.harm) if signs.worse.requests else None

    def judge(self, metric: Metric, answers: Mapping[Ask, Outcome], memory: Memory) -> Judgement:
        """Judge the values of both sides, with the signs of those that came before them."""
        settings = _settings(metric)
        signs = _read(memory, settings.ratios)
        found = {ask.arm: answers[ask] for ask in metric.asks}
        if (nothing := unanswered(metric, found.values())) is not None:
            return _judgement(metric, settings, signs, nothing.verdict, nothing.claim)
        values: dict[Arm, Sample] = {}
        for arm, outcome in found.items():
            if isinstance(outcome, Sample) and isfinite(outcome.value):
                values[arm] = outcome
                continue
            reason = f"{outcome.value:g}" if isinstance(outcome, Sample) else outcome.reason
            claim = (
                f"has no data of the {metric.named(arm)}: {reason} (onNoData: {metric.on_no_data})"
            )
            return _judgement(metric, settings, signs, metric.on_no_data.verdict, claim)
        canary, primary = values[Arm.CANARY], values[Arm.PRIMARY]
        if signs.to is None or abs(canary.at - signs.to) >= _APART * metric.interval:
            signs = signs.add(settings, canary.at, canary.value, primary.value)
        verdict, claim, ground = _verdict(metric, settings, signs)
        told = (
            f"{canary.value:.4g} against the {metric.control}'s {primary.value:.4g}, {settings.word} in "
            f"{signs.worse.bad:.0f} of {signs.worse.requests:.0f} analyses: {claim}"
            f"{remarks(values.values())}"
        )
        return _judgement(metric, settings, signs, verdict, told, canary.value, ground)


def _settings(metric: Metric) -> _Settings:
    numbers, words = read_choices(metric, _NUMBERS, _WORDS)
    return _Settings(
        alpha=numbers["alpha"],
        beta=numbers["beta"],
        equal=numbers["equalRatio"],
        most=numbers["maxRatio"],
        word="higher" if words["direction"] == "increase" else "lower",
    )


def _verdict(metric: Metric, settings: _Settings, signs: _Signs) -> tuple[Verdict, str, Ground]:
    """Give a verdict, why, and what it rests on."""
    limit, harmless_at = log(metric.peers / settings.alpha), -log(settings.beta)
    if signs.harm >= limit:
        claim = f"proven {settings.word} than the {metric.control} (evidence {_shown(signs.harm, limit)})"
        return Verdict.FAIL, claim, Ground.PROOF
    if signs.harmlessness >= harmless_at:
        times = plain_number(settings.most)
        away = f"{times} times" if settings.word == "higher" else f"1/{times} of"
        claim = (
            f"proven {settings.better} than {away} the {metric.control}'s "
            f"(evidence {_shown(signs.harmlessness, harmless_at)})"
        )
        return Verdict.PASS, claim, Ground.PROOF
    claim = (
        f"no proof yet, evidence of harm {_shown(signs.harm, limit)}, of harmlessness "
        f"{_shown(signs.harmlessness, harmless_at)} (onInconclusive: {metric.on_inconclusive})"
    )
    return metric.on_inconclusive.verdict, claim, Ground.NEITHER


def _sign(difference: float) -> Count:
    """Count a difference; one of 0 says nothing."""
    return Count(int(difference != 0), int(difference > 0))


def _read(memory: Memory, ratios: str | None = None) -> _Signs:
    """Read signs; what is damaged, or of other ratios, holds none."""
    to = counted_to(memory)
    try:
        worse, of, harmless, of_all = map(int, memory.get(_SIGNS, "").split())
    except ValueError:
        return _Signs(to=to)
    sound = 0 <= worse <= of <= _MOST and 0 <= harmless <= of_all <= _MOST
    if to is None or not sound or (ratios is not None and memory.get(_RATIOS) != ratios):
        return _Signs(to=to)
    return _Signs(worse=Count(of, worse), harmless=Count(of_all, harmless), to=to)


def _shown(evidence: float, limit: float) -> str:
    """Show evidence beside what proves: `35 of 100`."""
    return f"{evidence_text(evidence)} of {digits(exp(limit))}"


def _judgement(
    metric: Metric,
    settings: _Settings,
    signs: _Signs,
    verdict: Verdict,
    claim: str,
    value: float | None = None,
    ground: Ground = Ground.FINDING,
) -> Judgement:
    return Judgement(
        check=Check(
            metric=metric.name,
            verdict=verdict,
            value=value,
            bound=f"no {settings.word} than the {metric.control}",
            message=sentence(metric, claim),
            query=metric.query,
            proven=ground is Ground.PROOF,
            undecided=ground is Ground.NEITHER,
        ),
        memory=signs.memory(settings),
    )
