"""Provider `loki`: one value from a metric query in LogQL."""

from datetime import timedelta
from typing import Any

from analysis.providers.store import Reading, Request, StoreProvider
from analysis.providers.vectors import vector
from analysis.providers.windows import Window


class LokiProvider(StoreProvider):
    """Ask Loki for the value at the end of the window; LogQL says itself how far it looks back."""

    root = "the root of a Loki server"
    settle = timedelta(seconds=15)

    def request(self, query: str, window: Window) -> Request:
        """Ask for an instant."""
        # A whole number would be nanoseconds.
        moment = f"{window.end.timestamp():.3f}"
        return Request(path="/loki/api/v1/query", parameters={"query": query, "time": moment})

    def read(self, payload: Any, query: str, window: Window) -> Reading:
        """Read a vector."""
        return Reading(
            series=vector(payload["data"]), warnings=tuple(payload.get("warnings") or ())
        )

    def words(self, payload: Any) -> str:
        """Find nothing: Loki refuses in plain text, which could be any page."""
        return ""
