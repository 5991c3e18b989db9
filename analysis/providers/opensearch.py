"""Provider `opensearch`: one value from a search, or from PPL or SQL with `language`.

PPL and SQL say themselves how far they look back.
"""

from typing import Any, ClassVar

import orjson

from analysis.errors import QueryError
from analysis.model import ProviderSpec
from analysis.providers import search
from analysis.providers.store import Reading, Request
from analysis.providers.windows import Window


class OpenSearchProvider(search.SearchProvider):
    """Ask OpenSearch about the documents of the window."""

    root = "the root of an OpenSearch server"
    languages: ClassVar[tuple[str, ...]] = ("dsl", "ppl", "sql")

    @classmethod
    def check_count(cls, spec: ProviderSpec, query: str) -> None:
        """Refuse languages that do not know the window; a search counts its documents."""
        if dict(spec.options).get("language", "dsl") != "dsl":
            raise QueryError("counts: PPL and SQL cannot count the window; write language: dsl")

    def request(self, query: str, window: Window) -> Request:
        """Ask in the query's language."""
        language = self._options.get("language", "dsl")
        if language == "dsl":
            return search.search(query, window, self._options)
        return Request(
            path=f"/_plugins/_{language}",
            content=orjson.dumps({"query": query}),
            headers=search.JSON,
        )

    def read(self, payload: Any, query: str, window: Window) -> Reading:
        """Read what the language answers with."""
        if self._options.get("language", "dsl") == "dsl":
            return search.found(payload, self._where)
        return search.numbers(payload["datarows"], len(payload["schema"]))

    def words(self, payload: Any) -> str:
        """Find the type of an error, and its reason."""
        return search.words(payload)
