"""Provider `custommetrics`: one value from the custom metrics API of Kubernetes.

A query is `NAMESPACE/pods/*/METRIC?labelSelector=app=shop`, or names one object of any resource in
the place of `*`. Several pods are several series: the option `reduce` says what becomes of them.
"""

from typing import Any
from urllib.parse import parse_qsl, quote

from analysis.errors import QueryError
from analysis.providers.kubeapi import KubernetesApiProvider, fresh, quantity
from analysis.providers.series import Point
from analysis.providers.store import Reading, Request
from analysis.providers.windows import Window


class CustomMetricsProvider(KubernetesApiProvider):
    """Ask the API server, or the adapter at the template's address, for metrics of objects."""

    def request(self, query: str, window: Window) -> Request:
        """Get the values of a metric."""
        path, _, selector = query.strip().partition("?")
        parts = path.split("/")
        if len(parts) != 4 or not all(parts):
            raise QueryError("the query names no metric; write it as NAMESPACE/pods/*/METRIC")
        place = "/".join(quote(each, safe="*") for each in parts)
        return Request(
            path=f"/apis/custom.metrics.k8s.io/v1beta2/namespaces/{place}",
            parameters=dict(parse_qsl(selector, keep_blank_values=True)),
        )

    def read(self, payload: Any, query: str, window: Window) -> Reading:
        """Read the items: each is a series."""
        found = [each for each in payload["items"] if fresh(each["timestamp"], window)]
        return Reading(series=[(Point(quantity(each["value"])),) for each in found])
