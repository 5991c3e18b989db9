"""Provider `externalmetrics`: one value from the external metrics API of Kubernetes.

A query is `NAMESPACE/METRIC?labelSelector=app=shop`; without a namespace it is `default`.
"""

from typing import Any
from urllib.parse import parse_qsl, quote

from analysis.errors import QueryError
from analysis.providers.kubeapi import KubernetesApiProvider, fresh, quantity
from analysis.providers.series import Point
from analysis.providers.store import Reading, Request
from analysis.providers.windows import Window


class ExternalMetricsProvider(KubernetesApiProvider):
    """Ask the API server, or the adapter at the template's address, for external metrics."""

    def request(self, query: str, window: Window) -> Request:
        """Get the values of a metric."""
        path, _, selector = query.strip().partition("?")
        namespace, _, metric = path.rpartition("/")
        if not metric or "/" in namespace:
            raise QueryError("the query names no metric; write it as NAMESPACE/METRIC")
        place = f"namespaces/{quote(namespace or 'default', safe='')}/{quote(metric, safe='')}"
        return Request(
            path=f"/apis/external.metrics.k8s.io/v1beta1/{place}",
            parameters=dict(parse_qsl(selector, keep_blank_values=True)),
        )

    def read(self, payload: Any, query: str, window: Window) -> Reading:
        """Read the items: each is a series."""
        found = [each for each in payload["items"] if fresh(each["timestamp"], window)]
        return Reading(series=[(Point(quantity(each["value"])),) for each in found])
