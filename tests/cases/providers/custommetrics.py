"""The custom metrics API."""

from analysis.errors import FailureKind
from analysis.model import ProviderSpec
from tests.analysis.servers import Handler, says
from tests.case import Asked, ProviderCase


def items(*values: object, taken: str = "2025-12-31T23:59:50Z") -> Handler:
    """Answer in the form of an MetricValueList."""
    return says(
        {
            "kind": "MetricValueList",
            "apiVersion": "custom.metrics.k8s.io/v1beta2",
            "metadata": {},
            "items": [
                {
                    "describedObject": {"kind": "Pod", "name": f"pay-{n}"},
                    "metric": {"name": "queue"},
                    "timestamp": taken,
                    "value": value,
                }
                for n, value in enumerate(values)
            ],
        }
    )


def status(code: int, message: str) -> Handler:
    """Refuse as API servers do."""
    return says({"kind": "Status", "status": "Failure", "message": message}, status=code)


CASE = ProviderCase(
    spec=lambda address: ProviderSpec(type="custommetrics", address=address),
    query="shop/pods/*/queue?labelSelector=app=pay",
    asked=Asked(
        path="/apis/custom.metrics.k8s.io/v1beta2/namespaces/shop/pods/*/queue",
        parameters={"labelSelector": "app=pay"},
    ),
    five=items("5"),
    nothing=items(),
    nan=items("5", taken="2025-12-31T22:00:00Z"),
    values={
        "a thousandth": (items("812500m"), 812.5),
    },
    no_data={"an old value": items("5", taken="2025-12-31T23:00:00Z")},
    failures={
        "several items": (items("5", "6"), FailureKind.AMBIGUOUS, "2 series"),
        "no such metric": (status(404, "queue not found"), FailureKind.QUERY, "queue not found"),
        "refused": (status(403, "shop is forbidden"), FailureKind.REFUSED, "shop is forbidden"),
        "no adapter": (
            says("service unavailable", status=503),
            FailureKind.UNAVAILABLE,
            "503",
        ),
        "throttled": (
            says("", status=429, headers={"Retry-After": "60"}),
            FailureKind.THROTTLED,
            "429",
        ),
        "NaN": (items("NaN"), FailureKind.QUERY, "otherwise than it should"),
        "infinity": (items("Inf"), FailureKind.QUERY, "otherwise than it should"),
        "no quantity": (items("five"), FailureKind.QUERY, "otherwise than it should"),
    },
)
