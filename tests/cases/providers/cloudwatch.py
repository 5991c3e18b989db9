"""Amazon CloudWatch, asked for metric data in its JSON protocol."""

from datetime import datetime
from typing import Any

import orjson

from analysis.errors import FailureKind
from analysis.model import Credentials, ProviderSpec
from tests.analysis.servers import Handler, says
from tests.case import NOW, Asked, CountCase, Login, ProviderCase, minutes

KEYS = Credentials(
    others=(("aws_access_key_id", "AKIDEXAMPLE"), ("aws_secret_access_key", "s3cr3t-token"))
)
SESSION = Credentials(others=(*KEYS.others, ("aws_session_token", "pa55word")))
#: The window ends two minutes before midnight.
END = 1767225480
QUERY: list[dict[str, Any]] = [
    {"id": "e1", "expression": "m1 / m2", "label": "ErrorRate"},
    {
        "id": "m1",
        "metricStat": {
            "metric": {
                "namespace": "Shop",
                "metricName": "Errors",
                "dimensions": [{"name": "appName", "value": "pay"}],
            },
            "period": 60,
            "stat": "Sum",
            "unit": "Count",
        },
        "returnData": False,
    },
]


def requests(stat: str = "Sum", period: int = 60) -> list[dict[str, Any]]:
    """Ask for a statistic of a metric."""
    metric = {"Namespace": "Shop", "MetricName": "Requests"}
    return [{"Id": "m1", "MetricStat": {"Metric": metric, "Period": period, "Stat": stat}}]


def counted(start: datetime, end: datetime) -> Asked:
    """Give the request about the minutes between two moments."""
    return Asked(
        method="POST",
        path="/",
        content={
            "StartTime": int(start.timestamp()),
            "EndTime": int(end.timestamp()),
            "ScanBy": "TimestampAscending",
            "MetricDataQueries": requests(),
        },
    )


def results(*lists: list[object], status: str = "Complete", **more: object) -> Handler:
    """Answer in the form of GetMetricData."""
    return says(
        {
            "MetricDataResults": [
                {
                    "Id": f"e{n}",
                    "Label": "ErrorRate",
                    "Timestamps": [float(END - 60 * (len(values) - m)) for m in range(len(values))],
                    "Values": values,
                    "StatusCode": status,
                }
                for n, values in enumerate(lists)
            ],
            "Messages": [],
            **more,
        },
        media_type="application/x-amz-json-1.0",
    )


def refuses(name: str, status: int = 400) -> Handler:
    """Refuse as the JSON protocol does."""
    kind = f"com.amazonaws.cloudwatch.v2010_08_01#{name}"
    return says({"__type": kind, "message": f"{name} told"}, status=status)


CASE = ProviderCase(
    spec=lambda address: ProviderSpec(
        type="cloudwatch", address=address, region="eu-west-1", credentials=KEYS
    ),
    query=orjson.dumps(QUERY).decode(),
    counts=CountCase(
        query=orjson.dumps(requests()).decode(),
        end=NOW - minutes(2),
        asked=counted,
        totals={"a point of each minute": (results([2.0, 0, 3]), 5)},
    ),
    uncounted={
        orjson.dumps(requests(stat="Average")).decode(): "write one of SampleCount, Sum",
        orjson.dumps(requests(period=300)).decode(): "write the period 60 seconds",
        "[": "the query is no JSON",
    },
    lag=minutes(3),
    logins={
        "keys": Login(credentials=KEYS, sent={}),
        "keys of a session": Login(credentials=SESSION, sent={"X-Amz-Security-Token": "pa55word"}),
    },
    asked=Asked(
        method="POST",
        path="/",
        content={
            "StartTime": END - 60,
            "EndTime": END,
            "ScanBy": "TimestampAscending",
            "MetricDataQueries": [
                {"Id": "e1", "Expression": "m1 / m2", "Label": "ErrorRate"},
                {
                    "Id": "m1",
                    "MetricStat": {
                        "Metric": {
                            "Namespace": "Shop",
                            "MetricName": "Errors",
                            "Dimensions": [{"Name": "appName", "Value": "pay"}],
                        },
                        "Period": 60,
                        "Stat": "Sum",
                        "Unit": "Count",
                    },
                    "ReturnData": False,
                },
            ],
        },
    ),
    five=results([5.0]),
    nothing=results([]),
    nan=results(["NaN"]),
    values={
        "an integer": (results([5]), 5),
        "the newest": (results([4.0, 5.0]), 5),
    },
    no_data={"no points": results([]), "no results": results()},
    failures={
        "several results": (results([5.0], [6.0]), FailureKind.AMBIGUOUS, "2 series"),
        "a part with status 200": (
            results([5.0], status="PartialData"),
            FailureKind.PARTIAL,
            "a part of the data",
        ),
        "a page with status 200": (
            results([5.0], NextToken="next"),
            FailureKind.PARTIAL,
            "more than a page",
        ),
        "forbidden with status 200": (
            results([], status="Forbidden"),
            FailureKind.REFUSED,
            "cloudwatch:GetMetricData",
        ),
        "a failure with status 200": (
            results([], status="InternalError"),
            FailureKind.UNAVAILABLE,
            "failed to read",
        ),
        "a bad query": (
            refuses("InvalidParameterValueException"),
            FailureKind.QUERY,
            "InvalidParameterValueException told",
        ),
        "refused": (refuses("AccessDeniedException", 403), FailureKind.REFUSED, "AccessDenied"),
        "an old token": (refuses("ExpiredTokenException"), FailureKind.REFUSED, "ExpiredToken"),
        "throttled": (refuses("ThrottlingException"), FailureKind.THROTTLED, "Throttling"),
        "values without times": (
            says(
                {"MetricDataResults": [{"Timestamps": [], "Values": [5], "StatusCode": "Complete"}]}
            ),
            FailureKind.QUERY,
            "otherwise than it should",
        ),
    },
)
