"""The external metrics API."""

from analysis.errors import FailureKind
from analysis.model import ProviderSpec
from tests.analysis.servers import Handler, says
from tests.case import Asked, ProviderCase


def items(*values: object, taken: str = "2025-12-31T23:59:50Z") -> Handler:
    """Answer in the form of an ExternalMetricValueList."""
    return says(
        {
            "kind": "ExternalMetricValueList",
            "apiVersion": "external.metrics.k8s.io/v1beta1",
            "metadata": {},
            "items": [
                {"metricName": "queue", "metricLabels": {}, "timestamp": taken, "value": value}
                for value in values
            ],
        }
    )


def status(code: int, message: str) -> Handler:
    """Refuse as API servers do."""
    return says({"kind": "Status", "status": "Failure", "message": message}, status=code)


CASE = ProviderCase(
    spec=lambda address: ProviderSpec(type="externalmetrics", address=address),
    query="shop/queue?labelSelector=app=pay",
    asked=Asked(
        path="/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/queue",
        parameters={"labelSelector": "app=pay"},
    ),
    five=items("5"),
    nothing=items(),
    nan=items("5", taken="2025-12-31T22:00:00Z"),
    values={
        "a thousandth": (items("812500m"), 812.5),
        "a power of 1024": (items("3Ki"), 3072),
        "a power of 1000": (items("5k"), 5000),
        "a billionth": (items("5n"), 5e-9),
        "an exponent": (items("5e3"), 5000),
        "exa": (items("5E"), 5e18),
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
