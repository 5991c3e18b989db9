"""Series in the shape of each proxy, on which the built-in queries are tried.

The canary is the workload `app` in namespace `test`, behind the service `front-canary`.
"""

from dataclasses import dataclass, replace


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
    buckets: str = ""
    mean: str = ""
    """The mean duration, where there is no histogram."""
    idle: str = ""
    """The labels of another pod of the canary's, for a mean."""
    kind: str = "Deployment"
    """The kind of both workloads."""
    failed_call: str = ""
    """The labels of a gRPC call that failed, where they say so beside the status of HTTP."""
    also: tuple[str, ...] = ()
    """Series of others that the queries ask as well, each with the value 1."""
    milliseconds: int = 1
    """How many milliseconds the unit of the durations has."""


def envoy(canary: str, primary: str) -> Series:
    """Give the series of an Envoy, by the names of its clusters."""
    return Series(
        canary=f'envoy_cluster_name="{canary}"',
        primary=f'envoy_cluster_name="{primary}"',
        status=("envoy_response_code", "200", "503"),
        counter="envoy_cluster_upstream_rq",
        buckets="envoy_cluster_upstream_rq_time_bucket",
    )


#: The labels that Consul's Envoys give a cluster of the service `front`.
_CONSUL = (
    'consul_destination_namespace="{namespace}",consul_destination_service="front",'
    'consul_destination_service_subset="{subset}"'
)


def _consul(canary: str, primary: str) -> Series:
    """Give the series of Consul's Envoys, by the names of the subsets."""
    return Series(
        canary=_CONSUL.format(namespace="default", subset=canary),
        primary=_CONSUL.format(namespace="default", subset=primary),
        status=("envoy_response_code", "200", "503"),
        counter="envoy_cluster_upstream_rq",
        buckets="envoy_cluster_upstream_rq_time_bucket",
    )


def _openshift(prefix: str) -> Series:
    """Give the series of OpenShift's router, whose own labels may have a prefix."""

    def labels(pod: str, service: str) -> str:
        named = {"namespace": "test", "pod": pod, "service": service}
        given = ",".join(f'{prefix}{name}="{value}"' for name, value in named.items())
        return f'instance="10.0.0.1:1936",route="front",server="10.1.0.1:80",{given}'

    return Series(
        canary=labels("app-1", "front-canary"),
        idle=labels("app-2", "front-canary"),
        primary=labels("app-primary-1", "front-primary"),
        status=("code", "2xx", "5xx"),
        counter="haproxy_server_http_responses_total",
        mean="haproxy_server_http_average_response_latency_milliseconds",
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


def _kube_pod(namespace: str, pod: str, address: str, instance: str = "10.2.0.8:8080") -> str:
    """Give what kube-state-metrics says of a pod's address; `node` is the machine that it is on."""
    where = f'instance="{instance}",node="worker-1",host_ip="10.0.0.4"'
    return f'kube_pod_info{{namespace="{namespace}",pod="{pod}",pod_ip="{address}",{where}}}'


def traefik(canary: str, primary: str) -> Series:
    """Give the series of Traefik."""
    return Series(
        canary=f'service="{canary}"',
        primary=f'service="{primary}"',
        status=("code", "200", "503"),
        counter="traefik_service_requests_total",
        buckets="traefik_service_request_duration_seconds_bucket",
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
    "emissary": {
        True: ("test__front__canary",),
        False: (
            "test__front__primary",
            "test__app__canary",
            "prod__front__canary",
            "test__big_front__canary",
            "cluster_front_9898_test",
        ),
    },
    "gatewayapi": {
        True: (
            *_OUTBOUND[True],
            "service/test/front-canary/9898",
            "kube_test_front-canary_9898",
            "test_front-canary_9898",
        ),
        False: (
            *_OUTBOUND[False],
            "service/test/front-primary/9898",
            "service/prod/front-canary/9898",
            "kube_test_front_9898",
            "kube_prod_front-canary_9898",
            "test_big-front-canary_9898",
            # With backends of one cluster, neither side is told apart.
            "httproute/test/front/rule/0",
        ),
    },
    "gloo": {
        True: (
            "kube-svc_test-front-canary-9898_test_test_front-canary_9898",
            "kube-upstream_test-front-canary-9898_test_test_front-canary_9898",
            "kube-svc:test-front-canary-9898_test",
            "test-front-canary-9898_gloo-system",
        ),
        False: (
            "kube-svc_test-front-primary-9898_test_test_front-primary_9898",
            "kube-svc_prod-front-canary-9898_prod_prod_front-canary_9898",
            "kube-svc:test-front-primary-9898_test",
            "test-big-front-canary-9898_gloo-system",
            "gateway_proxy-front-canary",
        ),
    },
    # With istio:subsets a side is a subset of the apex service.
    "istio": {
        True: (*_OUTBOUND[True], "outbound|80|front-canary|front.test.svc.cluster.local"),
        False: (
            *_OUTBOUND[False],
            "outbound|80|front-primary|front.test.svc.cluster.local",
            "outbound|80|front-canary|front.prod.svc.cluster.local",
            "outbound|80|big-front-canary|front.test.svc.cluster.local",
        ),
    },
    "knative": {
        True: ("test/app-00002",),
        False: ("test/app-00001", "prod/app-00002", "test/app-000020", "test/big-app-00002"),
    },
    "kuma": {
        True: (
            "front-canary_test_svc_9898",
            "default_front-canary_test_zone-1_msvc_9898",
            "kri_msvc_default_zone-1_test_front-canary_http",
        ),
        False: (
            "front-primary_test_svc_9898",
            "front-canary_prod_svc_9898",
            "big-front-canary_test_svc_9898",
            "default_front-primary_test_zone-1_msvc_9898",
            "kri_msvc_default_zone-1_prod_front-canary_http",
            "localhost_9898",
        ),
    },
    "osm": {
        True: ("test/front-canary|9898", "test/front-canary"),
        False: (
            "test/front-primary|9898",
            "test/front|9898",
            "prod/front-canary|9898",
            "test/big-front-canary|9898",
            # The pod's own requests, which others have sent.
            "test/front-canary|9898|local",
        ),
    },
    "smi": _OUTBOUND,
}
#: By the name of the router, and the shape where there are several.
SERIES = {
    "contour": envoy("test_front-canary_80", "test_front-primary_80"),
    "knative": envoy("test/app-00002", "test/app-00001"),
    "consul": _consul("front-canary", "front-primary"),
    "consul with a service of that name in another namespace": replace(
        _consul("front-canary", ""),
        primary=_CONSUL.format(namespace="prod", subset="front-canary"),
    ),
    "emissary": envoy("test__front__canary", "test__front__primary"),
    "gloo": envoy(
        "kube-svc_test-front-canary-80_test_test_front-canary_80",
        "kube-svc_test-front-primary-80_test_test_front-primary_80",
    ),
    "istio": Series(
        canary='reporter="destination",destination_workload_namespace="test",destination_workload="app"',
        primary='reporter="destination",destination_workload_namespace="test",destination_workload="app-primary"',
        status=("response_code", "200", "503"),
        counter="istio_requests_total",
        failed_call='response_code="200",grpc_response_status="14"',
        buckets="istio_request_duration_milliseconds_bucket",
    ),
    "haproxy": Series(
        canary='instance="10.0.0.1:1024",proxy="test_svc_front-canary-haproxy_http"',
        idle='instance="10.0.0.2:1024",proxy="test_svc_front-canary-haproxy_http"',
        primary='instance="10.0.0.1:1024",proxy="test_svc_front-primary_http"',
        status=("code", "2xx", "5xx"),
        counter="haproxy_backend_http_responses_total",
        mean="haproxy_backend_response_time_average_seconds",
        milliseconds=1000,
    ),
    "skipper": Series(
        canary='route="kube_test__web_canary__app_example_org____front_canary"',
        primary='route="kube_test__web_canary__app_example_org____front_primary"',
        status=("code", "200", "503"),
        counter="skipper_serve_route_count",
        buckets="skipper_serve_route_duration_seconds_bucket",
        milliseconds=1000,
    ),
    "kuma": envoy("front-canary_test_svc_80", "front-primary_test_svc_80"),
    "openshift": _openshift(""),
    "openshift in its own monitoring": _openshift("exported_"),
    "osm": Series(
        canary='destination_namespace="test",destination_kind="Deployment",destination_name="app"',
        primary='destination_namespace="test",destination_kind="Deployment",destination_name="app-primary"',
        status=("response_code", "200", "503"),
        counter="osm_request_total",
        buckets="osm_request_duration_ms_bucket",
    ),
    "linkerd": Series(
        canary='namespace="test",deployment="app",direction="inbound"',
        primary='namespace="test",deployment="app-primary",direction="inbound"',
        status=("classification", "success", "failure"),
        counter="response_total",
        buckets="response_latency_ms_bucket",
    ),
    "osm with a DaemonSet": Series(
        canary='destination_namespace="test",destination_kind="DaemonSet",destination_name="app"',
        primary='destination_namespace="test",destination_kind="DaemonSet",destination_name="app-primary"',
        kind="DaemonSet",
        status=("response_code", "200", "503"),
        counter="osm_request_total",
        buckets="osm_request_duration_ms_bucket",
    ),
    "linkerd with a DaemonSet": Series(
        canary='namespace="test",daemonset="app",direction="inbound"',
        primary='namespace="test",daemonset="app-primary",direction="inbound"',
        kind="DaemonSet",
        status=("classification", "success", "failure"),
        counter="response_total",
        buckets="response_latency_ms_bucket",
    ),
    "gatewayapi": Series(
        canary='kubernetes_namespace="test",kubernetes_pod_name="app-6d4f8b9c7d-x2x9z"',
        primary='kubernetes_namespace="test",kubernetes_pod_name="app-primary-6d4f8b9c7d-x2x9z"',
        status=("status", "200", "500"),
        counter="http_request_duration_seconds_count",
        buckets="http_request_duration_seconds_bucket",
        milliseconds=1000,
    ),
    "gatewayapi-grpc": Series(
        canary='kubernetes_namespace="test",kubernetes_pod_name="app-6d4f8b9c7d-x2x9z"',
        primary='kubernetes_namespace="test",kubernetes_pod_name="app-primary-6d4f8b9c7d-x2x9z"',
        status=("grpc_code", "OK", "Unavailable"),
        counter="grpc_server_handled_total",
        buckets="grpc_server_handling_seconds_bucket",
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
    "traefik": traefik(
        canary="test-front-canary-80@kubernetescrd",
        primary="test-front-primary-80@kubernetescrd",
    ),
    "traefik with a service of a like name": traefik(
        canary="test-front-canary-80@kubernetescrd",
        primary="test-front-canary-api-80@kubernetescrd",
    ),
    "apisix": Series(
        canary='route="6c1f",service="6c1f",type="upstream",node="10.1.0.2"',
        primary='route="6c1f",service="6c1f",type="upstream",node="10.1.0.1"',
        status=("code", "200", "503"),
        counter="apisix_http_status",
        buckets="apisix_http_latency_bucket",
        also=(
            _kube_pod("test", "app-6d4f8b9c7d-x2x9z", "10.1.0.2"),
            # Two replicas of kube-state-metrics tell of it.
            _kube_pod("test", "app-6d4f8b9c7d-x2x9z", "10.1.0.2", instance="10.2.0.9:8080"),
            _kube_pod("test", "app-primary-6d4f8b9c7d-x2x9z", "10.1.0.1"),
            _kube_pod("prod", "app-6d4f8b9c7d-q7q4w", "10.1.0.1"),
        ),
    ),
    "nginx-f5": Series(
        canary='resource_namespace="test",service="front-canary"',
        primary='resource_namespace="test",service="front-primary"',
        status=("code", "200", "503"),
        counter="nginx_ingress_controller_upstream_server_response_latency_ms_count",
        buckets="nginx_ingress_controller_upstream_server_response_latency_ms_bucket",
        milliseconds=1,
    ),
}
