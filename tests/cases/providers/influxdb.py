"""InfluxDB 2, asked in Flux."""

from datetime import datetime, timedelta
from typing import Any

import orjson

from analysis.errors import FailureKind
from analysis.model import Credentials, ProviderSpec
from tests.analysis.servers import Handler, says
from tests.case import NOW, Asked, CountCase, Login, ProviderCase, minutes

TOKEN = Credentials(token="s3cr3t-token", others=(("org", "shop"),))
QUERY = 'from(bucket: "telegraf") |> range(start: -1m) |> group() |> sum()'
HEAD = "#datatype,string,long,dateTime:RFC3339,{0}\r\n,result,table,_time,_value\r\n"


def tables(*rows: str, kind: str = "double") -> Handler:
    """Answer with annotated CSV, as POST /api/v2/query does."""
    text = HEAD.format(kind) + "".join(f"{row}\r\n" for row in rows) + "\r\n"
    return says(text, media_type="text/csv")


def row(value: object, table: int = 0, second: int = 30) -> str:
    """Give a record."""
    return f",_result,{table},2025-12-31T23:59:{second:02}Z,{value}"


def in_another(language: str, **fields: Any) -> ProviderCase:
    """Ask in another language."""
    options = (("database", "telegraf"), ("language", language))
    return ProviderCase(
        spec=lambda address: ProviderSpec(
            type="influxdb", address=address, credentials=TOKEN, options=options
        ),
        **fields,
    )


def statement(*lists: list[list[object]], columns: tuple[str, ...] = ("time", "sum")) -> Handler:
    """Answer in the form of version 1."""
    series = [{"name": "http", "columns": columns, "values": values} for values in lists]
    return says({"results": [{"statement_id": 0, **({"series": series} if series else {})}]})


def utc(moment: datetime) -> str:
    """Write a moment as queries have it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def counting(start: datetime, end: datetime) -> Asked:
    """Give the request in Flux about the time between two moments."""
    bounds = f"start: {utc(start)}, stop: {utc(end)}"
    return Asked(
        method="POST",
        path="/api/v2/query",
        parameters={"org": "shop"},
        content={
            "query": f'from(bucket: "telegraf") |> range({bounds}) |> sum()',
            "type": "flux",
            "now": end.isoformat(),
            "dialect": {"annotations": ["datatype"], "header": True},
        },
    )


#: The end of the block that is counted now: data take 20 s to be whole.
WHOLE = NOW - timedelta(seconds=20)
BOUND = {"start": "2025-12-31T23:58:40Z", "end": "2025-12-31T23:59:40Z"}
INFLUXQL = "SELECT SUM(errors) FROM http WHERE time >= $start AND time < $end"
SQL = "SELECT SUM(errors) AS errors FROM http WHERE time >= $start AND time < $end"

LANGUAGES = {
    "in InfluxQL": in_another(
        "influxql",
        query=INFLUXQL,
        asked=Asked(
            path="/query",
            parameters={
                "db": "telegraf",
                "q": INFLUXQL,
                "epoch": "ms",
                "params": orjson.dumps(BOUND).decode(),
            },
        ),
        counts=CountCase(
            query=INFLUXQL,
            end=WHOLE,
            asked=lambda start, end: Asked(
                path="/query",
                parameters={
                    "db": "telegraf",
                    "q": INFLUXQL,
                    "epoch": "ms",
                    "params": orjson.dumps({"start": utc(start), "end": utc(end)}).decode(),
                },
            ),
            totals={
                "a point of each minute": (
                    statement([[1767225180000, 2], [1767225240000, None], [1767225300000, 3]]),
                    5,
                )
            },
        ),
        uncounted={"SELECT SUM(errors) FROM http WHERE time >= $start": "time < $end"},
        five=statement([[1767225520000, 5]]),
        nothing=statement(),
        nan=statement([[1767225520000, None]]),
        values={
            "a fraction": (statement([[1767225520000, 5.5]]), 5.5),
            "the newest": (statement([[1767225520000, 4], [1767225580000, 5]]), 5),
        },
        no_data={
            "no series": statement(),
            "null": statement([[1767225520000, None]]),
        },
        failures={
            "several series": (
                statement([[1, 5]], [[1, 6]]),
                FailureKind.AMBIGUOUS,
                "2 series",
            ),
            "several fields": (
                statement([[1, 5, 6]], columns=("time", "sum", "count")),
                FailureKind.QUERY,
                "2 fields",
            ),
            "an error with status 200": (
                says({"results": [{"statement_id": 0, "error": "max-series limit exceeded"}]}),
                FailureKind.QUERY,
                "max-series limit exceeded",
            ),
            "a bad query": (
                says({"error": "error parsing query: found FORM"}, status=400),
                FailureKind.QUERY,
                "error parsing query: found FORM",
            ),
        },
    ),
    "in SQL": in_another(
        "sql",
        query=SQL,
        asked=Asked(
            method="POST",
            path="/api/v3/query_sql",
            content={"db": "telegraf", "q": SQL, "format": "json", "params": BOUND},
        ),
        counts=CountCase(
            query=SQL,
            end=WHOLE,
            asked=lambda start, end: Asked(
                method="POST",
                path="/api/v3/query_sql",
                content={
                    "db": "telegraf",
                    "q": SQL,
                    "format": "json",
                    "params": {"start": utc(start), "end": utc(end)},
                },
            ),
        ),
        uncounted={"SELECT SUM(errors) FROM http": "WHERE time >= $start AND time < $end"},
        five=says([{"errors": 5}]),
        nothing=says([]),
        nan=says([{"errors": None}]),
        values={"beside text": (says([{"version": "2.1", "time": 1, "errors": 5.0}]), 5)},
        no_data={"no rows": says([]), "null": says([{"errors": None}])},
        failures={
            "several rows": (
                says([{"errors": 5}, {"errors": 6}]),
                FailureKind.AMBIGUOUS,
                "2 series",
            ),
            "several columns": (
                says([{"errors": 5, "requests": 6}]),
                FailureKind.QUERY,
                "2 numbers a row",
            ),
            "an object": (says({"errors": 5}), FailureKind.QUERY, "otherwise than it should"),
        },
    ),
}

CASE = ProviderCase(
    spec=lambda address: ProviderSpec(type="influxdb", address=address, credentials=TOKEN),
    query=QUERY,
    counts=CountCase(
        query='from(bucket: "telegraf") |> range(start: v.timeRangeStart, stop: v.timeRangeStop) |> sum()',
        end=WHOLE,
        asked=counting,
        totals={"points": (tables(row(3.0), row(2.0, second=10)), 5)},
    ),
    uncounted={QUERY: "range(start: v.timeRangeStart, stop: v.timeRangeStop)"},
    lag=minutes(1),
    logins={"token": Login(credentials=TOKEN, sent={"Authorization": "Token s3cr3t-token"})},
    asked=Asked(
        method="POST",
        path="/api/v2/query",
        parameters={"org": "shop"},
        content={
            "query": QUERY,
            "type": "flux",
            "now": "2025-12-31T23:59:40+00:00",
            "dialect": {"annotations": ["datatype"], "header": True},
        },
    ),
    five=tables(row(5.0)),
    nothing=says("", media_type="text/csv"),
    nan=tables(row("NaN")),
    values={
        "an integer": (tables(row(5), kind="long"), 5),
        "an unsigned integer": (tables(row(5), kind="unsignedLong"), 5),
        "infinity": (tables(row("+Inf")), float("inf")),
        "the newest of a table": (tables(row(4.0, second=10), row(5.0), row(3.0, second=20)), 5),
    },
    no_data={
        "a header without records": tables(),
        "an empty value": tables(row("")),
        "an empty line": says("\r\n", media_type="text/csv"),
    },
    failures={
        "several tables": (tables(row(5.0), row(6.0, table=1)), FailureKind.AMBIGUOUS, "2 series"),
        "text": (tables(row("five"), kind="string"), FailureKind.QUERY, "type string"),
        "an error with status 200": (
            says(
                "#datatype,string,string\r\n,error,reference\r\n,engine: out of memory,897\r\n",
                media_type="text/csv",
            ),
            FailureKind.UNAVAILABLE,
            "engine: out of memory",
        ),
        "an error behind values": (
            says(
                HEAD.format("double") + row(5.0) + "\r\n\r\n"
                "#datatype,string,string\r\n,error,reference\r\n,engine: time-out,897\r\n",
                media_type="text/csv",
            ),
            FailureKind.UNAVAILABLE,
            "engine: time-out",
        ),
        "a bad query": (
            says({"code": "invalid", "message": "error @1:1-1:5: undefined"}, status=400),
            FailureKind.QUERY,
            "invalid: error @1:1-1:5: undefined",
        ),
        "no such bucket": (
            says({"code": "not found", "message": "could not find bucket"}, status=404),
            FailureKind.QUERY,
            "could not find bucket",
        ),
        "refused": (
            says({"code": "unauthorized", "message": "unauthorized access"}, status=401),
            FailureKind.REFUSED,
            "unauthorized access",
        ),
        "throttled": (
            says(
                {"code": "too many requests", "message": "read limit"},
                status=429,
                headers={"Retry-After": "3000"},
            ),
            FailureKind.THROTTLED,
            "read limit",
        ),
    },
    also=LANGUAGES,
)
