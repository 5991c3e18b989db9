"""Wavefront, asked by its charts API."""

from datetime import datetime

from analysis.errors import FailureKind
from analysis.model import Credentials, ProviderSpec
from tests.analysis.servers import Handler, says
from tests.case import NOW, Asked, CountCase, Login, ProviderCase, minutes

TOKEN = Credentials(token="s3cr3t-token")
QUERY = 'align(1m, sum, rawsum(ts("http.errors", service="pay")))'
#: The minute before the window's end, a minute before midnight.
MINUTE = 1767225480


def series(*lists: list[object], **more: object) -> Handler:
    """Answer in the form of GET /api/v2/chart/api: points at times in seconds, the oldest first."""
    found = [
        {
            "label": "http.errors",
            "host": f"pay-{n}",
            "tags": {"service": "pay"},
            "data": [[MINUTE - 60 * back, value] for back, value in enumerate(values)][::-1],
        }
        for n, values in enumerate(lists)
    ]
    body = {"query": QUERY, "name": QUERY, "granularity": 60}
    return says(body | ({"timeseries": found} if found else {}) | more)


def about(start: datetime, end: datetime) -> Asked:
    """Ask about some minutes."""
    return Asked(
        path="/api/v2/chart/api",
        parameters={
            "q": QUERY,
            "s": str(int(start.timestamp()) * 1000),
            "e": str(int(end.timestamp()) * 1000 - 1),
            "g": "m",
            "i": "false",
            "strict": "true",
            "sorted": "true",
            "cached": "false",
        },
    )


CASE = ProviderCase(
    spec=lambda address: ProviderSpec(type="wavefront", address=address, credentials=TOKEN),
    query=QUERY,
    lag=minutes(2),
    logins={"token": Login(credentials=TOKEN, sent={"Authorization": "Bearer s3cr3t-token"})},
    asked=about(NOW - minutes(2), NOW - minutes(1)),
    counts=CountCase(
        query=QUERY,
        end=NOW - minutes(1),
        asked=about,
        totals={"two minutes": (series([5, 2]), 7)},
    ),
    uncounted={'ts("http.errors")': "write align(1m, sum, …)"},
    five=series([5.0]),
    nothing=series(),
    nan=series([None]),
    values={
        "an integer": (series([5]), 5),
        "a point of a minute before": (series([5.0, 4.0]), 5),
        "beside a warning": (series([5.0], warnings="the query is slow"), 5),
    },
    no_data={"no points": series([]), "no series": series()},
    failures={
        "several series": (series([5.0], [6.0]), FailureKind.AMBIGUOUS, "2 series"),
        "a bad query with status 200": (
            series(errorType="QuerySyntaxError", errorMessage="Syntax error at line 1"),
            FailureKind.QUERY,
            "Syntax error at line 1",
        ),
        "a bad query": (
            says({"message": "Invalid query", "code": 400}, status=400),
            FailureKind.QUERY,
            "Invalid query",
        ),
        "refused": (
            says({"message": "Unauthorized", "code": 401}, status=401),
            FailureKind.REFUSED,
            "token of the Secret",
        ),
        "throttled": (
            says({"message": "too many queries"}, status=406),
            FailureKind.THROTTLED,
            "406",
        ),
        "a point without a value": (
            says({"query": QUERY, "timeseries": [{"data": [[MINUTE]]}]}),
            FailureKind.QUERY,
            "otherwise than it should",
        ),
    },
)
