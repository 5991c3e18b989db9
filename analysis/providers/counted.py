"""A store that can count over any window: what providers of such stores share.

A count is a query of the store's own, which gives the number of requests in the window. Blocks begin
and end with a whole bucket of the store, and each begins where the last one ended.
"""

from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import ClassVar

from analysis.errors import QueryError
from analysis.model import NoData, Outcome, ProviderSpec, Sample
from analysis.providers.store import StoreProvider
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


def requests(found: Outcome) -> Outcome:
    """Give a number of requests as it was found.

    Raises:
        QueryError: it is none.
    """
    if isinstance(found, Sample) and not (isfinite(found.value) and found.value >= 0):
        raise QueryError(f"the query gives {found.value:g}, which is no number of requests")
    return found
