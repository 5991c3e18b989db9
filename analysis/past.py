"""The past as an analysis asks for it: values from range data, and counts at the moments they end."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from analysis.asking import Providers
from analysis.errors import AnalysisError, FailureKind
from analysis.model import Ask, Metric, NoData, Outcome, ProviderSpec, QueryFailure, Sample, Signal
from analysis.providers import KEPT_BY
from analysis.providers.history import MOST_POINTS, History

#: A range takes longer than the one value that a time limit is meant for.
RANGE_TIMEOUT = timedelta(minutes=2)
_SLACK = timedelta(milliseconds=500)
"""How far a server may round the moments of a range."""

_Key = tuple[ProviderSpec, str]


class Past:
    """Answers questions about moments that have passed.

    Values are read once for a whole range, at every step of it: the answer for a moment is that of
    the last step before it. What is counted is counted by the store itself.
    """

    def __init__(self, providers: Providers, step: timedelta) -> None:
        self._providers = providers
        self._step = step
        self._points: dict[_Key, tuple[list[datetime], list[float]]] = {}
        self._failures: dict[_Key, QueryFailure] = {}

    async def read(self, metrics: Iterable[Metric], start: datetime, end: datetime) -> None:
        """Read the values of metrics over a range; a query that was read is not read again."""
        for metric in metrics:
            for ask in metric.asks:
                key = (metric.provider, ask.query)
                if ask.signal is not Signal.VALUE or key in self._points:
                    continue
                if metric.provider.type in KEPT_BY:
                    await self._read(key, start, end)
                    continue
                reason = f"the provider {metric.provider.type} keeps no past that can be read"
                failure = QueryFailure(reason=reason, kind=FailureKind.QUERY)
                self._points[key], self._failures[key] = ([], []), failure

    async def _read(self, key: _Key, start: datetime, end: datetime) -> None:
        provider, query = key
        moments: list[datetime] = []
        values: list[float] = []
        try:
            limit = max(provider.timeout, RANGE_TIMEOUT)
            history = History(replace(provider, timeout=limit))
            for first, last in _parts(start, end, self._step):
                series = await history.read(query, first, last, self._step)
                moments += (at for at, _ in series.points)
                values += (value for _, value in series.points)
        except AnalysisError as error:
            reason = provider.redact(str(error))
            self._failures[key] = QueryFailure(reason=reason, kind=error.kind)
        self._points[key] = (moments, values)

    def points(self, metric: Metric) -> tuple[tuple[datetime, float], ...]:
        """Give the values of a metric that were read, the canary's where it asks for both, oldest first."""
        moments, values = self._points.get((metric.provider, metric.query), ([], []))
        return tuple(zip(moments, values, strict=True))

    async def ask(self, metric: Metric, at: datetime, ask: Ask | None = None) -> Outcome:
        """Answer a question of a metric about a moment."""
        if ask is not None and ask.since is not None:
            return await self._providers.ask(metric, at, ask)
        key = (metric.provider, ask.query if ask is not None else metric.query)
        if (failure := self._failures.get(key)) is not None:
            return failure
        moments, values = self._points[key]
        last = bisect_right(moments, at + _SLACK) - 1
        if last < 0 or at - moments[last] >= self._step + _SLACK:
            return NoData(reason="the store has no value of that moment")
        return Sample(value=values[last], at=at)


def _parts(start: datetime, end: datetime, step: timedelta) -> Iterator[tuple[datetime, datetime]]:
    """Cut a range into parts of as many points as a server gives at once."""
    longest = step * (MOST_POINTS - 1)
    while start <= end:
        yield start, min(start + longest, end)
        start += longest + step
