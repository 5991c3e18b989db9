"""Graphite, asked by its render API."""

from analysis.errors import FailureKind
from analysis.model import ProviderSpec
from tests.analysis.servers import Handler, says
from tests.case import Asked, ProviderCase, minutes

#: The window ends a minute before midnight.
END = 1767225540


def series(*lists: list[list[object]]) -> Handler:
    """Answer in the form of /render with format=json."""
    return says(
        [
            {"target": f"pay.{n}", "tags": {"name": f"pay.{n}"}, "datapoints": points}
            for n, points in enumerate(lists)
        ]
    )


CASE = ProviderCase(
    spec=lambda address: ProviderSpec(type="graphite", address=address),
    query="target=summarize(\n  sumSeries(stats.pay.*.errors),\n  1m, 'sum'\n)",
    lag=minutes(1),
    asked=Asked(
        method="POST",
        path="/render",
        parameters={
            "target": "summarize( sumSeries(stats.pay.*.errors), 1m, 'sum' )",
            "format": "json",
            "from": str(END - 60),
            "until": str(END),
        },
    ),
    five=series([[4.0, END - 20], [5.0, END - 10]]),
    nothing=series(),
    nan=series([[None, END - 10]]),
    values={
        "an integer": (series([[5, END - 60]]), 5),
        "infinity": (
            says(f'[{{"target": "a", "datapoints": [[1e9999, {END - 60}]]}}]'),
            float("inf"),
        ),
        "a newer point that is not whole": (
            series([[5.0, END - 15], [1.0, END - 5]]),
            5,
        ),
        "a newer gap": (series([[5.0, END - 20], [None, END - 10]]), 5),
    },
    no_data={
        "gaps": series([[None, END - 20], [None, END - 10]]),
        "no points": series([]),
        "points before the window": series([[5.0, END - 600]]),
    },
    failures={
        "several series": (
            series([[5.0, END - 60]], [[6.0, END - 60]]),
            FailureKind.AMBIGUOUS,
            "2 series",
        ),
        "an error with status 200, as VictoriaMetrics says it": (
            says({"error": "cannot parse target"}),
            FailureKind.QUERY,
            "cannot parse target",
        ),
        "a bad query": (
            says("Invalid target", status=400, media_type="text/plain"),
            FailureKind.QUERY,
            "14 bytes of text/plain",
        ),
        "refused": (says("", status=401), FailureKind.REFUSED, "401"),
        "throttled": (
            says("", status=429, headers={"Retry-After": "3000"}),
            FailureKind.THROTTLED,
            "429",
        ),
        "a value that is no number": (
            series([[[5], END - 60]]),
            FailureKind.QUERY,
            "otherwise than it should",
        ),
    },
)
