"""Provider `loki`: one value from a metric query in LogQL."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from analysis.model import ProviderSpec
from analysis.providers.counted import SideBySideProvider
from analysis.providers.ranges import check_range, ranged
from analysis.providers.store import Reading, Request
from analysis.providers.vectors import parts, side_by_side, vector
from analysis.providers.windows import Window


class LokiProvider(SideBySideProvider):
    """Ask Loki for the value at the end of the window; LogQL says itself how far it looks back."""

    root = "the root of a Loki server"
    settle = timedelta(seconds=15)

    @classmethod
    def check_count(cls, spec: ProviderSpec, query: str) -> None:
        """Find out whether a query says where the length of a block goes."""
        check_range(query, 'sum(count_over_time({app="shop"}[$__range]))')

    def counting(self, query: str, window: Window) -> str:
        """Write how long the block is."""
        return ranged(query, window)

    def request(self, query: str, window: Window) -> Request:
        """Ask for an instant."""
        # A whole number would be nanoseconds.
        moment = f"{window.end.timestamp():.3f}"
        return Request(path="/loki/api/v1/query", parameters={"query": query, "time": moment})

    def request_together(self, queries: Sequence[str], window: Window) -> Request:
        """Ask for the series of all queries, each with a label."""
        return self.request(side_by_side(queries), window)

    def parts(self, payload: Any, asked: Sequence[str]) -> Sequence[Any]:
        """Give the series of each query."""
        return parts(payload, len(asked))

    def read(self, payload: Any, query: str, window: Window) -> Reading:
        """Read a vector."""
        return Reading(
            series=vector(payload["data"]), warnings=tuple(payload.get("warnings") or ())
        )

    def words(self, payload: Any) -> str:
        """Find nothing: Loki refuses in plain text, which could be any page."""
        return ""
