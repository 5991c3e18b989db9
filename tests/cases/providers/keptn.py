"""A KeptnMetric, read from the API server, and an Analysis, created there."""

from typing import Any

from aiohttp import web

from analysis.errors import FailureKind
from analysis.model import ProviderSpec
from tests.analysis.checked import FakeChecks, replied
from tests.analysis.servers import Handler, says
from tests.case import Asked, ProviderCase, ResumedCase

ANALYSES = "/apis/metrics.keptn.sh/v1/namespaces/shop/analyses"


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


def analysis(**status: object) -> dict[str, object]:
    """Give an Analysis with a status."""
    return {"kind": "Analysis", "metadata": {"name": "tidegate-0"}, "status": status}


class Keptn(FakeChecks):
    """The API server, with the Analyses of a namespace."""

    def answer(self, request: web.Request, content: Any) -> web.Response | None:
        """Answer as the API server does, for Keptn."""
        if request.method == "POST" and request.path == ANALYSES:
            name = content["metadata"]["name"]
            if name in self.checks:
                return replied({"kind": "Status", "message": "already exists"}, 409)
            self.checks[name] = content["spec"]["analysisDefinition"]["name"]
            return replied(content, 201)
        name = request.path.removeprefix(f"{ANALYSES}/")
        if name not in self.checks:
            return None
        if request.method == "DELETE":
            self.gone.append(name)
            return replied({"kind": "Status", "status": "Success"})
        if self.over:
            return replied(analysis(state="Completed", **{"pass": True}))
        return replied(analysis(state="Progressing"))


def created(key: str) -> Asked:
    """Create an Analysis of a minute."""
    return Asked(
        method="POST",
        path=ANALYSES,
        content={
            "apiVersion": "metrics.keptn.sh/v1",
            "kind": "Analysis",
            "metadata": {
                "name": f"tidegate-{key}",
                "namespace": "shop",
                "labels": {"app.kubernetes.io/managed-by": "tidegate"},
            },
            "spec": {
                "analysisDefinition": {"name": "pay", "namespace": "shop"},
                "timeframe": {"recent": "1m"},
                "args": {},
            },
        },
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
    resumed=ResumedCase(
        query="analysis/shop/pay",
        store=Keptn,
        started=created,
        cancelled=lambda handle: Asked(
            method="DELETE", path=f"{ANALYSES}/{handle.removeprefix('shop/')}"
        ),
        value=1.0,
        outcomes={
            "a pass": (says(analysis(state="Completed", **{"pass": True})), 1.0, ""),
            "a warning": (
                says(analysis(state="Completed", **{"pass": False, "warning": True})),
                0.5,
                "",
            ),
            "a failure": (says(analysis(state="Completed")), 0.0, ""),
        },
    ),
)
