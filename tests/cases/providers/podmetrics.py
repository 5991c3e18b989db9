"""The resource metrics API, as metrics-server serves it."""

from analysis.errors import FailureKind
from analysis.model import ProviderSpec
from tests.analysis.servers import Handler, says
from tests.case import Asked, ProviderCase


def pods(*containers: tuple[str, ...], taken: str = "2025-12-31T23:59:50Z") -> Handler:
    """Answer in the form of a PodMetricsList: of each pod what its containers use of the CPU."""
    return says(
        {
            "kind": "PodMetricsList",
            "apiVersion": "metrics.k8s.io/v1beta1",
            "metadata": {},
            "items": [
                {
                    "metadata": {"name": f"pay-{n}", "namespace": "shop", "labels": {"app": "pay"}},
                    "timestamp": taken,
                    "window": "15.2s",
                    "containers": [
                        {"name": name, "usage": {"cpu": cpu, "memory": "93012Ki"}}
                        for name, cpu in zip(("app", "proxy"), each, strict=False)
                    ],
                }
                for n, each in enumerate(containers)
            ],
        }
    )


def status(code: int, message: str) -> Handler:
    """Refuse as API servers do."""
    return says({"kind": "Status", "status": "Failure", "message": message}, status=code)


def spec(address: str) -> ProviderSpec:
    """Ask a server."""
    return ProviderSpec(type="podmetrics", address=address)


MEMORY = ProviderCase(
    spec=spec,
    query="shop/memory/proxy",
    asked=Asked(path="/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods"),
    # What is measured in these answers is the CPU, of which this query says nothing.
    five=says(
        {
            "items": [
                {
                    "timestamp": "2025-12-31T23:59:50Z",
                    "containers": [
                        {"name": "app", "usage": {"cpu": "1", "memory": "7"}},
                        {"name": "proxy", "usage": {"cpu": "1", "memory": "5"}},
                    ],
                }
            ]
        }
    ),
    nothing=pods(("1",)),
    nan=pods(),
    values={"in kibibytes": (pods(("1", "1")), 93012 * 1024)},
)

CASE = ProviderCase(
    spec=spec,
    query="shop/cpu?labelSelector=app=pay",
    asked=Asked(
        path="/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods",
        parameters={"labelSelector": "app=pay"},
    ),
    five=pods(("5",)),
    nothing=pods(),
    nan=pods(("5",), taken="2025-12-31T22:00:00Z"),
    values={
        "in billionths": (pods(("12500000n",)), 0.0125),
        "several containers": (pods(("250m", "4750m")), 5),
    },
    no_data={
        "an old measurement": pods(("5",), taken="2025-12-31T23:00:00Z"),
        "a pod without containers": pods(()),
    },
    failures={
        "several pods": (pods(("5",), ("6",)), FailureKind.AMBIGUOUS, "2 series"),
        "no metrics-server": (
            status(404, "the server could not find the requested resource"),
            FailureKind.QUERY,
            "could not find the requested resource",
        ),
        "refused": (status(403, "pods is forbidden"), FailureKind.REFUSED, "pods is forbidden"),
        "metrics-server is down": (
            says("service unavailable", status=503),
            FailureKind.UNAVAILABLE,
            "503",
        ),
        "no quantity": (pods(("five",)), FailureKind.QUERY, "otherwise than it should"),
    },
    also={"of one container": MEMORY},
)
