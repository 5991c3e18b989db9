"""Google Cloud Monitoring, asked in MQL."""

from datetime import datetime

from analysis.errors import FailureKind
from analysis.model import Credentials, ProviderSpec
from tests.analysis.servers import Handler, says, vector
from tests.case import NOW, Asked, CountCase, Login, ProviderCase, minutes

TOKEN = Credentials(token="s3cr3t-token", others=(("project", "shop-1"),))
MQL = "fetch k8s_container | metric 'custom.googleapis.com/errors' | within 5m | sum"
PROMQL = "sum(increase(custom_googleapis_com:errors[1m]))"


def about(start: datetime, end: datetime) -> Asked:
    """Ask about a block in PromQL."""
    seconds = (end - start).seconds
    return Asked(
        method="POST",
        path="/v1/projects/shop-2/location/global/prometheus/api/v1/query",
        parameters={
            "query": f"sum(increase(requests_total[{seconds}s]))",
            "time": f"{end.timestamp():.3f}",
        },
    )


def series(*lists: list[object]) -> Handler:
    """Answer in the form of timeSeries:query, the newest point first."""
    return says(
        {
            "timeSeriesDescriptor": {
                "pointDescriptors": [{"key": "errors", "valueType": "DOUBLE"}]
            },
            **(
                {
                    "timeSeriesData": [
                        {
                            "pointData": [
                                {
                                    "values": [value],
                                    "timeInterval": {
                                        "startTime": f"2025-12-31T23:{58 - n:02}:00Z",
                                        "endTime": f"2025-12-31T23:{59 - n:02}:00Z",
                                    },
                                }
                                for n, value in enumerate(values)
                            ]
                        }
                        for values in lists
                    ]
                }
                if lists
                else {}
            ),
        }
    )


def refuses(status: int, code: str) -> Handler:
    """Refuse as Google's APIs do."""
    return says(
        {"error": {"code": status, "message": f"told {code}", "status": code}}, status=status
    )


REFUSALS = {
    "a bad query": (
        refuses(400, "INVALID_ARGUMENT"),
        FailureKind.QUERY,
        "INVALID_ARGUMENT: told INVALID_ARGUMENT",
    ),
    "refused": (refuses(403, "PERMISSION_DENIED"), FailureKind.REFUSED, "told PERMISSION_DENIED"),
    "throttled": (refuses(429, "RESOURCE_EXHAUSTED"), FailureKind.THROTTLED, "RESOURCE_EXHAUSTED"),
}

CASE = ProviderCase(
    spec=lambda address: ProviderSpec(type="stackdriver", address=address, credentials=TOKEN),
    query=MQL,
    lag=minutes(5),
    uncounted={MQL: "write language: promql"},
    logins={"token": Login(credentials=TOKEN, sent={"Authorization": "Bearer s3cr3t-token"})},
    asked=Asked(method="POST", path="/v3/projects/shop-1/timeSeries:query", content={"query": MQL}),
    five=series([{"doubleValue": 5.0}]),
    nothing=series(),
    nan=series([{"doubleValue": "NaN"}]),
    values={
        "an integer, as text": (series([{"int64Value": "5"}]), 5),
        "infinity": (series([{"doubleValue": "Infinity"}]), float("inf")),
        "the newest": (series([{"doubleValue": 5.0}, {"doubleValue": 4.0}]), 5),
    },
    no_data={
        "no points": series([]),
        "no series": series(),
        "a point without a value": series([{}]),
    },
    failures={
        "several series": (
            series([{"doubleValue": 5.0}], [{"doubleValue": 6.0}]),
            FailureKind.AMBIGUOUS,
            "2 series",
        ),
        "a part with status 200": (
            says(
                {
                    "timeSeriesDescriptor": {},
                    "timeSeriesData": [],
                    "partialErrors": [{"code": 4, "message": "deadline exceeded"}],
                }
            ),
            FailureKind.PARTIAL,
            "deadline exceeded",
        ),
        "text": (
            series([{"stringValue": "5"}, {"stringValue": {}}, 5]),
            FailureKind.QUERY,
            "otherwise than it should",
        ),
        **REFUSALS,
    },
    also={
        "in PromQL": ProviderCase(
            spec=lambda address: ProviderSpec(
                type="stackdriver",
                address=address,
                credentials=TOKEN,
                options=(("language", "promql"), ("project", "shop-2")),
            ),
            query=PROMQL,
            counts=CountCase(
                query="sum(increase(requests_total[$__range]))", end=NOW - minutes(4), asked=about
            ),
            uncounted={PROMQL: "write [$__range]"},
            asked=Asked(
                method="POST",
                path="/v1/projects/shop-2/location/global/prometheus/api/v1/query",
                parameters={"query": PROMQL, "time": "1767225360.000"},
            ),
            five=says(vector("5")),
            nothing=says(vector()),
            nan=says(vector("NaN")),
            values={"one series": (says(vector("5")), 5)},
            no_data={"no series": says(vector()), "NaN": says(vector("NaN"))},
            failures={
                "several series": (says(vector("5", "6")), FailureKind.AMBIGUOUS, "2 series"),
                **REFUSALS,
            },
        )
    },
)
