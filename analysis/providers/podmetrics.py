"""Provider `podmetrics`: what pods use, from the resource metrics API of Kubernetes (metrics-server).

A query is `NAMESPACE/cpu?labelSelector=app=shop`, in cores, or `NAMESPACE/memory?…`, in bytes. It is
about each pod with all its containers, or with `NAMESPACE/cpu/CONTAINER` with that one alone. Several
pods are several series: the option `reduce` says what becomes of them.
"""

import re
from typing import Any
from urllib.parse import parse_qsl, quote

from analysis.errors import QueryError
from analysis.providers.kubeapi import KubernetesApiProvider, fresh, quantity
from analysis.providers.series import Point
from analysis.providers.store import Reading, Request
from analysis.providers.windows import Window

_PATH = re.compile("([^/]+)/(cpu|memory)(?:/([^/]+))?")


class PodMetricsProvider(KubernetesApiProvider):
    """Ask the API server, or the one at the template's address, what pods use."""

    def request(self, query: str, window: Window) -> Request:
        """Get what the pods of a namespace use."""
        path, _, selector = query.strip().partition("?")
        namespace, _, _ = _parts(path)
        return Request(
            path=f"/apis/metrics.k8s.io/v1beta1/namespaces/{quote(namespace, safe='')}/pods",
            parameters=dict(parse_qsl(selector, keep_blank_values=True)),
        )

    def read(self, payload: Any, query: str, window: Window) -> Reading:
        """Read the items: each pod is a series, and what was not measured of late is none."""
        _, resource, container = _parts(query.strip().partition("?")[0])
        used = [
            [
                quantity(each["usage"][resource])
                for each in pod["containers"]
                if container in {"", each["name"]}
            ]
            for pod in payload["items"]
            if fresh(pod["timestamp"], window)
        ]
        return Reading(series=[(Point(sum(each)),) for each in used if each])


def _parts(path: str) -> tuple[str, str, str]:
    """Give the namespace, what is measured, and the container; empty for all of them.

    Raises:
        QueryError: it does not say these.
    """
    found = _PATH.fullmatch(path)
    if found is None:
        raise QueryError(
            "the query names nothing that pods use; write NAMESPACE/cpu or NAMESPACE/memory, and "
            "/CONTAINER behind it for one container alone"
        )
    namespace, resource, container = found.groups("")
    return namespace, resource, container
