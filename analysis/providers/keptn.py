"""Provider `keptn`: the value of a KeptnMetric, as Keptn has fetched it last.

A query is `keptnmetric/NAMESPACE/NAME`. Analyses of Keptn take minutes, and are not asked for here.
"""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from analysis.errors import ProviderUnavailable, QueryError
from analysis.providers.kubeapi import KubernetesApiProvider
from analysis.providers.series import Point, number
from analysis.providers.store import Reading, Request
from analysis.providers.windows import Window


class KeptnProvider(KubernetesApiProvider):
    """Read a KeptnMetric from the API server."""

    def request(self, query: str, window: Window) -> Request:
        """Get the object."""
        kind, *place = query.strip().split("/")
        if kind.lower() == "analysis":
            raise QueryError(
                "the query asks for an Analysis of Keptn, which tidegate does not run; "
                "name a KeptnMetric as keptnmetric/NAMESPACE/NAME"
            )
        if kind.lower() != "keptnmetric" or len(place) != 2 or not all(place):
            raise QueryError("the query names no metric; write keptnmetric/NAMESPACE/NAME")
        namespace, name = (quote(each, safe="") for each in place)
        path = f"/apis/metrics.keptn.sh/v1/namespaces/{namespace}/keptnmetrics/{name}"
        return Request(path=path)

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
