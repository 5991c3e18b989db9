"""Provider `skywalking`: one value from an expression in MQE of Apache SkyWalking.

A query is JSON: `{"service": "shop", "expression": "avg(service_sla/100)"}`, with `instance` for one of the
service's alone. SkyWalking keeps minutes, and names them by the clock of its own time zone, which it is
asked for once.
"""

import re
from datetime import UTC, timedelta, timezone, tzinfo
from typing import Any

import orjson

from analysis.errors import QueryError
from analysis.providers.series import Point, Series, number
from analysis.providers.store import Reading, Request, StoreProvider
from analysis.providers.windows import Window

_MINUTE = timedelta(minutes=1)
_TIME = "query { time: getTimeInfo { timezone } }"
_EXPRESSION = (
    "query ($expression: String!, $entity: Entity!, $duration: Duration!) { "
    "result: execExpression(expression: $expression, entity: $entity, duration: $duration) { "
    "error results { values { id value } } } }"
)
_KEYS = frozenset({"expression", "instance", "service"})
_ZONE = re.compile(r"([+-])([0-9]{2}):?([0-9]{2})")


class SkyWalkingProvider(StoreProvider):
    """Post expressions to the GraphQL API of an OAP server."""

    root = "the root of SkyWalking's OAP server, such as http://oap:12800"
    settle = timedelta(minutes=2)
    bucket = _MINUTE
    _zone: tzinfo | None = None

    async def ask(self, query: str, window: Window) -> Reading:
        """Put a question, once it is known what time it is there."""
        _asked(query)
        if self._zone is None:
            answer = await self.send(_posted({"query": _TIME}))
            self._zone = self.understand(answer, self._zone_of)
        return await super().ask(query, window)

    def request(self, query: str, window: Window) -> Request:
        """Post the expression; both ends of the time that it is about belong to it."""
        asked = _asked(query)
        entity = {"serviceName": asked["service"], "normal": True}
        if instance := asked.get("instance"):
            entity["serviceInstanceName"] = instance
        first, last = (
            f"{each.astimezone(self._zone or UTC):%Y-%m-%d %H%M}"
            for each in (window.start, window.end - _MINUTE)
        )
        duration = {"start": first, "end": last, "step": "MINUTE"}
        variables = {"expression": asked["expression"], "entity": entity, "duration": duration}
        return _posted({"query": _EXPRESSION, "variables": variables})

    def read(self, payload: Any, query: str, window: Window) -> Reading:
        """Read the results, each of which is a series; an error comes with status 200."""
        found = self._data(payload)["result"]
        if said := found.get("error"):
            raise QueryError(f"{self._where} refuses the query: {self.shown(said)}")
        return Reading(series=[_series(each["values"]) for each in found["results"]])

    def words(self, payload: Any) -> str:
        """Find the message of an error of GraphQL."""
        return str(payload["errors"][0]["message"])

    def _data(self, payload: Any) -> Any:
        if payload.get("errors"):
            raise QueryError(f"{self._where} refuses the query: {self.shown(self.words(payload))}")
        return payload["data"]

    def _zone_of(self, payload: Any) -> tzinfo:
        found = _ZONE.fullmatch(self._data(payload)["time"]["timezone"])
        if found is None:
            raise ValueError
        sign, hours, minutes = found.groups()
        ahead = timedelta(hours=int(hours), minutes=int(minutes))
        return timezone(-ahead if sign == "-" else ahead)


def _posted(document: dict[str, Any]) -> Request:
    return Request(
        path="/graphql",
        content=orjson.dumps(document),
        headers={"Content-Type": "application/json"},
    )


def _asked(query: str) -> dict[str, str]:
    """Read a query.

    Raises:
        QueryError: it names no service, or no expression.
    """
    try:
        asked = orjson.loads(query)
        texts = all(isinstance(each, str) and each for each in asked.values())
        if not texts or not {"expression", "service"} <= asked.keys() <= _KEYS:
            raise ValueError
    except (ValueError, AttributeError) as error:
        raise QueryError(
            'the query is none of SkyWalking; write JSON of the form {"service": "shop", '
            '"expression": "avg(service_sla/100)"}, with "instance" for one of its instances'
        ) from error
    return dict(asked)


def _series(values: Any) -> Series:
    """Read values: those of minutes say of which, by a time in milliseconds; others stand for all."""
    return tuple(
        Point(
            number(each["value"]),
            int(each["id"]) / 1000 if each.get("id") else None,
            _MINUTE.total_seconds(),
        )
        for each in values
    )
