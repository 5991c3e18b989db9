"""Provider `honeycomb`: one calculation over the events of a Honeycomb dataset.

A query is Honeycomb's own JSON with one of `calculations`, and no `breakdowns`; the window is added.
The option `dataset` names the dataset by its slug. Honeycomb takes results of queries from those who
have its Query Data API; the counts are estimated where the events are sampled.

Honeycomb has no key that finds a result again, and ends none: a result whose id was lost is
asked for once more, and one that is not waited for any longer is computed to its end.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from math import isnan
from typing import Any, ClassVar
from urllib.parse import quote

import orjson

from analysis.errors import Ambiguous, QueryError
from analysis.http.exchange import HttpAnswer
from analysis.model import NoData, Outcome, ProviderSpec, Sample
from analysis.providers.connection import Headers
from analysis.providers.resumable import CHECK_OPTIONS, ResumableStore
from analysis.providers.series import number
from analysis.providers.store import Request
from analysis.resuming import Working

_JSON = {"Content-Type": "application/json"}
_KEY = "api_key"


class HoneycombProvider(ResumableStore):
    """Have Honeycomb compute, and read the result."""

    secret_keys: ClassVar[tuple[str, ...]] = (_KEY,)
    required: ClassVar[tuple[str, ...]] = (_KEY,)
    options: ClassVar[tuple[str, ...]] = (*CHECK_OPTIONS, "dataset")
    home = "https://api.honeycomb.io"
    root = "the root of Honeycomb's API"
    settle = timedelta(seconds=30)

    @classmethod
    def check(cls, spec: ProviderSpec) -> None:
        """Also find out whether a dataset is named."""
        super().check(spec)
        if not dict(spec.options).get("dataset"):
            raise QueryError("provider.options.dataset: name the dataset of Honeycomb by its slug")

    def presented(self, keys: Mapping[str, str]) -> Headers:
        """Present the key in the header that Honeycomb reads."""
        return (("X-Honeycomb-Team", keys[_KEY]),)

    async def start(self, query: str, at: datetime, interval: timedelta, key: str) -> str:
        """Ask for a result; nothing tells it from another one of the same query."""
        asked, window = _calculation(query), self.window(at, interval)
        asked["start_time"] = int(window.start.timestamp())
        asked["end_time"] = int(window.end.timestamp())
        named = await self._made("queries", asked)
        return await self._made("query_results", {"query_id": named, "disable_series": True})

    async def poll(self, handle: str, at: datetime) -> Outcome | Working:
        """Ask how far a result is."""
        path = f"{self._path('query_results')}/{quote(handle, safe='')}"
        answer = await self.send(Request(path=path))
        return self.understand(answer, lambda found: _said(found, at))

    async def cancel(self, handle: str) -> None:
        """Do nothing: Honeycomb computes a result to its end, and forgets it after a while."""

    def answers(self, answer: HttpAnswer) -> bool:
        """Tell whether what came is an answer: where it makes something, it is 201."""
        return answer.status in {200, 201}

    def words(self, payload: Any) -> str:
        """Find what Honeycomb says of an error."""
        return str(payload.get("error") or payload.get("title") or "")

    async def _made(self, what: str, asked: Mapping[str, Any]) -> str:
        content = orjson.dumps(asked)
        answer = await self.send(Request(path=self._path(what), content=content, headers=_JSON))
        return self.understand(answer, lambda made: str(made["id"]))

    def _path(self, what: str) -> str:
        return f"/1/{what}/{quote(self._options['dataset'], safe='')}"


def _calculation(query: str) -> dict[str, Any]:
    """Read a query.

    Raises:
        QueryError: it does not give one value.
    """
    try:
        asked = orjson.loads(query)
        if len(asked["calculations"]) != 1 or asked.get("breakdowns"):
            raise ValueError
        return dict(asked)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise QueryError(
            "the query is none of Honeycomb that gives one value; write JSON of the form "
            '{"calculations": [{"op": "COUNT"}], "filters": […]}, with one calculation and without '
            "breakdowns"
        ) from error


def _said(found: Any, at: datetime) -> Outcome | Working:
    """Read what has come of a result."""
    if not found["complete"]:
        return Working(state="computing")
    rows = [each["data"] for each in found["data"]["results"]]
    if len(rows) > 1:
        raise Ambiguous(f"the query gives {len(rows)} rows where one is expected")
    value = number(next(iter(rows[0].values()), None)) if rows else None
    if value is None or isnan(value):
        return NoData(reason="the query found no value in the window")
    return Sample(value=value, at=at)
