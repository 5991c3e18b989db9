"""Provider `graphite`: one value from Graphite's render API, or from what speaks it.

A query is what stands behind the `?` of an address of that API: `target=sumSeries(a.*)`. One that counts
gives the sum of each minute, and those that lie in the block as a whole are added up.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qsl, urlencode

from analysis.errors import QueryError
from analysis.http.exchange import HttpAnswer
from analysis.model import Outcome, ProviderSpec
from analysis.providers.counted import SideBySideProvider
from analysis.providers.series import Point, Series, number
from analysis.providers.store import Reading, Request
from analysis.providers.windows import Window

_MINUTE = timedelta(minutes=1)
_NAME = "tidegate"
"""What series are called whose target is one of several, with the number of the target."""
_SUMS = re.compile(
    r"""(summarize\(.*,\s*(['"])(1min|1m|60s)\2\s*,\s*(['"])sum\4"""
    r"""|hitcount\(.*,\s*(['"])(1min|1m|60s)\5)\s*\)"""
)


class GraphiteProvider(SideBySideProvider):
    """Ask Graphite for the newest point of the window, unless the query has a `from` of its own."""

    root = "the root of a Graphite server"
    settle = timedelta(seconds=60)
    block = _MINUTE

    @classmethod
    def check_count(cls, spec: ProviderSpec, query: str) -> None:
        """Find out whether each point is how much there was in its minute."""
        asked = parse_qsl(" ".join(query.split()))
        if [name for name, _ in asked] != ["target"] or _SUMS.fullmatch(
            asked[0][1].strip()
        ) is None:
            raise QueryError(
                "counts: the query gives no sum of each minute; write it as "
                "target=summarize(…, '1min', 'sum'), or target=hitcount(…, '1min') for a rate"
            )

    async def ask_outcome(self, query: str, window: Window, *, counted: bool = False) -> Outcome:
        """Ask for the value over a window; of a count, also for the minutes around it."""
        if not counted:
            return await super().ask_outcome(query, window)
        return self.made_of(await self.ask(query, _around(window)), window, counted=True)

    def request_together(self, queries: Sequence[str], window: Window) -> Request:
        """Ask for as many targets, each with a name by which its series are known again."""
        targets = [parse_qsl(" ".join(each.split()))[0][1].strip() for each in queries]
        named = [("target", f"alias({each}, '{_NAME}{n}')") for n, each in enumerate(targets)]
        return self.request(urlencode(named), _around(window))

    def parts(self, payload: Any, asked: Sequence[str]) -> Sequence[Any]:
        """Give the series of each target."""
        if isinstance(payload, dict):
            return [payload] * len(asked)
        listed = _listed(payload)
        found = [
            [each for each in listed if each["target"] == f"{_NAME}{n}"] for n in range(len(asked))
        ]
        if sum(map(len, found)) != len(listed):
            raise ValueError("a series has no name of a target")
        return found

    def request(self, query: str, window: Window) -> Request:
        """Post the query as a form, for targets may be long."""
        # Queries are broken into lines for people; Graphite reads a blank where a line ends.
        asked = parse_qsl(" ".join(query.split()), keep_blank_values=True)
        named = {name for name, _ in asked}
        if "target" not in named:
            raise QueryError(
                "the query has no target; write it as target=..., such as target=sumSeries(a.*)"
            )
        ours = {
            "from": str(int(window.start.timestamp())),
            "until": str(int(window.end.timestamp())),
            "format": "json",
        }
        form = [(name, value.strip()) for name, value in asked if name != "format"]
        form += [(name, value) for name, value in ours.items() if name not in named - {"format"}]
        return Request(
            path="/render",
            content=urlencode(form).encode(),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )

    def decode(self, answer: HttpAnswer) -> Any:
        """Decode JSON in which infinity is written as 1e9999."""
        return json.loads(answer.body)

    def read(self, payload: Any, query: str, window: Window) -> Reading:
        """Read a list of series."""
        if isinstance(payload, dict) and (said := self.words(payload)):
            raise QueryError(f"{self._where} refuses the query: {self.shown(said)}")
        return Reading(series=[_series(each["datapoints"]) for each in _listed(payload)])

    def words(self, payload: Any) -> str:
        """Find the one error that what speaks Graphite's API says in JSON."""
        match payload:
            case {"error": str(text)}:
                return text
            case _:
                return ""


def _around(window: Window) -> Window:
    """Give a block with the minutes around it: a minute at the edge of what is asked may not be whole."""
    return replace(window, start=window.start - 2 * _MINUTE, end=window.end + _MINUTE)


def _listed(payload: Any) -> list[Any]:
    if not isinstance(payload, list):
        raise TypeError("Graphite answers with a list")
    return payload


def _series(points: Any) -> Series:
    """Read points, oldest first; each stands for the time until the next one."""
    times = [float(at) for _, at in points]
    step = min((later - earlier for earlier, later in pairwise(times)), default=0.0)
    return tuple(Point(number(value), float(at), max(step, 0.0)) for value, at in points)
