"""New Relic, asked by the Insights API."""

from datetime import datetime

from analysis.errors import FailureKind
from analysis.model import Credentials, ProviderSpec
from tests.analysis.servers import Handler, says
from tests.case import NOW, Asked, CountCase, Login, ProviderCase, minutes

KEYS = Credentials(
    others=(("newrelic_account_id", "12345"), ("newrelic_query_key", "s3cr3t-token"))
)


def results(*rows: object, **more: object) -> Handler:
    """Answer in the form of GET /v1/accounts/ACCOUNT/query."""
    return says(
        {
            "results": list(rows),
            "performanceStats": {"inspectedCount": 1, "responseTime": 2},
            "metadata": {"eventTypes": ["Transaction"]},
            **more,
        }
    )


USER_KEY = Credentials(
    others=(("newrelic_account_id", "12345"), ("newrelic_api_key", "s3cr3t-token"))
)


def nerdgraph(*rows: object, **more: object) -> Handler:
    """Answer in the form of NerdGraph."""
    nrql = {"results": list(rows), "metadata": {"messages": []}}
    return says({"data": {"actor": {"account": {"nrql": nrql}}}, **more})


def refuses(error_class: str) -> Handler:
    """Refuse as NerdGraph does, with status 200."""
    error = {"message": f"told {error_class}", "extensions": {"errorClass": error_class}}
    return says({"data": {"actor": {"account": {"nrql": None}}}, "errors": [error]})


COUNT = "SELECT filter(count(*), WHERE error) FROM Span WHERE app = 'pay since'"
UNCOUNTED = {
    "SELECT count(*) FROM Span SINCE 5 minutes ago": "leave SINCE out",
    "SELECT count(*) FROM Span TIMESERIES 1 minute": "leave TIMESERIES out",
    "SELECT average(duration) FROM Span": "counts nothing; write count(*)",
}


def block(start: datetime, end: datetime) -> str:
    """Ask how many there were in a block, in NRQL."""
    since, until = (round(each.timestamp() * 1000) for each in (start, end))
    return f"{COUNT} SINCE {since} UNTIL {until}"


def by_nerdgraph(nrql: str) -> Asked:
    """Ask NerdGraph."""
    return Asked(
        method="POST",
        path="/graphql",
        content={
            "query": "query($account: Int!, $nrql: Nrql!, $seconds: Seconds!) { actor { "
            "account(id: $account) { nrql(query: $nrql, timeout: $seconds) "
            "{ results metadata { messages } } } } }",
            "variables": {"account": 12345, "nrql": nrql, "seconds": 5},
        },
    )


NERDGRAPH = ProviderCase(
    spec=lambda address: ProviderSpec(type="newrelic", address=address, credentials=USER_KEY),
    query="SELECT count(*) FROM Span SINCE 5 minutes ago",
    asked=by_nerdgraph("SELECT count(*) FROM Span SINCE 5 minutes ago"),
    counts=CountCase(
        query=COUNT,
        end=NOW - minutes(2),
        asked=lambda start, end: by_nerdgraph(block(start, end)),
    ),
    five=nerdgraph({"count": 5}),
    nothing=nerdgraph(),
    nan=nerdgraph({"average.duration": None}),
    values={"one facet": (nerdgraph({"facet": "pay", "name": "pay", "count": 5}), 5)},
    no_data={"no rows": nerdgraph(), "null": nerdgraph({"average.duration": None})},
    failures={
        "several facets": (
            nerdgraph({"facet": "a", "count": 5}, {"facet": "b", "count": 6}),
            FailureKind.AMBIGUOUS,
            "2 series",
        ),
        "throttled": (refuses("TOO_MANY_REQUESTS"), FailureKind.THROTTLED, "TOO_MANY_REQUESTS"),
        "a time-out": (refuses("TIMEOUT"), FailureKind.UNAVAILABLE, "told TIMEOUT"),
        "refused": (refuses("ACCESS_DENIED"), FailureKind.REFUSED, "newrelic_api_key"),
        "a bad query": (refuses("INVALID_INPUT"), FailureKind.QUERY, "correct the query"),
        "a part with status 200": (
            nerdgraph({"count": 5}, errors=[{"message": "half of it"}]),
            FailureKind.QUERY,
            "half of it",
        ),
    },
)

CASE = ProviderCase(
    spec=lambda address: ProviderSpec(type="newrelic", address=address, credentials=KEYS),
    query="SELECT filter(count(*), WHERE error) * 100 / count(*) AS 'result'\n  FROM Transaction",
    lag=minutes(2),
    counts=CountCase(
        query=COUNT,
        end=NOW - minutes(2),
        asked=lambda start, end: Asked(
            path="/v1/accounts/12345/query", parameters={"nrql": block(start, end)}
        ),
    ),
    uncounted=UNCOUNTED,
    logins={"query key": Login(credentials=KEYS, sent={"X-Query-Key": "s3cr3t-token"})},
    asked=Asked(
        path="/v1/accounts/12345/query",
        parameters={
            "nrql": "SELECT filter(count(*), WHERE error) * 100 / count(*) AS 'result' "
            "FROM Transaction SINCE 1767225450000 UNTIL 1767225510000",
        },
    ),
    five=results({"result": 5.0}),
    nothing=results(),
    nan=results({"result": None}),
    values={
        "a count": (results({"count": 5}), 5),
        "a percentile": (results({"percentiles": {"99": 5.0}}), 5),
        "one facet": (
            results(facets=[{"name": "pay", "results": [{"count": 5}]}]),
            5,
        ),
    },
    no_data={"a row of text alone": results({"latest": "pay"})},
    failures={
        "several values": (
            results({"count": 5}, {"average": 6}),
            FailureKind.AMBIGUOUS,
            "2 series",
        ),
        "several facets": (
            results(
                facets=[
                    {"name": "pay", "results": [{"count": 5}]},
                    {"name": "pay-primary", "results": [{"count": 6}]},
                ]
            ),
            FailureKind.AMBIGUOUS,
            "2 series",
        ),
        "a bad query": (
            says({"error": "NRQL Syntax Error: Error at line 1"}, status=400),
            FailureKind.QUERY,
            "NRQL Syntax Error",
        ),
        "refused": (
            says({"error": "Invalid query key provided."}, status=403),
            FailureKind.REFUSED,
            "newrelic_query_key",
        ),
        "throttled": (says({"error": "Too many"}, status=429), FailureKind.THROTTLED, "429"),
        "a row of another type": (
            results([1, 2]),
            FailureKind.QUERY,
            "otherwise than it should",
        ),
    },
    also={"by NerdGraph": NERDGRAPH},
)
