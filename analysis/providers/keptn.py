"""Provider `keptn`: the value of a KeptnMetric, as Keptn has fetched it last, or an Analysis of Keptn.

The query `keptnmetric/NAMESPACE/NAME` reads a KeptnMetric. The query `analysis/NAMESPACE/NAME` has an
AnalysisDefinition analysed, over the metric's interval; `/DURATION` behind it sets another time, and
`/KEY=VALUE;KEY=VALUE` behind that the arguments. Its value is 1 for a pass, 0.5 for a warning and 0 for
a failure.

An Analysis is an object with a name made of its key: what is there already is not started again.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import quote

from analysis.durations import format_duration
from analysis.errors import ProviderUnavailable, QueryError
from analysis.model import Outcome, Sample
from analysis.providers.kubeapi import KubernetesApiProvider, named_by
from analysis.providers.named_objects import NamedObjects
from analysis.providers.resumable import ResumableStore
from analysis.providers.series import Point, number
from analysis.providers.store import OPTIONS, Reading, Request, StoreProvider
from analysis.providers.windows import Window
from analysis.resuming import Working

_API = "metrics.keptn.sh/v1"
_ANALYSIS = "analysis"
_NAME = re.compile("[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?")
_RECENT = re.compile("([0-9]+(ns|us|µs|ms|s|m|h))+")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Analysis:
    """What a query has Keptn analyse."""

    namespace: str
    definition: str
    recent: str
    """Over which time, as Go writes it; empty for the metric's interval."""
    arguments: Mapping[str, str]


class KeptnProvider(NamedObjects, KubernetesApiProvider):
    """Read a KeptnMetric from the API server, or have Keptn analyse."""

    api: ClassVar[str] = _API
    plural: ClassVar[str] = "analyses"
    options = (*OPTIONS, "deadline")

    @classmethod
    def resumes(cls, query: str) -> bool:
        """Tell whether a query asks for an Analysis."""
        return _is_analysis(query)

    async def query(self, query: str, at: datetime, interval: timedelta) -> Outcome:
        """Read a KeptnMetric, or wait for an Analysis."""
        how = ResumableStore if _is_analysis(query) else StoreProvider
        return await how.query(self, query, at, interval)

    def request(self, query: str, window: Window) -> Request:
        """Get the object."""
        kind, *place = query.strip().split("/")
        if kind.lower() != "keptnmetric" or len(place) != 2 or not all(place):
            raise QueryError(
                "the query names no metric; write keptnmetric/NAMESPACE/NAME, or "
                "analysis/NAMESPACE/NAME to have an AnalysisDefinition analysed"
            )
        namespace, name = (quote(each, safe="") for each in place)
        return Request(path=f"/apis/{_API}/namespaces/{namespace}/keptnmetrics/{name}")

    def read(self, payload: Any, query: str, window: Window) -> Reading:
        """Read the value, unless Keptn could not fetch it, or not for long."""
        status = payload["status"]
        if said := status.get("errMsg"):
            raise ProviderUnavailable(f"Keptn could not fetch the metric: {self.shown(said)}")
        if not status.get("value"):
            return Reading()
        every = timedelta(seconds=payload["spec"].get("fetchIntervalSeconds") or 0)
        age = window.end - datetime.fromisoformat(status["lastUpdated"])
        if age > 2 * max(every, window.end - window.start):
            return Reading(warnings=(f"Keptn fetched the metric last {age} ago",))
        return Reading(series=[(Point(number(status["value"])),)])

    async def start(self, query: str, at: datetime, interval: timedelta, key: str) -> str:
        """Create an Analysis, unless the one of this key is there."""
        asked = _analysis(query)
        name, handle = named_by(asked.namespace, key)
        made = {
            "apiVersion": _API,
            "kind": "Analysis",
            "metadata": {
                "name": name,
                "namespace": asked.namespace,
                "labels": {"app.kubernetes.io/managed-by": "tidegate"},
            },
            "spec": {
                "analysisDefinition": {"name": asked.definition, "namespace": asked.namespace},
                "timeframe": {"recent": asked.recent or format_duration(interval)},
                "args": dict(asked.arguments),
            },
        }
        await self.create(made)
        return handle

    def said(self, found: Any, at: datetime) -> Outcome | Working:
        """Read what an Analysis came to, or how far it is."""
        status = found.get("status") or {}
        if status.get("state") != "Completed":
            return Working(state=self.shown(status.get("state") or "Pending"))
        value = 1.0 if status.get("pass") else 0.5 if status.get("warning") else 0.0
        return Sample(value=value, at=at)


def _is_analysis(query: str) -> bool:
    return query.strip().partition("/")[0].lower() == _ANALYSIS


def _analysis(query: str) -> _Analysis:
    """Read what Keptn will analyse.

    Raises:
        QueryError: the query does not say that.
    """
    _, *parts = query.strip().split("/", maxsplit=4)
    namespace, definition, recent, told = (*parts, "", "", "", "")[:4]
    arguments = [each.partition("=") for each in told.split(";") if each]
    if (
        not all(_NAME.fullmatch(each) for each in (namespace, definition))
        or (recent and not _RECENT.fullmatch(recent))
        or not all(key and equals for key, equals, _ in arguments)
    ):
        raise QueryError(
            "the query names no AnalysisDefinition; write analysis/NAMESPACE/NAME, and behind it "
            "/DURATION such as /5m, and /KEY=VALUE;KEY=VALUE for its arguments"
        )
    return _Analysis(
        namespace=namespace,
        definition=definition,
        recent=recent,
        arguments={key: value for key, _, value in arguments},
    )
