"""A store that can count over any window: what providers of such stores share.

A count is a query of the store's own, which gives the number of requests in the window. Blocks begin
and end with a whole bucket of the store, and each begins where the last one ended.
"""

from abc import abstractmethod
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any, ClassVar

from analysis.errors import LoginRefused, QueryError
from analysis.model import NoData, Outcome, ProviderSpec, Sample
from analysis.providers.store import Reading, Request, StoreProvider
from analysis.providers.windows import Window, closed

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class CountingProvider(StoreProvider):
    """Ask a store for values, and for counts of requests."""

    block: ClassVar[timedelta] = timedelta(seconds=1)
    """Blocks begin and end at multiples of this."""

    @classmethod
    def check_count(cls, spec: ProviderSpec, query: str) -> None:
        """Find out whether a query can count.

        Raises:
            QueryError: it cannot; says what to write.
        """

    def counting(self, query: str, window: Window) -> str:
        """Write the query for a block, where it must say how long that is."""
        return query

    async def count(self, query: str, since: datetime, at: datetime) -> Outcome:
        """Count over the time from a moment up to where the data are whole."""
        self.check_count(self._spec, query)
        window = self.whole(since, at)
        if isinstance(window, NoData):
            return window
        return await self._counted(query, window)

    async def _counted(self, query: str, window: Window) -> Outcome:
        return requests(await self.ask_outcome(self.counting(query, window), window, counted=True))

    def whole(self, since: datetime, at: datetime) -> Window | NoData:
        """Give the block from a moment up to where the data are whole; no data where there is none."""
        newest = self.window(at, timedelta(0))
        end = closed(newest.end, timedelta(0), settle=timedelta(0), bucket=self.block).end
        # A block goes back to where the last one ended, which is such a multiple; the first one may not.
        start = _EPOCH + -((_EPOCH - since) // self.block) * self.block
        if start >= end:
            reason = f"requests are counted {(at - end).total_seconds():.0f} s after their time"
            return NoData(reason=reason, warming_up=True)
        return Window(start=start, end=end)


class SideBySideProvider(CountingProvider):
    """Count by several queries with one request, whose answer has a part for each of them.

    So what a metric counts is of one moment of the store, and costs one request of its budget.
    """

    _apart = False
    """Whether the credentials allow each query, and not several at once: OpenSearch has it so."""

    @classmethod
    def takes_together(cls, spec: ProviderSpec) -> bool:
        """Tell whether the API and the language of a spec take several queries."""
        return True

    @abstractmethod
    def request_together(self, queries: Sequence[str], window: Window) -> Request:
        """Write a question with several queries.

        Raises:
            QueryError: one of them has to be asked alone.
        """

    @abstractmethod
    def parts(self, payload: Any, asked: Sequence[str]) -> Sequence[Any]:
        """Give what each query, as it was put, would have been answered alone.

        An answer of another shape may raise what reading it raises.

        Raises:
            AnalysisError: the answer says that there is none, or no whole one.
        """

    def read_count(self, payload: Any, query: str, window: Window) -> Reading:
        """Read the answer to a count, where that is not read as a value is."""
        return self.read(payload, query, window)

    async def count_together(
        self, queries: Sequence[str], since: datetime, at: datetime
    ) -> tuple[Outcome, ...]:
        """Count by several queries over the same block."""
        for each in queries:
            self.check_count(self._spec, each)
        window = self.whole(since, at)
        if isinstance(window, NoData):
            return (window,) * len(queries)
        if self._apart:
            return await self._each(queries, window)
        try:
            return await self._together(queries, window)
        except LoginRefused:
            found = await self._each(queries, window)
            self._apart = True
            return found

    async def _each(self, queries: Sequence[str], window: Window) -> tuple[Outcome, ...]:
        return tuple([await self._counted(each, window) for each in queries])

    async def _together(self, queries: Sequence[str], window: Window) -> tuple[Outcome, ...]:
        def read(payload: Any) -> list[Reading]:
            parts = self.parts(payload, asked)
            pairs = zip(parts, queries, strict=True)
            return [self.read_count(part, query, window) for part, query in pairs]

        asked = [self.counting(each, window) for each in queries]
        answer = await self.send(self.request_together(asked, window))
        readings = self.understand(answer, read)
        return tuple(requests(self.made_of(each, window, counted=True)) for each in readings)


def requests(found: Outcome) -> Outcome:
    """Give a number of requests as it was found.

    Raises:
        QueryError: it is none.
    """
    if isinstance(found, Sample) and not (isfinite(found.value) and found.value >= 0):
        raise QueryError(f"the query gives {found.value:g}, which is no number of requests")
    return found
