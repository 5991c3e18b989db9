"""Provider `datadog`: one value from Datadog's API for metrics.

A query is Datadog's own text, and goes to version 1. With the option `api: v2` it goes to version 2,
where it may also be a JSON object with `queries` and `formulas`; that way it can count logs, spans
and events, too.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar

import orjson

from analysis.errors import Partial, QueryError
from analysis.model import ProviderSpec
from analysis.providers.connection import Headers
from analysis.providers.counted import CountingProvider
from analysis.providers.series import Point, number
from analysis.providers.store import OPTIONS, Reading, Request
from analysis.providers.windows import Window

_AGGREGATORS = ("avg", "last", "max", "min", "sum")


class DatadogProvider(CountingProvider):
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
        start, end = int(window.start.timestamp()), int(window.end.timestamp())
        if self._options.get("api") != "v2":
            parameters = {"query": query, "from": str(start), "to": str(end)}
            return Request(path="/api/v1/query", parameters=parameters)
        attributes = {**self._asked(query), "from": start * 1000, "to": end * 1000}
        content = {"data": {"type": "scalar_request", "attributes": attributes}}
        return Request(
            path="/api/v2/query/scalar",
            content=orjson.dumps(content),
            headers={"Content-Type": "application/json"},
        )

    def _asked(self, query: str) -> dict[str, Any]:
        if not query.lstrip().startswith("{"):
            aggregator = self._options.get("aggregator", "avg")
            asked = {"data_source": "metrics", "name": "a", "aggregator": aggregator}
            return {"queries": [asked | {"query": query.strip()}], "formulas": [{"formula": "a"}]}
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
        columns = payload["data"]["attributes"]["columns"]
        values = [each["values"] for each in columns if each["type"] == "number"]
        return Reading(series=[(Point(number(value)),) for column in values for value in column])

    def words(self, payload: Any) -> str:
        """Find the list of errors."""
        match payload:
            case {"errors": [*errors]}:
                return "; ".join(each for each in errors if isinstance(each, str))
            case _:
                return ""
