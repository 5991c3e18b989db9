"""Provider `prometheus`: one value from an instant query, over the HTTP API.

Range data for charts and replays is in `history.py`.
"""

from datetime import datetime, timedelta
from math import isnan
from typing import Any

import orjson

from analysis.errors import Ambiguous, AnalysisError, QueryError
from analysis.http.exchange import HttpAnswer
from analysis.model import NoData, Outcome, ProviderSpec, Sample
from analysis.providers import refusals
from analysis.providers.connection import ProviderConnection, bad_address
from analysis.secrecy import shown_address, shown_text

#: Longer queries are posted: servers and proxies cut long request lines, and some proxies let
#: nothing but GET through, so the short ones are not.
LONGEST_IN_ADDRESS = 4000
#: How many warnings a sample carries.
MOST_WARNINGS = 5
#: What its address must be.
ROOT = "the root of a Prometheus API"


class PrometheusProvider:
    """Ask a server that speaks Prometheus's HTTP API: Prometheus, Thanos, Mimir, and their like."""

    def __init__(self, spec: ProviderSpec) -> None:
        if not spec.address:
            raise bad_address(spec.address)
        self._spec = spec
        self._address = f"{spec.address.rstrip('/')}/api/v1/query"
        self._connection = ProviderConnection(spec)

    async def query(
        self,
        query: str,
        at: datetime,
        interval: timedelta,
    ) -> Outcome:
        """Evaluate PromQL at a moment."""
        parameters = {
            "query": query,
            "time": f"{at.timestamp():.3f}",
            "timeout": f"{max(1, self._spec.timeout // timedelta(milliseconds=1))}ms",
        }
        if len(query) > LONGEST_IN_ADDRESS:
            answer = await self._connection.fetch(self._address, form=parameters)
        else:
            answer = await self._connection.fetch(self._address, parameters=parameters)
        where = shown_address(self._spec.address)
        if answer.status != 200:
            raise refusal(answer, where, self._spec)
        payload = _payload(answer, where)
        warnings = tuple(
            shown_text(str(warning), self._spec.secrets)
            for key in ("warnings", "infos")
            for warning in payload.get(key) or ()
        )
        return _outcome(payload.get("data"), at, warnings[:MOST_WARNINGS], where)

    async def prepare(self, query: str, interval: timedelta) -> None:
        """Do nothing: the server watches by itself."""

    async def close(self) -> None:
        """Close every connection."""
        await self._connection.close()


def refusal(answer: HttpAnswer, where: str, spec: ProviderSpec) -> AnalysisError:
    """Name a status other than 200, with the server's own words where it has any."""
    return refusals.refusal(answer, where, words=_words, secrets=spec.secrets, root=ROOT)


def _words(payload: Any) -> str:
    match payload:
        case {"errorType": str(kind), "error": str(text)}:
            return f"{kind}: {text}"
        case _:
            return ""


def _payload(answer: HttpAnswer, where: str) -> dict[str, Any]:
    try:
        payload = orjson.loads(answer.body)
    except orjson.JSONDecodeError as error:
        raise QueryError(
            f"{where} answers with {answer.media_type or 'something'} that is no JSON; check that "
            f"the address is {ROOT}"
        ) from error
    if not isinstance(payload, dict) or payload.get("status") != "success":
        raise unexpected(where)
    return payload


def _outcome(data: Any, at: datetime, warnings: tuple[str, ...], where: str) -> Outcome:
    match data:
        case {"resultType": "vector", "result": []}:
            return NoData(reason=_remarked("the query found no series", warnings))
        case {"resultType": "vector", "result": [{"value": [_, str(text)]}]}:
            return _sample(text, at, warnings, where)
        case {"resultType": "vector", "result": [{"histogram": _}]}:
            raise QueryError(
                "the query gives a native histogram where one number is expected; make it one, "
                "such as with histogram_quantile()"
            )
        case {"resultType": "vector", "result": [_, _, *_] as series}:
            raise Ambiguous(
                f"the query gives {len(series)} series where one is expected; aggregate them, "
                "such as with sum()"
            )
        case {"resultType": "scalar", "result": [_, str(text)]}:
            return _sample(text, at, warnings, where)
        case {"resultType": "matrix"}:
            raise QueryError(
                "the query gives a range of values where one number is expected; wrap the range in "
                "a function, such as rate() or avg_over_time()"
            )
        case {"resultType": "string"}:
            raise QueryError("the query gives a text where one number is expected")
        case _:
            raise unexpected(where)


def _sample(text: str, at: datetime, warnings: tuple[str, ...], where: str) -> Outcome:
    try:
        value = float(text)
    except ValueError as error:
        raise unexpected(where) from error
    if isnan(value):
        reason = "the value is NaN, as of 0 / 0: probably there were no requests"
        return NoData(reason=_remarked(reason, warnings))
    return Sample(value=value, at=at, warnings=warnings)


def _remarked(reason: str, warnings: tuple[str, ...]) -> str:
    return reason + "".join(f"; warning: {warning}" for warning in warnings)


def unexpected(where: str) -> QueryError:
    """Say that what came back is not what this API answers."""
    return QueryError(
        f"{where} answers with JSON that is no answer of Prometheus; check that the address is {ROOT}"
    )
