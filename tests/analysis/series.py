"""Series in the shape of each proxy, on which the built-in queries are tried.

The canary is the workload `app` in namespace `test`, behind the service `front-canary`.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """What a proxy, or an app, counts."""

    canary: str
    """The labels of the canary's series."""
    primary: str
    """Those of the primary's."""
    status: tuple[str, str, str]
    """The label that tells how a request was answered, with a good and a bad value."""
    counter: str
    buckets: str
    milliseconds: int
    """How many milliseconds the unit of the buckets' bounds has."""


def envoy(canary: str, primary: str) -> Series:
    """Give the series of an Envoy, by the names of its clusters."""
    return Series(
        canary=f'envoy_cluster_name="{canary}"',
        primary=f'envoy_cluster_name="{primary}"',
        status=("envoy_response_code", "200", "503"),
        counter="envoy_cluster_upstream_rq",
        buckets="envoy_cluster_upstream_rq_time_bucket",
        milliseconds=1,
    )


def ingress_nginx(canary: str, primary: str) -> Series:
    """Give the series of ingress-nginx."""
    return Series(
        canary=canary,
        primary=primary,
        status=("status", "200", "503"),
        counter="nginx_ingress_controller_requests",
        buckets="nginx_ingress_controller_response_duration_seconds_bucket",
        milliseconds=1000,
    )


_OUTBOUND = {
    True: (
        "outbound|80||front-canary.test.svc.cluster.local",
        "outbound|9898||front-canary.test.svc.cluster.local",
        "outbound|80|v2|front-canary.test.svc.corp.example",
    ),
    False: (
        "outbound|80||front-primary.test.svc.cluster.local",
        "outbound|80||front.test.svc.cluster.local",
        "outbound|80||app-canary.test.svc.cluster.local",
        "outbound|80||front-canary.prod.svc.cluster.local",
        "outbound|80||big-front-canary.test.svc.cluster.local",
        "inbound|80||front-canary.test.svc.cluster.local",
    ),
}
#: Names of Envoy's clusters by router: the canary's (True), and others' (False).
CLUSTERS = {
    "contour": {
        True: ("test_front-canary_80", "test_front-canary_9898"),
        False: (
            "test_front-primary_80",
            "test_front_80",
            "test_app-canary_80",
            "prod_front-canary_80",
            "test_big-front-canary_80",
            "test_front-canary_80_more",
        ),
    },
    "gatewayapi": _OUTBOUND,
    "istio": _OUTBOUND,
    "smi": _OUTBOUND,
}
#: By the name of the router, and the shape where there are several.
SERIES = {
    "contour": envoy("test_front-canary_80", "test_front-primary_80"),
    "istio": Series(
        canary='reporter="destination",destination_workload_namespace="test",destination_workload="app"',
        primary='reporter="destination",destination_workload_namespace="test",destination_workload="app-primary"',
        status=("response_code", "200", "503"),
        counter="istio_requests_total",
        buckets="istio_request_duration_milliseconds_bucket",
        milliseconds=1,
    ),
    "linkerd": Series(
        canary='namespace="test",deployment="app",direction="inbound"',
        primary='namespace="test",deployment="app-primary",direction="inbound"',
        status=("classification", "success", "failure"),
        counter="response_total",
        buckets="response_latency_ms_bucket",
        milliseconds=1,
    ),
    "gatewayapi": Series(
        canary='kubernetes_namespace="test",kubernetes_pod_name="app-6d4f8b9c7d-x2x9z"',
        primary='kubernetes_namespace="test",kubernetes_pod_name="app-primary-6d4f8b9c7d-x2x9z"',
        status=("status", "200", "500"),
        counter="http_request_duration_seconds_count",
        buckets="http_request_duration_seconds_bucket",
        milliseconds=1000,
    ),
    "nginx": ingress_nginx(
        canary='namespace="test",ingress="web",service="front",canary="test-front-canary-80"',
        primary='namespace="test",ingress="web",service="front",canary=""',
    ),
    "nginx under the namespace of its controller": ingress_nginx(
        canary='namespace="nginx",exported_namespace="test",canary="test-front-canary-http"',
        primary='namespace="nginx",exported_namespace="prod",canary="prod-front-canary-http"',
    ),
}
