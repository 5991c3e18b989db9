"""Loki, asked for an instant."""

from datetime import timedelta

from analysis.errors import FailureKind
from analysis.model import ProviderSpec
from tests.analysis.servers import data, says, vector
from tests.case import NOW, Asked, CountCase, ProviderCase, minutes

LOGQL = 'sum(count_over_time({app="pay"} |= "error" [1m]))'

CASE = ProviderCase(
    spec=lambda address: ProviderSpec(type="loki", address=address),
    query=LOGQL,
    counts=CountCase(
        query='sum(count_over_time({app="pay"}[$__range]))',
        end=NOW - timedelta(seconds=15),
        asked=lambda start, end: Asked(
            path="/loki/api/v1/query",
            parameters={
                "query": f'sum(count_over_time({{app="pay"}}[{(end - start).seconds}s]))',
                "time": f"{end.timestamp():.3f}",
            },
        ),
    ),
    uncounted={LOGQL: "write [$__range]"},
    lag=minutes(1),
    asked=Asked(path="/loki/api/v1/query", parameters={"query": LOGQL, "time": "1767225585.000"}),
    five=says(vector("5")),
    nothing=says(vector()),
    nan=says(vector("NaN")),
    values={
        "infinity": (says(vector("+Inf")), float("inf")),
        "a scalar": (says(data("scalar", [1, "5"])), 5),
        "beside a warning": (says(vector("5", warnings=["a shard was slow"])), 5),
    },
    failures={
        "several series": (says(vector("5", "6")), FailureKind.AMBIGUOUS, "2 series"),
        "log lines": (says(data("streams", [])), FailureKind.QUERY, "count_over_time"),
        "a range": (says(data("matrix", [])), FailureKind.QUERY, "a range of values"),
        "a bad query": (
            says("parse error at line 1", status=400, media_type="text/plain"),
            FailureKind.QUERY,
            "21 bytes of text/plain",
        ),
        "refused": (says("no org id", status=401), FailureKind.REFUSED, "401"),
        "throttled": (
            says("too many outstanding requests", status=429),
            FailureKind.THROTTLED,
            "429",
        ),
        "a time-out": (says("", status=504), FailureKind.UNAVAILABLE, "504"),
    },
)
