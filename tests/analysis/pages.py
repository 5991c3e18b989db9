"""Pages in the shape in which each proxy prints its own, on which the built-in queries are tried.

The canary is the workload `app` in namespace `test`, behind the service `front-canary`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.analysis.series import CLUSTERS

GOOD, BAD, OTHERS = 90, 10, 700
"""How many requests come on top between two looks: the canary's, and of each series of others."""

_OFTEN = (1, 2, 3, 4, 5, 10, 20, 30, 40, 50, 100, 200, 300, 400, 500, 1000)
"""The edges of Linkerd and of F5, in milliseconds."""
_USUAL = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""Those of Prometheus's clients, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What a proxy counts by."""

    counter: str
    canary: Sequence[str]
    """The labels of the canary's series."""
    others: Sequence[str]
    """Those of the series of others, the primary's among them."""
    code: str
    """The labels that say how a request was answered, with `{}` for the answer."""
    answers: tuple[str, str]
    """A good answer and a bad one."""
    mean: str = ""
    """The name of the mean of durations, where there is no histogram."""
    idle: str = ""
    """The labels of another pod of the canary's, which answers nothing and keeps its last mean."""
    histogram: str = ""
    """Its name without `_bucket`; empty where a page has none."""
    edges: Sequence[float] = ()
    coded: bool = False
    """Whether the histogram has the labels of the answer, too."""
    unit: int = 1
    """How many milliseconds the unit of its edges has."""

    takes: float = 150
    """How long the canary's requests take on average, in milliseconds, where there is a mean."""

    @property
    def slow(self) -> tuple[float, float]:
        """The edges between which the canary's requests lie, in milliseconds."""
        high = next(index for index, edge in enumerate(self.edges) if edge * self.unit >= 200)
        return self.edges[high - 1] * self.unit, self.edges[high] * self.unit

    def at(self, look: int) -> bytes:
        """Print the page at a look; what has come before the first one is history."""
        return "\n".join(self._lines(look)).encode() + b"\n"

    def _lines(self, look: int) -> Iterator[str]:
        # A histogram's own count is printed with it.
        if self.counter != f"{self.histogram}_count":
            yield f"# HELP {self.counter} Requests."
            yield f"# TYPE {self.counter} counter"
            for labels, amounts in self._amounts():
                for answer, amount in zip(self.answers, amounts, strict=True):
                    answered = f"{self.code.format(answer)},{labels}"
                    yield f"{self.counter}{{{answered}}} {5 + amount * look}"
        if self.mean:
            yield f"# HELP {self.mean} Mean of the last 1024 requests."
            yield f"# TYPE {self.mean} gauge"
            for labels in self.canary:
                yield f"{self.mean}{{{labels}}} {self.takes / self.unit:g}"
            for labels in (self.idle, *self.others):
                yield f"{self.mean}{{{labels}}} {9000 / self.unit:g}"
        if not self.histogram:
            return
        yield f"# HELP {self.histogram} Durations."
        yield f"# TYPE {self.histogram} histogram"
        for labels, amounts in self._amounts():
            quick = labels not in self.canary
            if self.coded:
                for answer, amount in zip(self.answers, amounts, strict=True):
                    answered = f"{self.code.format(answer)},{labels}"
                    yield from self._buckets(answered, amount * look, quick=quick)
            else:
                yield from self._buckets(labels, sum(amounts) * look, quick=quick)

    def _buckets(self, labels: str, amount: int, *, quick: bool) -> Iterator[str]:
        low, high = self.slow
        for edge in self.edges:
            within = amount if quick or edge * self.unit >= high else 0
            yield f'{self.histogram}_bucket{{{labels},le="{edge:g}"}} {within}'
        yield f'{self.histogram}_bucket{{{labels},le="+Inf"}} {amount}'
        yield f"{self.histogram}_sum{{{labels}}} {amount * low / self.unit:g}"
        yield f"{self.histogram}_count{{{labels}}} {amount}"

    def _amounts(self) -> Iterator[tuple[str, tuple[int, int]]]:
        for labels in self.canary:
            yield labels, (GOOD, BAD)
        for labels in self.others:
            yield labels, (0, OTHERS)


def _envoy(canary: Sequence[str], others: Sequence[str]) -> Page:
    return Page(
        counter="envoy_cluster_upstream_rq",
        canary=canary,
        others=others,
        code='envoy_response_code="{}"',
        answers=("200", "503"),
        histogram="envoy_cluster_upstream_rq_time",
        edges=(0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000),
    )


def _clusters(router: str) -> Page:
    names = CLUSTERS[router]
    canary, others = (
        [f'envoy_cluster_name="{each}"' for each in names[of]] for of in (True, False)
    )
    return _envoy(canary[:1], others)


def _consul(subset: str, namespace: str = "default") -> str:
    return (
        f'consul_destination_datacenter="dc1",consul_destination_namespace="{namespace}",'
        'consul_destination_partition="default",consul_destination_routing_type="internal",'
        f'consul_destination_service="front",consul_destination_service_subset="{subset}",'
        'envoy_cluster_name="front"'
    )


def _linkerd(owner: str, namespace: str = "test", kind: str = "deployment") -> str:
    return (
        f'direction="outbound",tls="true",authority="front.{namespace}.svc.cluster.local:80",'
        f'dst_control_plane_ns="linkerd",dst_{kind}="{owner}",dst_namespace="{namespace}",'
        f'dst_pod="{owner}-6d4f8b9c7d-x2x9z",dst_pod_template_hash="6d4f8b9c7d",'
        f'dst_service="front-canary",dst_serviceaccount="default",status_code="200",'
        'grpc_status="",error=""'
    )


def _nginx(canary: str, namespace: str = "test") -> str:
    return (
        f'canary="{canary}",controller_class="k8s.io/ingress-nginx",'
        'controller_namespace="ingress-nginx",controller_pod="controller-0",'
        f'host="app.example.com",ingress="web",method="GET",namespace="{namespace}",path="/",'
        'service="front"'
    )


def _f5(service: str, namespace: str = "test") -> str:
    return (
        f'class="nginx",pod_name="{service}-x2x9z",resource_name="front",'
        f'resource_namespace="{namespace}",resource_type="virtualserverroute",'
        f'server="10.1.0.2:80",service="{service}",upstream="vs_test_front_vsr_test_front_{service}"'
    )


def _traefik(service: str) -> str:
    return f'method="GET",protocol="http",service="{service}@kubernetescrd"'


def _skipper(service: str, namespace: str = "test") -> str:
    return f'method="GET",route="kube_{namespace}__web_canary__app_example_org____{service}"'


def _openshift(service: str, namespace: str = "test") -> str:
    return (
        f'namespace="{namespace}",pod="{service}-1",route="front",server="10.1.0.2:8080",'
        f'service="{service}"'
    )


#: By the name of the router.
PAGES = {
    **{router: _clusters(router) for router in CLUSTERS},
    "consul": _envoy(
        [_consul("front-canary")],
        [_consul("front-primary"), _consul("front-canary", "prod"), _consul("")],
    ),
    "linkerd": Page(
        counter="response_total",
        canary=[_linkerd("app")],
        others=[
            _linkerd("app-primary"),
            _linkerd("app", "prod"),
            _linkerd("app", kind="statefulset"),
            # What the caller itself is asked has no destination.
            'direction="inbound",tls="true",status_code="200",grpc_status="",error=""',
        ],
        code='classification="{}"',
        answers=("success", "failure"),
        histogram="response_latency_ms",
        edges=_OFTEN,
    ),
    "nginx": Page(
        counter="nginx_ingress_controller_requests",
        canary=[_nginx("test-front-canary-80")],
        others=[_nginx(""), _nginx("prod-front-canary-80", "prod")],
        code='status="{}"',
        answers=("200", "503"),
        histogram="nginx_ingress_controller_response_duration_seconds",
        edges=_USUAL,
        coded=True,
        unit=1000,
    ),
    "nginx-f5": Page(
        counter="nginx_ingress_controller_upstream_server_response_latency_ms_count",
        canary=[_f5("front-canary")],
        others=[_f5("front-primary"), _f5("front-canary", "prod")],
        code='code="{}"',
        answers=("200", "503"),
        histogram="nginx_ingress_controller_upstream_server_response_latency_ms",
        edges=_OFTEN,
        coded=True,
    ),
    "traefik": Page(
        counter="traefik_service_requests_total",
        canary=[_traefik("test-front-canary-80")],
        others=[
            _traefik("test-front-primary-80"),
            _traefik("prod-front-canary-80"),
            _traefik("test-front-canary-api-80"),
        ],
        code='code="{}"',
        answers=("200", "503"),
        histogram="traefik_service_request_duration_seconds",
        edges=(0.1, 0.3, 1.2, 5),
        coded=True,
        unit=1000,
    ),
    "skipper": Page(
        counter="skipper_serve_route_count",
        canary=[_skipper("front_canary")],
        others=[_skipper("front_primary"), _skipper("front_canary", "prod")],
        code='code="{}"',
        answers=("200", "503"),
        histogram="skipper_serve_route_duration_seconds",
        edges=_USUAL,
        coded=True,
        unit=1000,
    ),
    "haproxy": Page(
        counter="haproxy_backend_http_responses_total",
        canary=['proxy="test_svc_front-canary-haproxy_http"'],
        others=[
            'proxy="test_svc_front-primary_http"',
            'proxy="prod_svc_front-canary-haproxy_http"',
        ],
        code='code="{}"',
        answers=("2xx", "5xx"),
        mean="haproxy_backend_response_time_average_seconds",
        idle='proxy="test_svc_front-canary-haproxy_grpc"',
        unit=1000,
    ),
    "openshift": Page(
        counter="haproxy_server_http_responses_total",
        canary=[_openshift("front-canary")],
        others=[_openshift("front-primary"), _openshift("front-canary", "prod")],
        code='code="{}"',
        answers=("2xx", "5xx"),
        mean="haproxy_server_http_average_response_latency_milliseconds",
        idle=_openshift("front-canary").replace("10.1.0.2", "10.1.0.3"),
    ),
}
