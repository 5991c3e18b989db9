"""Searches of Elasticsearch and of OpenSearch, which speak the same language of queries: a JSON body.

A search counts the documents that it matches; with one aggregation it gives that one's value.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

import orjson

from analysis.authentication import AUTHORIZATION, basic, bearer
from analysis.errors import Partial, ProviderUnavailable, QueryError, Throttled
from analysis.model import ProviderSpec
from analysis.providers.connection import Headers
from analysis.providers.counted import SideBySideProvider
from analysis.providers.series import Point, Series, number
from analysis.providers.store import OPTIONS, Reading, Request
from analysis.providers.windows import Window

JSON = {"Content-Type": "application/json"}
_FINE, _TOO_MANY, _FAILED = 200, 429, 500
_INDEX = re.compile(r"[a-z0-9_*.,+-]+(:[a-z0-9_*.,+-]+)?", re.IGNORECASE)


def check(spec: ProviderSpec, languages: tuple[str, ...]) -> None:
    """Find out whether the language exists, and whether a search has an index.

    Raises:
        QueryError: it does not, or has none.
    """
    options = dict(spec.options)
    language = options.get("language", "dsl")
    if language not in languages:
        raise QueryError(f"provider.options.language: write one of {', '.join(languages)}")
    if language == "dsl" and _INDEX.fullmatch(options.get("index", "")) is None:
        raise QueryError("provider.options.index: a search needs one; write one such as traces-*")


class SearchProvider(SideBySideProvider):
    """Ask about the documents of the window, by a search or in a language of the server's own."""

    secret_keys: ClassVar[tuple[str, ...]] = ("token", "username", "password", "api_key")
    options: ClassVar[tuple[str, ...]] = (*OPTIONS, "index", "language", "timeField")
    settle = timedelta(seconds=30)
    languages: ClassVar[tuple[str, ...]]
    """A search's, which is `dsl`, and the server's own."""

    @classmethod
    def check(cls, spec: ProviderSpec) -> None:
        """Also find out whether the language exists, and what it needs is there."""
        super().check(spec)
        check(spec, cls.languages)

    def presented(self, keys: Mapping[str, str]) -> Headers:
        """Give what the Secret has."""
        return presented(keys)

    @classmethod
    def takes_together(cls, spec: ProviderSpec) -> bool:
        """Tell whether searches are asked for: another language takes one query."""
        return dict(spec.options).get("language", "dsl") == "dsl"

    def request_together(self, queries: Sequence[str], window: Window) -> Request:
        """Ask for several searches at once."""
        return searches(queries, window, self._options)

    def parts(self, payload: Any, asked: Sequence[str]) -> Sequence[Any]:
        """Give the answer to each search, in their order."""
        return answers(payload, self._where, self.shown)


def presented(keys: Mapping[str, str]) -> Headers:
    """Give the key of an API, or a token, or a user name with its password."""
    if keys.get("api_key"):
        return ((AUTHORIZATION, f"ApiKey {keys['api_key']}"),)
    if keys.get("token"):
        return (bearer(keys["token"]),)
    if keys.get("username"):
        return (basic(keys["username"], keys.get("password", "")),)
    return ()


def search(query: str, window: Window, options: Mapping[str, str]) -> Request:
    """Search an index for the documents of the window.

    Raises:
        QueryError: the query is no JSON object.
    """
    return Request(
        path=f"/{options['index']}/_search?allow_partial_search_results=false",
        content=orjson.dumps(_body(query, window, options)),
        headers=JSON,
    )


def searches(queries: Sequence[str], window: Window, options: Mapping[str, str]) -> Request:
    """Search an index by several queries.

    Raises:
        QueryError: a query is no JSON object.
    """
    header = {"allow_partial_search_results": False}
    lines = [line for each in queries for line in (header, _body(each, window, options))]
    return Request(
        path=f"/{options['index']}/_msearch",
        content=b"".join(orjson.dumps(each) + b"\n" for each in lines),
        headers={"Content-Type": "application/x-ndjson"},
    )


def answers(payload: Any, where: str, shown: Callable[[object], str]) -> Sequence[Any]:
    """Give the answer to each of several searches.

    Raises:
        Throttled: one of them came too soon.
        ProviderUnavailable: one of them has failed.
        QueryError: one of them is refused.
    """
    for each in payload["responses"]:
        status = each.get("status", _FINE)
        told = f"{where} answers a search with {status}: {shown(words(each))}"
        if status == _TOO_MANY:
            raise Throttled(told)
        if status >= _FAILED:
            raise ProviderUnavailable(told)
        if status != _FINE:
            raise QueryError(f"{told}: correct the query")
    return list(payload["responses"])


def _body(query: str, window: Window, options: Mapping[str, str]) -> dict[str, Any]:
    try:
        body = orjson.loads(query)
    except orjson.JSONDecodeError as error:
        raise QueryError(f"the query is no JSON: {error}; write the body of a search") from error
    if not isinstance(body, dict):
        raise QueryError("the query is no JSON object; write the body of a search")
    bounds = {"gte": window.start.isoformat(), "lt": window.end.isoformat()}
    within = {"range": {options.get("timeField", "@timestamp"): bounds}}
    asked = {"bool": {"filter": [within, *([body["query"]] if "query" in body else [])]}}
    # Hits are not shown, and all of them are counted.
    return body | {"size": 0, "track_total_hits": True, "query": asked}


def found(payload: Any, where: str) -> Reading:
    """Read the answer of a search.

    Raises:
        ProviderUnavailable: it was not finished.
        Partial: some of the index was not searched.
        QueryError: it gives no single number.
    """
    if payload["timed_out"]:
        raise ProviderUnavailable(f"{where} did not finish the search in time")
    if payload["_shards"]["failed"] or payload.get("terminated_early"):
        raise Partial(f"{where} answers with a part of the data: some shards have failed")
    aggregations = payload.get("aggregations")
    if not aggregations:
        return Reading(series=[(Point(number(payload["hits"]["total"]["value"])),)])
    return Reading(series=[each for one in aggregations.values() for each in _values(one)])


def _values(aggregation: Any) -> list[Series]:
    """Read one aggregation: a value, percentiles, or the number of documents in buckets."""
    match aggregation:
        case {"value": value}:
            return [(Point(number(value)),)]
        case {"values": {**percentiles}}:
            return [(Point(number(value)),) for value in percentiles.values()]
        case {"buckets": [*buckets]}:
            return [(Point(number(each["doc_count"])),) for each in buckets]
        case {"doc_count": count}:
            return [(Point(number(count)),)]
        case _:
            raise QueryError(
                "the query gives an aggregation that is no number; write one such as avg, sum, "
                "value_count, filter or percentiles with a single percent"
            )


def numbers(rows: Any, columns: int) -> Reading:
    """Read a table of one column with numbers; what is text tells whom a row is about.

    Raises:
        QueryError: a row has no number, or several.
    """
    series = []
    for row in rows:
        if len(row) != columns:
            raise ValueError("a row has other columns than the table")
        values = [each for each in row if not isinstance(each, str)]
        if len(values) != 1:
            raise QueryError(
                f"the query gives {len(values)} numbers a row where one is expected; leave the "
                "others out"
            )
        series.append((Point(number(values[0])),))
    return Reading(series=series)


def words(payload: Any) -> str:
    """Find what either says of an error."""
    match payload:
        case {"error": {"type": str(kind), "reason": str(reason)}}:
            return f"{kind}: {reason}"
        case _:
            return ""
