"""A KeptnMetric, read from the API server."""

from analysis.errors import FailureKind
from analysis.model import ProviderSpec
from tests.analysis.servers import Handler, says
from tests.case import Asked, ProviderCase


def metric(updated: str = "2025-12-31T23:59:30Z", **status: object) -> Handler:
    """Answer with a KeptnMetric."""
    return says(
        {
            "apiVersion": "metrics.keptn.sh/v1",
            "kind": "KeptnMetric",
            "metadata": {"name": "errors", "namespace": "shop"},
            "spec": {"provider": {"name": "dynatrace"}, "query": "…", "fetchIntervalSeconds": 10},
            "status": {"rawValue": "", "lastUpdated": updated, **status},
        }
    )


CASE = ProviderCase(
    spec=lambda address: ProviderSpec(type="keptn", address=address),
    query="keptnmetric/shop/errors",
    asked=Asked(path="/apis/metrics.keptn.sh/v1/namespaces/shop/keptnmetrics/errors"),
    five=metric(value="5"),
    nothing=metric(value=""),
    nan=metric(value="NaN"),
    values={
        "a fraction": (metric(value="5.5"), 5.5),
        "infinity": (metric(value="+Inf"), float("inf")),
    },
    no_data={"an old value": metric(value="5", updated="2025-12-31T23:30:00Z")},
    failures={
        "an error with status 200": (
            metric(value="5", errMsg="no such host"),
            FailureKind.UNAVAILABLE,
            "no such host",
        ),
        "no such metric": (
            says({"kind": "Status", "message": "errors not found"}, status=404),
            FailureKind.QUERY,
            "errors not found",
        ),
        "refused": (
            says({"kind": "Status", "message": "forbidden"}, status=403),
            FailureKind.REFUSED,
            "forbidden",
        ),
        "throttled": (says("", status=429), FailureKind.THROTTLED, "429"),
        "text": (metric(value="five"), FailureKind.QUERY, "otherwise than it should"),
    },
)
