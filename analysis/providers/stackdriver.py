"""Provider `stackdriver`: one value from Google Cloud Monitoring, in MQL or in PromQL.

MQL is deprecated by Google; the option `language: promql` asks in PromQL.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

import orjson

from analysis.errors import Partial, QueryError
from analysis.http.exchange import Signer, secure_host
from analysis.identities import google
from analysis.identities.tokens import TokenSigner
from analysis.model import ProviderSpec
from analysis.providers.connection import Headers
from analysis.providers.counted import SideBySideProvider
from analysis.providers.ranges import check_range, ranged
from analysis.providers.series import Point, known, number
from analysis.providers.store import OPTIONS, Reading, Request, secret_of
from analysis.providers.vectors import parts, side_by_side, vector
from analysis.providers.windows import Window

_PROJECT = re.compile("[a-z][a-z0-9:.-]{1,100}")


class StackdriverProvider(SideBySideProvider):
    """Ask a project, with the key of a service account or the controller's own account."""

    secret_keys: ClassVar[tuple[str, ...]] = ("project", "serviceAccountKey", "token")
    options: ClassVar[tuple[str, ...]] = (*OPTIONS, "language", "project")
    home = "https://monitoring.googleapis.com"
    root = "that of Google's monitoring API; leave it out"
    settle = timedelta(seconds=240)
    bucket = timedelta(seconds=60)
    block = timedelta(minutes=1)

    @classmethod
    def check(cls, spec: ProviderSpec) -> None:
        """Also find out which project is asked, and as whom."""
        super().check(spec)
        keys, options = secret_of(spec), dict(spec.options)
        if _PROJECT.fullmatch(options.get("project") or keys.get("project") or "") is None:
            raise QueryError(
                "provider stackdriver needs a project: add the key project to the Secret, or write "
                "the option project"
            )
        if options.get("language", "mql") not in {"mql", "promql"}:
            raise QueryError("provider.options.language: write mql or promql")
        if keys.get("token"):
            return
        google.check()
        ours = secure_host(spec.address or cls.home) == google.HOST
        if not keys.get("serviceAccountKey") and not ours:
            raise QueryError(
                f"the controller's own account is for https://{google.HOST}; leave the address out, "
                "or give serviceAccountKey in the Secret"
            )

    @classmethod
    def check_count(cls, spec: ProviderSpec, query: str) -> None:
        """Find out whether a query is in PromQL, and says where the length of a block goes."""
        if dict(spec.options).get("language") != "promql":
            raise QueryError("counts: MQL cannot count a block; write language: promql")
        check_range(query, "sum(increase(requests_total[$__range]))")

    def counting(self, query: str, window: Window) -> str:
        """Write how long the block is."""
        return ranged(query, window)

    def presented(self, keys: Mapping[str, str]) -> Headers | None:
        """Give a token of the Secret, where there is one."""
        return None if keys.get("token") else ()

    def signer(self) -> Signer | None:
        """Fetch tokens, where the Secret has none."""
        if self._keys.get("token"):
            return None
        if key := self._keys.get("serviceAccountKey"):
            return TokenSigner(google.of_key(key, self._tokens.post))
        return TokenSigner(google.own)

    def request(self, query: str, window: Window) -> Request:
        """Ask in the query's language."""
        project = self._options.get("project") or self._keys["project"]
        if self._options.get("language") == "promql":
            return Request(
                path=f"/v1/projects/{project}/location/global/prometheus/api/v1/query",
                form={"query": query, "time": f"{window.end.timestamp():.3f}"},
            )
        return Request(
            path=f"/v3/projects/{project}/timeSeries:query",
            content=orjson.dumps({"query": query}),
            headers={"Content-Type": "application/json"},
        )

    @classmethod
    def takes_together(cls, spec: ProviderSpec) -> bool:
        """Tell whether PromQL is spoken, in which counts are written."""
        return dict(spec.options).get("language") == "promql"

    def request_together(self, queries: Sequence[str], window: Window) -> Request:
        """Ask for the series of all queries, each with a label."""
        return self.request(side_by_side(queries), window)

    def parts(self, payload: Any, asked: Sequence[str]) -> Sequence[Any]:
        """Give the series of each query."""
        return parts(payload, len(asked))

    def read(self, payload: Any, query: str, window: Window) -> Reading:
        """Read time series, or a vector of PromQL."""
        if self._options.get("language") == "promql":
            return Reading(
                series=vector(payload["data"]), warnings=tuple(payload.get("warnings") or ())
            )
        if errors := payload.get("partialErrors"):
            said = self.shown(errors[0].get("message", ""))
            raise Partial(f"{self._where} answers with a part of the data: {said}")
        # A query that finds nothing is answered with the description of nothing.
        found = payload.get("timeSeriesData") or (payload["timeSeriesDescriptor"] and ())
        return Reading(series=[known(map(_point, each["pointData"])) for each in found or ()])

    def words(self, payload: Any) -> str:
        """Find Google's message, or Prometheus's."""
        match payload:
            case {"error": {"message": str(message), "status": str(status)}}:
                return f"{status}: {message}"
            case {"errorType": str(kind), "error": str(text)}:
                return f"{kind}: {text}"
            case _:
                return ""


def _point(point: Any) -> Point:
    """Read a point of MQL, whose query says itself how far it looks back."""
    (value,) = point["values"]
    at = datetime.fromisoformat(point["timeInterval"]["endTime"]).timestamp()
    return Point(number(value.get("doubleValue", value.get("int64Value"))), at)
