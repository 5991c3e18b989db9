"""What judges that compare would see in a run at the present traffic: by the end of each step."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from analysis.clustering import allowance
from analysis.evidence import NOTHING, BothCounts, Count
from analysis.judges import smallest_seen
from analysis.model import SIDES, Arm, Ask, Metric, Outcome, QueryFailure, Sample, Signal
from analysis.power import Exposure
from canary.views.blocks import Block, Line, Rows
from canary.views.moments import span
from canary.views.outlook import StepOutlook

_MINUTE = timedelta(minutes=1).total_seconds()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bursts:
    """How much the bad requests of a metric came together, on pods that run the same."""

    metric: str
    over: timedelta
    measured: float

    @property
    def allowance(self) -> float:
        """What its judge should allow for."""
        return allowance(self.measured)

    @property
    def told(self) -> str:
        """Say so in words."""
        return (
            f"{self.metric}: in the last {span(self.over)} bad requests came together on single pods "
            f"by {self.measured:.3g}; to allow for that, write judgeOptions: "
            f'clustering: "{self.allowance:g}"'
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSight:
    """What is seen by the end of a step."""

    name: str
    end: timedelta
    """When that is if the steps last as long as planned, from the moment at which the pods are ready;
    during a run, from the moment up to which was counted."""
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
    counted = sum((_count(answers, arm) for arm in SIDES), start=NOTHING)
    seconds = (min(ends) - asked_at + metric.interval).total_seconds()
    if not counted.requests or seconds <= 0:
        return None
    rate, flow = max(counted.bad, 1.0) / counted.requests, counted.requests / seconds
    return Sight(
        metric=metric.name,
        requests=flow * _MINUTE,
        rate=rate,
        steps=tuple(_seen(metric, steps, flow=flow, rate=rate, end=_begins(steps))),
    )


def sight_within(
    metric: Metric, run: BothCounts, steps: Sequence[StepOutlook], left: timedelta | None = None
) -> Sight | None:
    """Foresee what a metric will see in the rest of a run, by what was counted in it so far.

    `steps` begins with the step that the run is at; `left` is what remains of it, all of it where that is
    left out. Ends are counted from the moment of the last count. None where the judge cannot tell.
    """
    return _by_counts(metric, run, steps, before=(_exposure(run),), left=left)


def sight_after(metric: Metric, run: BothCounts, steps: Sequence[StepOutlook]) -> Sight | None:
    """Foresee what a metric would see in the next run, by what was counted in the last one."""
    return _by_counts(metric, run, steps, end=_begins(steps))


def _begins(steps: Sequence[StepOutlook]) -> timedelta:
    """Tell when the first step begins, from the moment at which the pods are ready."""
    return steps[0].earliest if steps else timedelta(0)


def _by_counts(
    metric: Metric,
    run: BothCounts,
    steps: Sequence[StepOutlook],
    before: Sequence[Exposure] = (),
    left: timedelta | None = None,
    end: timedelta = timedelta(0),
) -> Sight | None:
    primary = run.primary
    if not primary.requests or run.seconds <= 0:
        return None
    flow = (run.canary.requests + primary.requests) / run.seconds
    rate = max(primary.bad, 1.0) / primary.requests
    seen = tuple(_seen(metric, steps, flow=flow, rate=rate, before=before, left=left, end=end))
    return Sight(metric=metric.name, requests=flow * _MINUTE, rate=rate, steps=seen)


def _exposure(run: BothCounts) -> Exposure:
    return Exposure(canary=run.canary.requests, primary=run.primary.requests)


def _seen(
    metric: Metric,
    steps: Sequence[StepOutlook],
    *,
    flow: float,
    rate: float,
    before: Sequence[Exposure] = (),
    left: timedelta | None = None,
    end: timedelta = timedelta(0),
) -> Iterator[StepSight]:
    """Foresee what is seen by the end of each step, with so many requests a second.

    The first one begins at `end`, and lasts for what is `left` of it, where that is given.
    """
    exposures = list(before)
    for number, each in enumerate(steps):
        if not each.lasts:
            continue
        lasts = each.lasts if number or left is None else left
        requests = flow * lasts.total_seconds()
        exposures.append(Exposure(canary=each.canary * requests, primary=each.primary * requests))
        end += lasts
        times = smallest_seen(metric, exposures, rate)
        yield StepSight(name=each.name, end=end, times=times)


def shown(sights: Iterable[Sight]) -> Block:
    """Show what metrics would see, as people read it."""
    return tuple(line for each in sights for line in _block(each))


def _block(seen: Sight) -> Block:
    traffic = f"{seen.requests:,.0f} requests a minute, {100 * seen.rate:.3g} % of them bad"
    if all(each.times is None for each in seen.steps):
        return ((f"{seen.metric} proves no regression in this run, at {traffic}",),)
    rows: tuple[Line, ...] = tuple(
        (each.name, span(each.end), times_told(each.times)) for each in seen.steps
    )
    return (
        (f"{seen.metric} proves a regression, at {traffic}:",),
        Rows(header=("BY THE END OF STEP", "AFTER", "FROM"), rows=rows),
    )


def times_told(times: float | None) -> str:
    """Say from how many times as many bad requests on a canary is proven worse."""
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
