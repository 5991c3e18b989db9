"""Dynatrace, asked by its Metrics API v2."""

from datetime import datetime

from analysis.errors import FailureKind
from analysis.model import Credentials, ProviderSpec
from tests.analysis.servers import Handler, says
from tests.case import NOW, Asked, CountCase, Login, ProviderCase, minutes

TOKEN = Credentials(others=(("dynatrace_token", "s3cr3t-token"),))
SELECTOR = 'builtin:service.errors.total.rate:filter(eq("dt.entity.service","SERVICE-1")):avg'
#: The window ends two minutes before midnight.
END = 1767225480


def data(*lists: list[object], **more: object) -> Handler:
    """Answer in the form of GET /api/v2/metrics/query."""
    return says(
        {
            "totalCount": len(lists),
            "nextPageKey": None,
            "resolution": "Inf",
            "result": [
                {
                    "metricId": SELECTOR,
                    "dataPointCountRatio": 1e-05,
                    "dimensionCountRatio": 1e-05,
                    "data": [
                        {
                            "dimensions": [f"SERVICE-{n}"],
                            "dimensionMap": {"dt.entity.service": f"SERVICE-{n}"},
                            "timestamps": [END * 1000 for _ in values],
                            "values": values,
                        }
                        for n, values in enumerate(lists)
                    ],
                }
            ],
            **more,
        }
    )


COUNT = 'builtin:service.requestCount.total:filter(eq("dt.entity.service","SERVICE-1")):sum'


def about(start: datetime, end: datetime) -> Asked:
    """Ask about a block."""
    return Asked(
        path="/api/v2/metrics/query",
        parameters={
            "metricSelector": COUNT,
            "resolution": "Inf",
            "from": str(int(start.timestamp()) * 1000),
            "to": str(int(end.timestamp()) * 1000),
        },
    )


CASE = ProviderCase(
    spec=lambda address: ProviderSpec(type="dynatrace", address=address, credentials=TOKEN),
    query=SELECTOR,
    lag=minutes(3),
    counts=CountCase(query=COUNT, end=NOW - minutes(2), asked=about),
    uncounted={
        SELECTOR: "end it with :sum",
        "builtin:service.requestCount.total": "end it with :sum",
        "builtin:service.requestCount.total:sum:rate(1m)": "the selector gives no sum",
    },
    logins={
        "token": Login(credentials=TOKEN, sent={"Authorization": "Api-Token s3cr3t-token"}),
    },
    asked=Asked(
        path="/api/v2/metrics/query",
        parameters={
            "metricSelector": SELECTOR,
            "resolution": "Inf",
            "from": str((END - 60) * 1000),
            "to": str(END * 1000),
        },
    ),
    five=data([5.0]),
    nothing=data(),
    nan=data([None]),
    values={"an integer": (data([5]), 5), "a gap before it": (data([None, 5.0]), 5)},
    no_data={
        "no metric": says({"totalCount": 0, "nextPageKey": None, "result": []}),
        "no values": data([]),
    },
    failures={
        "several series": (data([5.0], [6.0]), FailureKind.AMBIGUOUS, "2 series"),
        "a part with status 200": (
            data([5.0], nextPageKey="AQAA"),
            FailureKind.PARTIAL,
            "more than a page",
        ),
        "a bad query": (
            says(
                {
                    "error": {
                        "code": 400,
                        "message": "Constraints violated.",
                        "constraintViolations": [
                            {"path": "metricSelector", "message": "metricSelector: parsing error"}
                        ],
                    }
                },
                status=400,
            ),
            FailureKind.QUERY,
            "Constraints violated.; metricSelector: parsing error",
        ),
        "refused": (
            says({"error": {"code": 401, "message": "Token Authentication failed"}}, status=401),
            FailureKind.REFUSED,
            "check dynatrace_token of the Secret",
        ),
        "throttled": (
            says({"error": {"code": 429, "message": "Too many requests"}}, status=429),
            FailureKind.THROTTLED,
            "Too many requests",
        ),
        "a value that is no number": (
            data([{"value": 5}]),
            FailureKind.QUERY,
            "otherwise than it should",
        ),
    },
)
