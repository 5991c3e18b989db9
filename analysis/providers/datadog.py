"""Provider `datadog`: one value from Datadog's API for metrics.

A query is Datadog's own text, and goes to version 1. With the option `api: v2` it goes to version 2,
where it may also be a JSON object with `queries` and `formulas`; that way it can count logs, spans
and events, too.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

import orjson

from analysis.errors import Partial, QueryError
from analysis.model import ProviderSpec
from analysis.providers.connection import Headers
from analysis.providers.counted import SideBySideProvider
from analysis.providers.series import Point, number
from analysis.providers.store import OPTIONS, Reading, Request
from analysis.providers.windows import Window

_AGGREGATORS = ("avg", "last", "max", "min", "sum")


class DatadogProvider(SideBySideProvider):
    """Ask Datadog, at the site of its address; US1 where the template names none."""

    required: ClassVar[tuple[str, ...]] = ("datadog_api_key", "datadog_application_key")
    secret_keys = required
    options: ClassVar[tuple[str, ...]] = (*OPTIONS, "aggregator", "api")
    home = "https://api.datadoghq.com"
    root = "that of Datadog's API at your site, such as https://api.datadoghq.eu"
    settle = timedelta(seconds=90)
    bucket = timedelta(seconds=10)
    block = timedelta(minutes=1)

    @classmethod
    def check(cls, spec: ProviderSpec) -> None:
        """Also find out whether the version and the aggregator exist."""
        super().check(spec)
        options = dict(spec.options)
        if options.get("api", "v1") not in {"v1", "v2"}:
            raise QueryError("provider.options.api: write v1 or v2")
        if options.get("aggregator", "avg") not in _AGGREGATORS:
            raise QueryError(f"provider.options.aggregator: write one of {', '.join(_AGGREGATORS)}")

    @classmethod
    def check_count(cls, spec: ProviderSpec, query: str) -> None:
        """Find out whether what version 2 gives over a window is its sum."""
        options, own = dict(spec.options), query.lstrip().startswith("{")
        if options.get("api") != "v2" or not (own or options.get("aggregator") == "sum"):
            raise QueryError(
                "counts: Datadog counts in version 2 of its API; write the options api: v2 and "
                "aggregator: sum"
            )
        if not own and ".as_count()" not in query:
            raise QueryError("counts: the query gives a rate; add .as_count() to it")

    def presented(self, keys: Mapping[str, str]) -> Headers:
        """Give both keys."""
        return (
            ("DD-API-KEY", keys["datadog_api_key"]),
            ("DD-APPLICATION-KEY", keys["datadog_application_key"]),
        )

    def request(self, query: str, window: Window) -> Request:
        """Ask for points in version 1, for a value over the window in version 2."""
        if self._options.get("api") != "v2":
            start, end = int(window.start.timestamp()), int(window.end.timestamp())
            parameters = {"query": query, "from": str(start), "to": str(end)}
            return Request(path="/api/v1/query", parameters=parameters)
        return self._scalar(self._asked(query), window)

    @classmethod
    def takes_together(cls, spec: ProviderSpec) -> bool:
        """Tell whether version 2 is asked, which takes several queries."""
        return dict(spec.options).get("api") == "v2"

    def request_together(self, queries: Sequence[str], window: Window) -> Request:
        """Ask for as many formulas, each a query."""
        if any(each.lstrip().startswith("{") for each in queries):
            raise QueryError("the query has names of its own, so it is asked alone")
        asked = [self._asked(each, f"q{n}") for n, each in enumerate(queries)]
        together = {key: [one for each in asked for one in each[key]] for key in asked[0]}
        return self._scalar(together, window)

    def parts(self, payload: Any, asked: Sequence[str]) -> Sequence[Any]:
        """Give the column of each formula, which has its name.

        Raises:
            QueryError: a column has another name, so that each query must be asked alone.
        """
        if payload.get("errors"):
            return [payload] * len(asked)
        columns = [each for each in _columns(payload) if each["type"] == "number"]
        if [each["name"] for each in columns] != [f"q{n}" for n in range(len(asked))]:
            raise QueryError(f"{self._where} names what it computed otherwise than it was asked to")
        return [{"data": {"attributes": {"columns": [each]}}} for each in columns]

    def _scalar(self, asked: Mapping[str, Any], window: Window) -> Request:
        start, end = int(window.start.timestamp()), int(window.end.timestamp())
        attributes = {**asked, "from": start * 1000, "to": end * 1000}
        content = {"data": {"type": "scalar_request", "attributes": attributes}}
        return Request(
            path="/api/v2/query/scalar",
            content=orjson.dumps(content),
            headers={"Content-Type": "application/json"},
        )

    def _asked(self, query: str, name: str = "a") -> dict[str, Any]:
        if not query.lstrip().startswith("{"):
            aggregator = self._options.get("aggregator", "avg")
            asked = {"data_source": "metrics", "name": name, "aggregator": aggregator}
            return {"queries": [asked | {"query": query.strip()}], "formulas": [{"formula": name}]}
        try:
            asked = orjson.loads(query)
        except orjson.JSONDecodeError as error:
            raise QueryError(
                f"the query is no JSON: {error}; write queries and formulas"
            ) from error
        return {key: asked[key] for key in ("queries", "formulas") if key in asked}

    def read(self, payload: Any, query: str, window: Window) -> Reading:
        """Read points of version 1, or columns of version 2."""
        if "data" in payload:
            return self._columns(payload)
        if payload["status"] != "ok":
            raise QueryError(f"{self._where} refuses the query: {self.shown(payload['error'])}")
        return Reading(
            series=[
                tuple(
                    Point(number(value), at / 1000, float(each.get("interval") or 0))
                    for at, value in each["pointlist"]
                )
                for each in payload["series"]
            ],
            warnings=(payload["message"],) if payload.get("message") else (),
        )

    def _columns(self, payload: Any) -> Reading:
        """Read a table: each number of it is a series of its own."""
        if payload.get("errors"):
            raise Partial(
                f"{self._where} answers with a part of the data: {self.shown(payload['errors'])}"
            )
        values = [each["values"] for each in _columns(payload) if each["type"] == "number"]
        return Reading(series=[(Point(number(value)),) for column in values for value in column])

    def words(self, payload: Any) -> str:
        """Find the list of errors."""
        match payload:
            case {"errors": [*errors]}:
                return "; ".join(each for each in errors if isinstance(each, str))
            case _:
                return ""


def _columns(payload: Any) -> Any:
    return payload["data"]["attributes"]["columns"]
