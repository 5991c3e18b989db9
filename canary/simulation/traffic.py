"""The requests of a service that is only calculated: how many each side gets, and how many fail."""

from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from analysis.model import Arm
from canary.core.traffic import Seen
from canary.core.weights import FULL
from canary.simulation.chance import Chance, binomial, poisson

SCRAPED_EVERY = timedelta(seconds=15)
"""How finely traffic is drawn: as often as a metrics store reads counters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceTraffic:
    """What clients send to the service, and how often each revision fails."""

    per_minute: float
    """RequestCounters a minute, to both sides together."""
    errors: float
    """The share of them that fails where nothing is wrong, from 0 to 1."""
    matching: float = 0.1
    """The share of them that satisfies the conditions of a step."""
    load: float = 0.0
    """Requests a minute that a load test sends to the canary, beside those of clients."""


class RequestCount(NamedTuple):
    """RequestCounters, and those among them that failed."""

    requests: float
    bad: float


class _Shares(NamedTuple):
    """The shares of all requests that each side gets."""

    canary: float
    copies: float
    """What the canary gets copies of; their answers reach no client."""
    primary: float
    baseline: float = 0


@dataclass(kw_only=True)
class RequestCounters:
    """All requests since a release began, as counters over time."""

    service: ServiceTraffic
    failing: float
    """The share of the canary's requests that fails, from 0 to 1."""
    chance: Chance
    to: datetime
    """The moment up to which requests are drawn."""
    hurt: int = 0
    """How many clients got a failed answer of the canary."""
    _moments: list[datetime] = field(default_factory=list)
    _sums: dict[Arm, list[RequestCount]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._moments.append(self.to)
        for arm in Arm:
            self._sums[arm] = [RequestCount(0, 0)]

    def pass_until(self, moment: datetime, routed: Seen | None, *, tested: bool) -> None:
        """Draw what comes until a moment, while the route stays as it is.

        `tested` says whether the canary has pods that a load test reaches.
        """
        shares = _shares(routed, self.service.matching)
        load = self.service.load if tested else 0.0
        while self.to < moment:
            end = min(moment, self.to + SCRAPED_EVERY)
            self._draw((end - self.to) / timedelta(minutes=1), shares, load)
            self.to = end
            self._moments.append(end)

    def _draw(self, minutes: float, shares: _Shares, load: float) -> None:
        drawn, chance = self.service.per_minute * minutes, self.chance
        primary = poisson(drawn * shares.primary, chance)
        self._add(Arm.PRIMARY, primary, binomial(primary, self.service.errors, chance))
        # Where there is no baseline, nothing is drawn for one: a seed gives what it gave before.
        second = poisson(drawn * shares.baseline, chance) if shares.baseline else 0
        self._add(Arm.SECOND, second, binomial(second, self.service.errors, chance))
        answered = poisson(drawn * shares.canary, chance)
        unseen = poisson(drawn * shares.copies + load * minutes, chance)
        bad = binomial(answered, self.failing, chance)
        self.hurt += bad
        self._add(Arm.CANARY, answered + unseen, bad + binomial(unseen, self.failing, chance))

    def _add(self, arm: Arm, requests: int, bad: int) -> None:
        sums = self._sums[arm]
        sums.append(RequestCount(sums[-1].requests + requests, sums[-1].bad + bad))

    def between(self, arm: Arm, start: datetime, end: datetime) -> RequestCount:
        """Count what a side had between two moments, up to now."""
        first, last = self._at(arm, start), self._at(arm, end)
        return RequestCount(last.requests - first.requests, last.bad - first.bad)

    def _at(self, arm: Arm, moment: datetime) -> RequestCount:
        """Read the counters at a moment; between two readings they grow evenly."""
        moments, sums = self._moments, self._sums[arm]
        after = bisect_right(moments, moment)
        if after == len(moments):
            return sums[-1]
        if after == 0:
            return sums[0]
        before = moments[after - 1]
        part = (moment - before) / (moments[after] - before)
        low, high = sums[after - 1], sums[after]
        return RequestCount(
            low.requests + part * (high.requests - low.requests),
            low.bad + part * (high.bad - low.bad),
        )


def _shares(routed: Seen | None, matching: float) -> _Shares:
    """Give what each side gets of all requests."""
    if routed is None:
        return _Shares(0, 0, 1)
    part = matching if routed.matched else 1.0
    canary = part * routed.weight / FULL
    baseline = part * routed.baseline / FULL
    return _Shares(canary, part * routed.mirror / FULL, 1 - canary - baseline, baseline)
