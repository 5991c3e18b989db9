"""Datadog, asked by version 1 of its API."""

from datetime import datetime

import orjson

from analysis.errors import FailureKind
from analysis.model import Credentials, ProviderSpec
from tests.analysis.servers import Handler, says
from tests.case import NOW, Asked, CountCase, Login, ProviderCase, minutes

KEYS = Credentials(
    others=(("datadog_api_key", "s3cr3t-token"), ("datadog_application_key", "pa55word"))
)
#: The window ends 90 s before midnight: 23:57:30 until 23:58:30.
END = 1767225510


def series(*lists: list[list[object]], **more: object) -> Handler:
    """Answer with series in the form of GET /api/v1/query."""
    return says(
        {
            "status": "ok",
            "res_type": "time_series",
            "from_date": (END - 60) * 1000,
            "to_date": END * 1000,
            "series": [
                {
                    "metric": "trace.http.request.hits",
                    "scope": "service:pay",
                    "interval": 10,
                    "length": len(points),
                    "pointlist": points,
                }
                for points in lists
            ],
            "query": "…",
            "message": "",
            **more,
        }
    )


def point(before: int, value: object) -> list[object]:
    """Give a point so many seconds before the window's end."""
    return [float((END - before) * 1000), value]


def columns(*values: list[object], **more: object) -> Handler:
    """Answer with a table in the form of POST /api/v2/query/scalar."""
    return says(
        {
            "data": {
                "type": "scalar_response",
                "attributes": {
                    "columns": [
                        {"name": "version", "type": "group", "values": [["2.1"] for _ in values]},
                        *(
                            {"name": "a", "type": "number", "values": each, "meta": {"unit": None}}
                            for each in values
                        ),
                    ]
                },
            },
            **more,
        }
    )


def of_version_2(query: str, attributes: dict[str, object]) -> ProviderCase:
    """Ask version 2."""

    def counted(start: datetime, end: datetime) -> Asked:
        block = {"from": int(start.timestamp()) * 1000, "to": int(end.timestamp()) * 1000}
        return Asked(
            method="POST",
            path="/api/v2/query/scalar",
            content={"data": {"type": "scalar_request", "attributes": attributes | block}},
        )

    window = {"from": (END - 60) * 1000, "to": END * 1000}
    return ProviderCase(
        spec=lambda address: ProviderSpec(
            type="datadog",
            address=address,
            credentials=KEYS,
            options=(("aggregator", "sum"), ("api", "v2")),
        ),
        query=query,
        asked=Asked(
            method="POST",
            path="/api/v2/query/scalar",
            content={"data": {"type": "scalar_request", "attributes": attributes | window}},
        ),
        counts=CountCase(query=query, end=NOW - minutes(2), asked=counted),
        uncounted={"sum:trace.http.request.hits{service:pay}": "add .as_count() to it"},
        five=columns([5.0]),
        nothing=columns(),
        nan=columns([None]),
        values={"an integer": (columns([5]), 5)},
        no_data={"null": columns([None]), "no rows": columns([]), "no columns": columns()},
        failures={
            "several rows": (columns([5.0, 6.0]), FailureKind.AMBIGUOUS, "2 series"),
            "several columns": (columns([5.0], [6.0]), FailureKind.AMBIGUOUS, "2 series"),
            "a part with status 200": (
                columns([5.0], errors="one query timed out"),
                FailureKind.PARTIAL,
                "one query timed out",
            ),
        },
    )


LOGS = {
    "queries": [{"data_source": "logs", "name": "a", "compute": {"aggregation": "count"}}],
    "formulas": [{"formula": "a"}],
}

CASE = ProviderCase(
    spec=lambda address: ProviderSpec(type="datadog", address=address, credentials=KEYS),
    query="avg:trace.http.request.errors{service:pay}.as_count()",
    uncounted={"sum:trace.http.request.hits{service:pay}.as_count()": "write the options api: v2"},
    lag=minutes(2),
    logins={
        "keys": Login(
            credentials=KEYS,
            sent={"DD-API-KEY": "s3cr3t-token", "DD-APPLICATION-KEY": "pa55word"},
        )
    },
    asked=Asked(
        path="/api/v1/query",
        parameters={
            "query": "avg:trace.http.request.errors{service:pay}.as_count()",
            "from": str(END - 60),
            "to": str(END),
        },
    ),
    five=series([point(20, 4.0), point(10, 5.0)]),
    nothing=series(),
    nan=series([point(10, "NaN")]),
    values={
        "an integer": (series([point(10, 5)]), 5),
        "a newer point that is not whole": (series([point(10, 5.0), point(5, 1.0)]), 5),
        "a newer gap": (series([point(20, 5.0), point(10, None)]), 5),
        "points in another order": (series([point(10, 5.0), point(20, 4.0)]), 5),
        "a point that stands for more than the window": (
            says(
                {
                    "status": "ok",
                    "series": [{"interval": 300, "pointlist": [point(300, 5.0)]}],
                }
            ),
            5,
        ),
    },
    no_data={
        "gaps": series([point(10, None)]),
        "a point before the window": series([point(600, 5.0)]),
        "a point after the window": series([point(-600, 5.0)]),
    },
    failures={
        "several series": (
            series([point(10, 5.0)], [point(10, 6.0)]),
            FailureKind.AMBIGUOUS,
            "2 series",
        ),
        "an error with status 200": (
            says({"status": "error", "error": "Error parsing query: unexpected '}'"}),
            FailureKind.QUERY,
            "unexpected '}'",
        ),
        "a bad query": (
            says({"errors": ["Error parsing query"]}, status=400),
            FailureKind.QUERY,
            "Error parsing query",
        ),
        "refused": (
            says({"errors": ["Forbidden"]}, status=403),
            FailureKind.REFUSED,
            "datadog_api_key",
        ),
        "throttled": (
            says(
                {"errors": ["Rate limited"]},
                status=429,
                headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "3000"},
            ),
            FailureKind.THROTTLED,
            "429",
        ),
        "a value that is no number": (
            series([point(10, {"value": 5})]),
            FailureKind.QUERY,
            "otherwise than it should",
        ),
    },
    also={
        "v2": of_version_2(
            "sum:trace.http.request.errors{service:pay}.as_count()",
            {
                "queries": [
                    {
                        "data_source": "metrics",
                        "name": "a",
                        "aggregator": "sum",
                        "query": "sum:trace.http.request.errors{service:pay}.as_count()",
                    }
                ],
                "formulas": [{"formula": "a"}],
            },
        ),
        "v2 with formulas": of_version_2(orjson.dumps(LOGS).decode(), LOGS),
    },
)
