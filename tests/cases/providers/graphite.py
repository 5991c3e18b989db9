"""Graphite, asked by its render API."""

from datetime import datetime

from aiohttp import web

from analysis.errors import FailureKind
from analysis.model import ProviderSpec
from tests.analysis.servers import Handler, says
from tests.case import NOW, Asked, CountCase, ProviderCase, minutes

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


SUMS = "target=summarize(sumSeries(stats.pay.*.requests), '1min', 'sum')"


async def five(request: web.Request) -> web.StreamResponse:
    """Answer with 5 for the last time that is whole; what counts asks for a minute more."""
    asked = await request.post()
    until, counts = int(str(asked["until"])), "requests" in str(asked["target"])
    points = [[None, until - 180], [5, until - 120], [None, until - 60], [9, until]]
    return await series(points if counts else [[4.0, until - 20], [5.0, until - 10]])(request)


def counted(start: datetime, end: datetime) -> Asked:
    """Ask for the minutes of a block, and those around it."""
    return Asked(
        method="POST",
        path="/render",
        parameters={
            "target": SUMS.removeprefix("target="),
            "format": "json",
            "from": str(int(start.timestamp()) - 120),
            "until": str(int(end.timestamp()) + 60),
        },
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
    five=five,
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
    counts=CountCase(
        query=SUMS,
        end=NOW - minutes(1),
        asked=counted,
        totals={
            "the sums of minutes": (
                series([[2, END - 180], [None, END - 120], [5, END - 60]]),
                7,
            ),
            "minutes around the block": (
                series([[9, END - 660], [3, END - 600], [4, END - 540], [9, END], [1, END + 60]]),
                4,
            ),
        },
    ),
    uncounted={
        "target=sumSeries(stats.pay.*.requests)": "gives no sum of each minute",
        "target=summarize(a, '1h', 'sum')": "'1min'",
        "target=summarize(a, '1min', 'avg')": "'sum'",
        f"{SUMS}&from=-1h": "gives no sum of each minute",
        f"{SUMS}&{SUMS}": "gives no sum of each minute",
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
