"""Provider `dynatrace`: one value from a metric selector of Dynatrace's Metrics API v2."""

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from analysis.errors import Partial, QueryError
from analysis.model import ProviderSpec
from analysis.providers.connection import Headers
from analysis.providers.counted import SideBySideProvider
from analysis.providers.series import Point, Series, number
from analysis.providers.store import Reading, Request
from analysis.providers.windows import Window

_SUM = re.compile(r":(sum|count|value)\b")
#: What a selector is repeated without, or with more of.
_NOISE = re.compile(r'[\s"]')
#: How many metrics one request may be about.
_MOST_METRICS = 10
_RATE = re.compile(r":(avg|max|median|min|percentile|rate)\b")


class DynatraceProvider(SideBySideProvider):
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

    def request_together(self, queries: Sequence[str], window: Window) -> Request:
        """Ask by as many selectors."""
        names = {_NOISE.sub("", each) for each in queries}
        if not len(names) == len(queries) <= _MOST_METRICS:
            raise QueryError(
                f"one request is about {_MOST_METRICS} metrics at most, each with a text of its own"
            )
        return self.request(",".join(each.strip() for each in queries), window)

    def parts(self, payload: Any, asked: Sequence[str]) -> Sequence[Any]:
        """Give the series of each selector, which are listed under its text.

        Raises:
            QueryError: they are listed under another, so that each selector is asked alone from now on.
        """
        names = [_NOISE.sub("", each) for each in asked]
        listed: dict[str, list[Any]] = {name: [] for name in names}
        for each in payload["result"]:
            name = _NOISE.sub("", each["metricId"])
            if name not in listed:
                self._apart = True
                raise QueryError(f"{self._where} names a metric otherwise than it was asked to")
            listed[name].append(each)
        return [payload | {"result": listed[name]} for name in names]

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
