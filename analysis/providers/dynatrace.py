"""Provider `dynatrace`: one value from a metric selector of Dynatrace's Metrics API v2."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar

from analysis.errors import Partial, QueryError
from analysis.model import ProviderSpec
from analysis.providers.connection import Headers
from analysis.providers.counted import CountingProvider
from analysis.providers.series import Point, Series, number
from analysis.providers.store import Reading, Request
from analysis.providers.windows import Window

_SUM = re.compile(r":(sum|count|value)\b")
_RATE = re.compile(r":(avg|max|median|min|percentile|rate)\b")


class DynatraceProvider(CountingProvider):
    """Ask an environment for one value over the window: at resolution `Inf`."""

    required: ClassVar[tuple[str, ...]] = ("dynatrace_token",)
    secret_keys = required
    root = "that of a Dynatrace environment, such as https://ENVIRONMENT.live.dynatrace.com"
    settle = timedelta(seconds=120)
    bucket = timedelta(seconds=60)
    block = timedelta(minutes=1)

    @classmethod
    def check_count(cls, spec: ProviderSpec, query: str) -> None:
        """Find out whether what a selector gives over a block is how much there was in it."""
        if _SUM.search(query) is None or _RATE.search(query):
            raise QueryError(
                "counts: the selector gives no sum; end it with :sum, as in "
                "builtin:service.requestCount.total:splitBy():sum"
            )

    def presented(self, keys: Mapping[str, str]) -> Headers:
        """Give the token."""
        return (("Authorization", f"Api-Token {keys['dynatrace_token']}"),)

    def request(self, query: str, window: Window) -> Request:
        """Ask over the window."""
        return Request(
            path="/api/v2/metrics/query",
            parameters={
                "metricSelector": query.strip(),
                "resolution": "Inf",
                "from": str(int(window.start.timestamp()) * 1000),
                "to": str(int(window.end.timestamp()) * 1000),
            },
        )

    def read(self, payload: Any, query: str, window: Window) -> Reading:
        """Read the series of every metric that the selector has found."""
        if payload.get("nextPageKey"):
            raise Partial(f"{self._where} answers with more than a page of series; aggregate them")
        found = payload["result"]
        return Reading(
            series=[_series(each["values"]) for metric in found for each in metric["data"]],
            warnings=tuple(text for metric in found for text in metric.get("warnings") or ()),
        )

    def words(self, payload: Any) -> str:
        """Find the message, and what it says of each part of the request."""
        match payload:
            case {"error": {"message": str(message), "constraintViolations": [*violations]}}:
                return "; ".join((message, *(str(each["message"]) for each in violations)))
            case {"error": {"message": str(message)}}:
                return message
            case _:
                return ""


def _series(values: Any) -> Series:
    """Read values, oldest first; their times are the ends of slots, the last of which may be late."""
    known = [value for value in map(number, values) if value is not None]
    return (Point(known[-1]),) if known else ()
