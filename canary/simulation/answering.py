"""What metrics say of requests that are only calculated."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from analysis.builtin import SUCCESS_RATE
from analysis.judges import compares, counts
from analysis.judging import judged, posed
from analysis.model import (
    SIDES,
    Arm,
    Ask,
    Metric,
    NoData,
    Outcome,
    ProviderSpec,
    Report,
    Sample,
    Signal,
)
from canary.api.analysis_spec import Analysis
from canary.api.measured import measured
from canary.api.metrics import CompareWith, MetricSpec
from canary.core.needs import Analyse
from canary.simulation.chance import Chance, normal
from canary.simulation.traffic import RequestCounters

_PERCENT = 100
_ASKED_OF_ALL = tuple(
    Ask(query=f"{arm} {signal}", arm=arm, signal=signal)
    for arm in Arm
    for signal in (Signal.REQUESTS, Signal.BAD)
)
_ASKED = tuple(each for each in _ASKED_OF_ALL if each.arm in SIDES)
#: Whose requests are counted where a baseline stands in the place of the primary.
_WITH_BASELINE = {Arm.PRIMARY: Arm.SECOND, Arm.SECOND: Arm.PRIMARY}
_STORE = ProviderSpec(type="simulated")


class Rate(StrEnum):
    """A percentage of the requests."""

    SUCCESS = "success"
    """Of those that did not fail."""
    ERRORS = "errors"
    """Of those that failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """A metric that has nothing to do with failed requests, such as a duration."""

    mean: float
    deviation: float = 0.0
    """The standard deviation of one answer."""


Meaning = Rate | Measurement
"""What a metric measures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meanings:
    """What the metrics of an analysis measure, by their names."""

    said: Mapping[str, Meaning] = field(default_factory=lambda: MappingProxyType({}))

    def of(self, spec: MetricSpec) -> Meaning:
        """Tell what a metric measures; one of which nothing is said is always at its bound."""
        if spec.name in self.said:
            return self.said[spec.name]
        if spec.name == SUCCESS_RATE:
            return Rate.SUCCESS
        bounds = spec.bounds
        bound = bounds.max if bounds.max is not None else bounds.min
        return Measurement(mean=bound or 0.0)

    def assumed(self, analysis: Analysis) -> tuple[str, ...]:
        """Name the metrics that pass because nothing is said of them."""
        names = (each.name for _, each in analysis.placed_metrics() if self._passes(each))
        return tuple(dict.fromkeys(names))

    def _passes(self, spec: MetricSpec) -> bool:
        return not counts(spec.judge) and spec.name not in {*self.said, SUCCESS_RATE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """Answers an analysis by what was drawn."""

    analysis: Analysis
    meanings: Meanings
    chance: Chance

    def report(self, need: Analyse, requests: RequestCounters, now: datetime) -> Report:
        """Judge the metrics of a need as the analysis engine does."""
        specs = {each.name: each for each in need.metrics}
        memories = {name: dict(memory) for name, memory in need.memories}
        metrics = posed(
            [replace(self._metric(each), since=need.since) for each in need.metrics], now, memories
        )
        answers = [
            {ask: self._answer(specs[each.name], each, ask, requests, now) for ask in each.asks}
            for each in metrics
        ]
        report = judged(metrics, answers, memories)
        if need.count_over is None:
            return report
        return replace(report, requests={"": _counted(requests, now, need.count_over)})

    def _metric(self, spec: MetricSpec) -> Metric:
        asks: tuple[Ask, ...] = (Ask(query=spec.name),)
        beside = spec.compare_with is CompareWith.BASELINE
        if counts(spec.judge):
            asks = _ASKED_OF_ALL if beside else _ASKED
        elif compares(spec.judge):
            asks = tuple(Ask(query=f"{spec.name} {arm}", arm=arm) for arm in SIDES)
        metric = measured(spec, self.analysis, asks=asks, provider=_STORE)
        return replace(metric, control="baseline", second="primary") if beside else metric

    def _answer(
        self, spec: MetricSpec, metric: Metric, ask: Ask, requests: RequestCounters, now: datetime
    ) -> Outcome:
        beside = spec.compare_with is CompareWith.BASELINE
        arm = _WITH_BASELINE.get(ask.arm, ask.arm) if beside else ask.arm
        if ask.since is not None:
            had = requests.between(arm, ask.since, now)
            return Sample(value=had.bad if ask.signal is Signal.BAD else had.requests, at=now)
        meaning = self.meanings.of(spec)
        if isinstance(meaning, Measurement):
            return Sample(value=normal(meaning.mean, meaning.deviation, self.chance), at=now)
        had = requests.between(arm, now - metric.interval, now)
        if not had.requests:
            return NoData(reason=f"the {metric.named(ask.arm)} had no requests")
        bad = _PERCENT * had.bad / had.requests
        return Sample(value=bad if meaning is Rate.ERRORS else _PERCENT - bad, at=now)


def _counted(requests: RequestCounters, now: datetime, over: timedelta) -> Mapping[Arm, Outcome]:
    return {
        arm: Sample(value=requests.between(arm, now - over, now).requests, at=now) for arm in SIDES
    }
