"""Kayenta: a judgement is started, and read as GET /canary/ID gives it."""

import orjson
from aiohttp import web

from analysis.errors import FailureKind
from analysis.model import NoData, ProviderSpec, QueryFailure
from tests.analysis.checked import FakeChecks, replied
from tests.analysis.servers import Handler, says
from tests.case import Asked, ProviderCase, ResumedCase, minutes

QUERY = orjson.dumps(
    {
        "config": "c0ffee",
        "scopes": {
            "default": {
                "controlScope": {"scope": "pay-primary", "location": "shop"},
                "experimentScope": {"scope": "pay", "location": "shop", "step": 10},
            }
        },
    }
).decode()
ID = "01KBCDEFGHJKMNPQRSTVWXYZ01"
SPAN = {"start": "2025-12-31T23:58:00Z", "end": "2025-12-31T23:59:00Z"}


def told(score: object, classification: str = "Pass", **more: object) -> dict[str, object]:
    """Give a judgement that is over, as the archive does."""
    return {
        "application": "tidegate",
        "pipelineId": ID,
        "complete": True,
        "status": "succeeded",
        "stageStatus": {"judge": "succeeded"},
        "result": {
            "judgeResult": {
                "judgeName": "NetflixACAJudge-v1.0",
                "results": [],
                "groupScores": [
                    {"name": "Latency", "score": 40.0, "classification": "Fail"},
                    {"name": "Errors", "score": 100.0, "classification": "Pass"},
                ],
                "score": {
                    "score": score,
                    "classification": classification,
                    "classificationReason": "",
                    **more,
                },
            },
            "canaryDuration": "PT1M",
        },
    }


def judged(score: object, classification: str = "Pass", **more: object) -> Handler:
    """Start a judgement, and say at once what has come of it."""
    return ends(told(score, classification, **more))


def ends(body: object) -> Handler:
    """Start a judgement, and answer with a body when polled it."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.method == "POST":
            return replied({"canaryExecutionId": ID})
        if request.path == "/canary/executions":
            return replied([])
        return replied(body) if request.method == "GET" else web.Response(status=202)

    return answer


class Kayenta(FakeChecks):
    """Kayenta, with the executions of one application."""

    def answer(self, request: web.Request, content: object) -> web.Response | None:
        """Answer as the controllers of canaries and pipelines do."""
        if request.method == "POST":
            made = f"{ID}{len(self.checks)}"
            self.checks[made] = request.query["parentPipelineExecutionId"]
            return replied({"canaryExecutionId": made})
        if request.path == "/canary/executions":
            return replied(
                [
                    {"pipelineId": id_, "parentPipelineExecutionId": key, "complete": self.over}
                    for id_, key in self.checks.items()
                ]
            )
        id_ = request.path.split("/")[2]
        if id_ not in self.checks:
            return None
        if request.method == "PUT":
            self.gone.append(id_)
            return web.Response(status=202)
        return replied(told(5) if self.over else {"complete": False, "status": "running"})


def asked(key: str) -> Asked:
    """Ask for a judgement of a minute."""
    return Asked(
        method="POST",
        path="/canary/c0ffee",
        parameters={"application": "tidegate", "parentPipelineExecutionId": key},
        content={
            "scopes": {
                "default": {
                    "controlScope": {
                        **SPAN,
                        "step": 60,
                        "scope": "pay-primary",
                        "location": "shop",
                    },
                    "experimentScope": {**SPAN, "step": 10, "scope": "pay", "location": "shop"},
                }
            },
            "thresholds": {"pass": 95, "marginal": 75},
        },
    )


def ended(status: str, exception: object = None) -> Handler:
    """Say that a judgement was ended without a result."""
    return says({"complete": True, "status": status, "exception": exception})


CASE = ProviderCase(
    spec=lambda address: ProviderSpec(type="kayenta", address=address),
    query=QUERY,
    lag=minutes(2),
    five=judged(5),
    nothing=judged(0, "Nodata", classificationReason="Nodata: no metric had data"),
    nan=judged("NaN"),
    asked=Asked(path="/canary/executions", parameters={"application": "tidegate", "limit": "50"}),
    values={"a marginal score": (judged(81.5, "Marginal"), 81.5), "none": (judged(0, "Fail"), 0)},
    no_data={"no score": judged(None)},
    failures={
        "throttled": (says({"message": "slow down"}, status=429), FailureKind.THROTTLED, "429"),
        "no such configuration": (
            says({"message": "no such object"}, status=404),
            FailureKind.QUERY,
            "no such object",
        ),
        "a query that it refuses": (
            says({"message": "Canary scope for metric is null"}, status=400),
            FailureKind.QUERY,
            "Canary scope for metric is null",
        ),
        "text": (judged("five"), FailureKind.QUERY, "otherwise than it should"),
    },
    resumed=ResumedCase(
        query=QUERY,
        store=Kayenta,
        started=asked,
        cancelled=lambda handle: Asked(method="PUT", path=f"/pipelines/{handle}/cancel"),
        outcomes={
            "a score, with the groups that have less": (
                says(told(81.5, "Marginal")),
                81.5,
                "group Latency has 40",
            ),
            "no data": (
                says(told(0, "Nodata", classificationReason="Nodata: none")),
                NoData,
                "Nodata: none",
            ),
            "no data, and no reason": (says(told(0, "Nodata")), NoData, "found no data"),
            "what has ended it": (
                ended("terminal", {"details": {"errors": ["403 from the store"]}}),
                QueryFailure,
                "as terminal: 403 from the store",
            ),
            "what has ended it in a word": (
                ended("terminal", {"details": {"error": "Unexpected Task Failure"}}),
                QueryFailure,
                "Unexpected Task Failure",
            ),
            "that it was cancelled": (ended("canceled"), QueryFailure, "as canceled"),
        },
    ),
)
