"""What judges that compare would see in a run at the present traffic: by the end of each step."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from analysis.evidence import NOTHING, Count
from analysis.judges import smallest_seen
from analysis.model import Arm, Ask, Metric, Outcome, QueryFailure, Sample, Signal
from analysis.power import Exposure
from canary.views.blocks import Block, Line, Rows
from canary.views.moments import span
from canary.views.outlook import StepOutlook

_MINUTE = timedelta(minutes=1).total_seconds()


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSight:
    """What is seen by the end of a step."""

    name: str
    end: timedelta
    """When that is if the step lasts as long as planned, from the moment at which the pods are ready."""
    times: float | None
    """From how many times the primary's bad rate on a canary is proven worse; None for no regression."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What one metric would see."""

    metric: str
    requests: float
    """Requests a minute of both sides, now."""
    rate: float
    """The share of the bad ones; where none was bad, as if one had been."""
    steps: tuple[StepSight, ...]


def sight(
    metric: Metric,
    answers: Mapping[Ask, Outcome],
    asked_at: datetime,
    steps: Sequence[StepOutlook],
) -> Sight | None:
    """Foresee what a metric would see, by what was counted of both sides over its interval.

    None where its judge does not compare, or there were no requests.
    """
    ends = [each.at for each in answers.values() if isinstance(each, Sample)]
    if not ends or any(isinstance(each, QueryFailure) for each in answers.values()):
        return None
    counted = sum((_count(answers, arm) for arm in Arm), start=NOTHING)
    seconds = (min(ends) - asked_at + metric.interval).total_seconds()
    if not counted.requests or seconds <= 0:
        return None
    rate, flow = max(counted.bad, 1.0) / counted.requests, counted.requests / seconds
    exposures: list[Exposure] = []
    seen: list[StepSight] = []
    end = timedelta(0)
    for each in steps:
        if each.lasts:
            requests = flow * each.lasts.total_seconds()
            exposures.append(
                Exposure(canary=each.canary * requests, primary=each.primary * requests)
            )
            times = smallest_seen(metric, exposures, rate)
            end += each.lasts
            seen.append(StepSight(name=each.name, end=end, times=times))
    return Sight(metric=metric.name, requests=flow * _MINUTE, rate=rate, steps=tuple(seen))


def shown(sights: Iterable[Sight]) -> Block:
    """Show what metrics would see, as people read it."""
    return tuple(line for each in sights for line in _block(each))


def _block(seen: Sight) -> Block:
    traffic = f"{seen.requests:,.0f} requests a minute, {100 * seen.rate:.3g} % of them bad"
    if all(each.times is None for each in seen.steps):
        return ((f"{seen.metric} proves no regression in this run, at {traffic}",),)
    rows: tuple[Line, ...] = tuple(
        (each.name, span(each.end), _times(each.times)) for each in seen.steps
    )
    return (
        (f"{seen.metric} proves a regression, at {traffic}:",),
        Rows(header=("BY THE END OF STEP", "AFTER", "FROM"), rows=rows),
    )


def _times(times: float | None) -> str:
    return "–" if times is None else f"{times:.2g} times as many bad requests"


def _count(answers: Mapping[Ask, Outcome], arm: Arm) -> Count:
    """Read what one side had; of a side without pods there is nothing."""
    found = {
        ask.signal: outcome.value
        for ask, outcome in answers.items()
        if ask.arm is arm and isinstance(outcome, Sample)
    }
    requests = found.get(Signal.REQUESTS, 0.0)
    good = requests - found.get(Signal.BAD, 0.0)
    return Count(requests, requests - found.get(Signal.GOOD, good))
