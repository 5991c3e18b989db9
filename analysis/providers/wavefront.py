"""Provider `wavefront`: one value from a `ts()` query of Wavefront (Aria Operations for Applications).

Only points within the window are asked for, minute by minute. Of a count they are added up.
"""

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, ClassVar

from analysis.errors import AnalysisError, QueryError, Throttled
from analysis.http.exchange import HttpAnswer
from analysis.model import ProviderSpec
from analysis.providers.counted import SideBySideProvider
from analysis.providers.series import Point, known, number
from analysis.providers.store import Reading, Request
from analysis.providers.windows import Window

#: The point tag that says which of several queries a series answers.
_PART = "tidegate_part"
_SUMS = re.compile(r"\s*align\(\s*1m\s*,\s*sum\s*,")


class WavefrontProvider(SideBySideProvider):
    """Ask the charts API of an instance, with a token."""

    required: ClassVar[tuple[str, ...]] = ("token",)
    secret_keys = required
    root = "that of a Wavefront instance, such as https://example.wavefront.com"
    settle = timedelta(seconds=60)
    bucket = timedelta(seconds=60)
    block = timedelta(minutes=1)

    @classmethod
    def check_count(cls, spec: ProviderSpec, query: str) -> None:
        """Find out whether each point is how much there was in its minute."""
        if _SUMS.match(query) is None:
            raise QueryError(
                "counts: the query gives no sum of each minute; write align(1m, sum, …) around it"
            )

    def request(self, query: str, window: Window) -> Request:
        """Ask for the points of the window alone; a chart would take others from outside of it."""
        start, end = (int(each.timestamp()) * 1000 for each in (window.start, window.end))
        # A point at the end is the first of the next window.
        return Request(
            path="/api/v2/chart/api",
            parameters={
                "q": query.strip(),
                "s": str(start),
                "e": str(end - 1),
                "g": "m",
                "i": "false",
                "strict": "true",
                "sorted": "true",
                "cached": "false",
            },
        )

    def request_together(self, queries: Sequence[str], window: Window) -> Request:
        """Ask for the series of all queries, each with the number of its own in a tag."""
        tagged = (f'taggify({each.strip()}, {_PART}, "{n}")' for n, each in enumerate(queries))
        return self.request(f"collect({', '.join(tagged)})", window)

    def parts(self, payload: Any, asked: Sequence[str]) -> Sequence[Any]:
        """Give the series of each query."""
        found: dict[str, list[Any]] = {str(n): [] for n, _ in enumerate(asked)}
        for each in payload.get("timeseries") or ():
            found[each["tags"][_PART]].append(each)
        return [payload | {"timeseries": each} for each in found.values()]

    def read(self, payload: Any, query: str, window: Window) -> Reading:
        """Read the series; an instance answers with an error in its place as well."""
        if payload.get("errorType"):
            raise QueryError(f"{self._where} refuses the query: {self.shown(self.words(payload))}")
        warnings = payload.get("warnings")
        # Without a series the answer still repeats the query.
        found = payload.get("timeseries") or (payload["query"] and ())
        return Reading(
            series=[
                known(Point(number(value), at) for at, value in each["data"]) for each in found
            ],
            warnings=(warnings,) if warnings else (),
        )

    def refused(self, answer: HttpAnswer) -> AnalysisError:
        """Take 406, too, for a store that was asked too often."""
        if answer.status == 406:
            return Throttled(
                f"{self._where} answers 406: it was asked too often", answer.retry_after
            )
        return super().refused(answer)

    def words(self, payload: Any) -> str:
        """Find the message of an error."""
        match payload:
            case {"errorMessage": str(message)} | {"message": str(message)}:
                return message
            case _:
                return ""
