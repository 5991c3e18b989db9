"""Provider `azuremonitor`: one value from a query in KQL over a Log Analytics workspace."""

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

import orjson

from analysis.errors import Partial, QueryError
from analysis.http.exchange import HttpAnswer, Signer
from analysis.identities import entra
from analysis.identities.tokens import TokenSigner
from analysis.model import ProviderSpec
from analysis.providers import search
from analysis.providers.connection import Headers
from analysis.providers.counted import SideBySideProvider
from analysis.providers.store import OPTIONS, Reading, Request, secret_of
from analysis.providers.windows import Window

_OWN_TIME = re.compile(r"\b(ago|now)\s*\(")
_STATEMENTS = re.compile(r";|\|\s*render\b")
#: The column that says which of several queries a row answers.
_PART = "tidegate_part"
_WORKSPACE = re.compile("[0-9a-fA-F-]{36}")
#: The resource that tokens are for.
RESOURCE = "https://api.loganalytics.io"
_EMPTY: Mapping[str, Any] = {"tables": [{"columns": [], "rows": []}]}


class AzureMonitorProvider(SideBySideProvider):
    """Ask a workspace, as the application of the Secret or of the controller's service account."""

    secret_keys: ClassVar[tuple[str, ...]] = (*entra.KEYS, "token")
    options: ClassVar[tuple[str, ...]] = (*OPTIONS, "workspace")
    home = "https://api.loganalytics.azure.com"
    root = "that of Azure's API for logs; leave it out"
    settle = timedelta(seconds=180)

    @classmethod
    def check(cls, spec: ProviderSpec) -> None:
        """Also find out which workspace is asked, and as whom."""
        super().check(spec)
        if _WORKSPACE.fullmatch(dict(spec.options).get("workspace", "")) is None:
            raise QueryError(
                "provider.options.workspace: azuremonitor needs one; write its id, a GUID"
            )
        keys = secret_of(spec)
        if not keys.get("token"):
            entra.check(keys, spec.address or cls.home)

    @classmethod
    def check_count(cls, spec: ProviderSpec, query: str) -> None:
        """Find out whether a query leaves the time to the request, which names a block."""
        if found := _OWN_TIME.search(query):
            raise QueryError(
                f"counts: each request is about the time since the last one; leave {found[1]}() out"
            )

    def presented(self, keys: Mapping[str, str]) -> Headers | None:
        """Give a token of the Secret, where there is one."""
        return None if keys.get("token") else ()

    def signer(self) -> Signer | None:
        """Fetch tokens, where the Secret has none."""
        if self._keys.get("token"):
            return None
        return TokenSigner(entra.source(self._keys, RESOURCE, self._tokens.post))

    def request(self, query: str, window: Window) -> Request:
        """Ask about the window."""
        timespan = f"{window.start.isoformat()}/{window.end.isoformat()}"
        return Request(
            path=f"/v1/workspaces/{self._options['workspace']}/query",
            content=orjson.dumps({"query": query, "timespan": timespan}),
            headers=search.JSON,
        )

    def answers(self, answer: HttpAnswer) -> bool:
        """Take 204 for an answer: the workspace is empty."""
        return answer.status in {200, 204}

    def decode(self, answer: HttpAnswer) -> Any:
        """Decode an answer; 204 says that there is none."""
        return _EMPTY if answer.status == 204 else super().decode(answer)

    def request_together(self, queries: Sequence[str], window: Window) -> Request:
        """Ask for the rows of all queries, each with the number of its own."""
        if any(_STATEMENTS.search(each) for each in queries):
            raise QueryError("the query has several statements or a chart, so it is asked alone")
        # A comment ends with its line, and so before the bracket.
        asked = (f"({each}\n| extend {_PART} = {n})" for n, each in enumerate(queries))
        return self.request("union\n" + ",\n".join(asked), window)

    def parts(self, payload: Any, asked: Sequence[str]) -> Sequence[Any]:
        """Give the rows of each query; the columns of the others are null in them."""
        table = payload["tables"][0]
        if "error" in payload or not table["rows"]:
            return [payload] * len(asked)
        place = [each["name"] for each in table["columns"]].index(_PART)
        found: dict[int, list[list[Any]]] = {n: [] for n in range(len(asked))}
        for row in table["rows"]:
            own = [each for n, each in enumerate(row) if n != place and each is not None]
            found[row[place]].append([each for each in own if not isinstance(each, str)] or [None])
        return [
            {"tables": [{"columns": rows[:1] and rows[0], "rows": rows}]} for rows in found.values()
        ]

    def read(self, payload: Any, query: str, window: Window) -> Reading:
        """Read the first table."""
        if "error" in payload:
            said = self.shown(self.words(payload))
            raise Partial(f"{self._where} answers with a part of the data: {said}")
        table = payload["tables"][0]
        return search.numbers(table["rows"], len(table["columns"]))

    def words(self, payload: Any) -> str:
        """Find the code of an error, and its message."""
        match payload:
            case {"error": {"code": str(code), "message": str(message)}}:
                return f"{code}: {message}"
            case _:
                return ""
