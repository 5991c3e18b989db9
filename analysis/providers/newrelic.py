"""Provider `newrelic`: one value from a query in NRQL.

With the key `newrelic_query_key` it asks the Insights API; with `newrelic_api_key`, a user key,
NerdGraph, whose address the template names.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

import orjson

from analysis.errors import LoginRefused, ProviderUnavailable, QueryError, Throttled
from analysis.model import ProviderSpec
from analysis.providers.connection import Headers
from analysis.providers.counted import SideBySideProvider
from analysis.providers.nrql import QUOTED, bounded, one_query
from analysis.providers.series import Point, number
from analysis.providers.store import Reading, Request, secret_of
from analysis.providers.windows import Window

_OWN_TIME = re.compile(r"\b(?:since|until|timeseries|compare\s+with)\b", re.IGNORECASE)
_COUNTS = re.compile(r"\b(?:count|sum)\s*\(", re.IGNORECASE)
_ACCOUNT = re.compile("[0-9]{1,15}")

_GRAPHQL = (
    "query($account: Int!, {given}, $seconds: Seconds!) {{ actor {{ account(id: $account) "
    "{{ {asked} }} }} }}"
)
_NRQL = "nrql(query: ${0}, timeout: $seconds) {{ results metadata {{ messages }} }}"
_BUSY = {"INTERNAL_SERVER_ERROR", "SERVER_ERROR", "TIMEOUT"}
_UNKNOWN = {"ACCESS_DENIED", "FORBIDDEN", "UNAUTHORIZED"}


class NewRelicProvider(SideBySideProvider):
    """Ask New Relic over the window, unless the query has a SINCE of its own."""

    required: ClassVar[tuple[str, ...]] = ("newrelic_account_id",)
    secret_keys: ClassVar[tuple[str, ...]] = (
        "newrelic_account_id",
        "newrelic_query_key",
        "newrelic_api_key",
    )
    home = "https://insights-api.newrelic.com"
    root = "https://api.newrelic.com, or that of the Insights API"
    settle = timedelta(seconds=90)
    block = timedelta(minutes=1)

    @classmethod
    def check(cls, spec: ProviderSpec) -> None:
        """Also find out whether there is a key, and which API it is for."""
        super().check(spec)
        keys = secret_of(spec)
        if not keys.get("newrelic_query_key") and not keys.get("newrelic_api_key"):
            raise QueryError(
                "provider newrelic needs the key newrelic_query_key or newrelic_api_key of a "
                "Secret; add it, and write the Secret's name into secretRef"
            )
        if _ACCOUNT.fullmatch(keys["newrelic_account_id"]) is None:
            raise QueryError("newrelic_account_id of the Secret is no number; write the account's")
        if keys.get("newrelic_api_key") and spec.address in {"", cls.home}:
            raise QueryError(
                "provider.address: newrelic_api_key is for NerdGraph; "
                "write https://api.newrelic.com, or that of your region"
            )

    @classmethod
    def check_count(cls, spec: ProviderSpec, query: str) -> None:
        """Find out whether a query counts, and leaves the time to the request, which names a block."""
        text = QUOTED.sub("", query)
        if found := _OWN_TIME.search(text):
            raise QueryError(
                "counts: each request is about the time since the last one; leave "
                f"{found[0].upper()} out"
            )
        if _COUNTS.search(text) is None:
            raise QueryError(
                "counts: the query counts nothing; write count(*), filter(count(*), WHERE …) or sum(…)"
            )

    def presented(self, keys: Mapping[str, str]) -> Headers:
        """Give the key of the API that is asked."""
        if keys.get("newrelic_api_key"):
            return (("API-Key", keys["newrelic_api_key"]),)
        return (("X-Query-Key", keys["newrelic_query_key"]),)

    def request(self, query: str, window: Window) -> Request:
        """Ask over the window."""
        nrql, account = bounded(query, window), self._keys["newrelic_account_id"]
        if not self._keys.get("newrelic_api_key"):
            return Request(path=f"/v1/accounts/{account}/query", parameters={"nrql": nrql})
        return self._graphql({"nrql": nrql}, _NRQL.format("nrql"))

    def request_together(self, queries: Sequence[str], window: Window) -> Request:
        """Ask by as many fields of one document; of the Insights API by one query with all counts."""
        if not self._keys.get("newrelic_api_key"):
            return self.request(one_query(queries), window)
        given = {f"nrql{n}": bounded(each, window) for n, each in enumerate(queries)}
        return self._graphql(given, " ".join(f"{name}: {_NRQL.format(name)}" for name in given))

    def parts(self, payload: Any, asked: Sequence[str]) -> Sequence[Any]:
        """Give each field, or each number, as if it were the only one."""
        if payload.get("errors"):
            self._refuse(payload["errors"])
        if not self._keys.get("newrelic_api_key"):
            numbers = payload["results"]
            if len(numbers) != len(asked):
                raise ValueError(f"{len(numbers)} numbers")
            return [{"results": [each]} for each in numbers]
        account = payload["data"]["actor"]["account"]
        found = [account[f"nrql{n}"] for n in range(len(asked))]
        return [{"data": {"actor": {"account": {"nrql": each}}}} for each in found]

    def _graphql(self, given: Mapping[str, str], asked: str) -> Request:
        seconds = max(1, self._spec.timeout // timedelta(seconds=1))
        account = int(self._keys["newrelic_account_id"])
        query = _GRAPHQL.format(given=", ".join(f"${each}: Nrql!" for each in given), asked=asked)
        variables = {"account": account, **given, "seconds": min(seconds, 60)}
        return Request(
            path="/graphql" if not self._address.endswith("/graphql") else "",
            content=orjson.dumps({"query": query, "variables": variables}),
            headers={"Content-Type": "application/json"},
        )

    def read(self, payload: Any, query: str, window: Window) -> Reading:
        """Read the numbers of a result, whatever they are called."""
        if payload.get("errors"):
            self._refuse(payload["errors"])
        if "data" in payload:
            answer = payload["data"]["actor"]["account"]["nrql"]
            messages = (answer.get("metadata") or {}).get("messages") or ()
            return Reading(series=_numbers(answer["results"]), warnings=tuple(messages))
        if payload.get("facets"):
            facets = [each["results"] for each in payload["facets"]]
            return Reading(series=[point for each in facets for point in _numbers(each)])
        return Reading(series=_numbers(payload["results"]))

    def _refuse(self, errors: Any) -> None:
        """Raise what NerdGraph says, with status 200."""
        classes = {(each.get("extensions") or {}).get("errorClass") for each in errors}
        told = f"{self._where} refuses the query: {self.shown(self.words({'errors': errors}))}"
        if "TOO_MANY_REQUESTS" in classes:
            raise Throttled(told)
        if classes & _BUSY:
            raise ProviderUnavailable(told)
        if classes & _UNKNOWN:
            raise LoginRefused(f"{told}: check newrelic_api_key of the Secret")
        raise QueryError(f"{told}: correct the query")

    def words(self, payload: Any) -> str:
        """Find what either API says."""
        match payload:
            case {"errors": [*errors]}:
                return "; ".join(str(each["message"]) for each in errors)
            case {"error": str(text)}:
                return text
            case _:
                return ""


def _numbers(results: Any) -> list[tuple[Point, ...]]:
    """Give each number of each row; what is text tells whom a row is about."""
    return [(Point(number(value)),) for row in results for value in _values(row)]


def _values(row: Mapping[str, Any]) -> Iterator[object]:
    for value in row.values():
        if isinstance(value, Mapping):
            # Percentiles are an object, by their rank.
            yield from _values(value)
        elif value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
            yield value
