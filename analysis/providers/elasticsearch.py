"""Provider `elasticsearch`: one value from a search, or from ES|QL with `language: esql`.

In ES|QL the window is `?start` and `?end`: `WHERE @timestamp >= ?start AND @timestamp < ?end`.
"""

import re
from typing import Any, ClassVar

import orjson

from analysis.errors import Partial, QueryError
from analysis.model import ProviderSpec
from analysis.providers import search
from analysis.providers.store import Reading, Request
from analysis.providers.windows import Window


class ElasticsearchProvider(search.SearchProvider):
    """Ask Elasticsearch about the documents of the window."""

    root = "the root of an Elasticsearch server"
    languages: ClassVar[tuple[str, ...]] = ("dsl", "esql")

    @classmethod
    def check_count(cls, spec: ProviderSpec, query: str) -> None:
        """Find out whether a query in ES|QL names the window; a search counts its documents."""
        if dict(spec.options).get("language") == "esql" and not (
            re.search(r"\?start\b", query) and re.search(r"\?end\b", query)
        ):
            raise QueryError(
                "counts: a query in ES|QL counts the window; add "
                "WHERE @timestamp >= ?start AND @timestamp < ?end"
            )

    def request(self, query: str, window: Window) -> Request:
        """Ask in the query's language."""
        if self._options.get("language", "dsl") == "dsl":
            return search.search(query, window, self._options)
        bounds = {"start": window.start.isoformat(), "end": window.end.isoformat()}
        params = [{k: v} for k, v in bounds.items() if re.search(rf"\?{k}\b", query)]
        return Request(
            path="/_query?allow_partial_results=false",
            content=orjson.dumps({"query": query, "params": params}),
            headers=search.JSON,
        )

    def read(self, payload: Any, query: str, window: Window) -> Reading:
        """Read what the language answers with."""
        if self._options.get("language", "dsl") == "dsl":
            return search.found(payload, self._where)
        if payload.get("is_partial"):
            raise Partial(f"{self._where} answers with a part of the data")
        return search.numbers(payload["values"], len(payload["columns"]))

    def words(self, payload: Any) -> str:
        """Find the type of an error, and its reason."""
        return search.words(payload)
