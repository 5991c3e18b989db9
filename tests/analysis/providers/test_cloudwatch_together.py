"""What a metric counts is one call of CloudWatch's API, and expressions are calls of their own."""

import asyncio
from datetime import timedelta
from typing import Any

import orjson
from aiohttp import web

from analysis.asking import Providers
from analysis.model import (
    SIDES,
    Ask,
    Bounds,
    Metric,
    NoData,
    Outcome,
    ProviderSpec,
    Sample,
    Signal,
)
from analysis.providers.cloudwatch import CloudWatchProvider
from tests.analysis.servers import Handler, says
from tests.case import NOW, minutes
from tests.cases.providers.cloudwatch import END, KEYS

PATIENCE = 60
VALUES = {"Requests": [50.0, 50.0], "Errors": [], "Good": [90.0]}


def cloudwatch() -> Handler:
    """Answer with the points of each metric that is asked for."""

    async def answer(request: web.Request) -> web.StreamResponse:
        results = [
            {
                "Id": each["Id"],
                "Timestamps": [float(END - 60 * n) for n, _ in enumerate(values, 1)],
                "Values": values,
                "StatusCode": "Complete",
            }
            for each in orjson.loads(await request.read())["MetricDataQueries"]
            for values in [VALUES[_name(each)]]
        ]
        return await says({"MetricDataResults": results})(request)

    return answer


def _name(asked: dict[str, Any]) -> str:
    if "Expression" in asked:
        return str(asked["Expression"])
    return str(asked["MetricStat"]["Metric"]["MetricName"])


def text(name: str) -> str:
    metric = {"Namespace": "Shop", "MetricName": name}
    return orjson.dumps(
        [{"Id": "m1", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}}]
    ).decode()


def expression(name: str) -> str:
    return orjson.dumps([{"Id": "e1", "Expression": name, "Period": 60}]).decode()


async def answered(address: str, *queries: str) -> list[Outcome]:
    """Ask what a metric counts of its sides."""
    places = [(arm, signal) for arm in SIDES for signal in (Signal.REQUESTS, Signal.BAD)]
    metric = Metric(
        name="errors",
        asks=tuple(
            Ask(query=query, arm=arm, signal=signal, since=NOW - minutes(10))
            for query, (arm, signal) in zip(queries, places, strict=False)
        ),
        provider=ProviderSpec(
            type="cloudwatch", address=address, region="eu-west-1", credentials=KEYS
        ),
        interval=timedelta(minutes=1),
        threshold_range=Bounds(),
        judge="sequential",
    )
    async with asyncio.timeout(PATIENCE), Providers() as providers:
        return list(
            await asyncio.gather(*(providers.ask(metric, NOW, each) for each in metric.asks))
        )


WHOLE = NOW - minutes(2)


async def test_all_that_a_metric_counts_is_asked_in_one_call(serve):
    server = await serve(cloudwatch())
    found = await answered(server.address, text("Requests"), text("Errors"), text("Good"))
    assert found == [
        Sample(value=100, at=WHOLE),
        NoData(reason="the query found no value in the window"),
        Sample(value=90, at=WHOLE),
    ]
    (body,) = server.contents
    ids = [each["Id"] for each in orjson.loads(body)["MetricDataQueries"]]
    assert ids == ["tidegate0_m1", "tidegate1_m1", "tidegate2_m1"]


async def test_an_expression_names_others_so_each_is_asked_alone(serve):
    server = await serve(cloudwatch())
    found = await answered(server.address, text("Requests"), expression("Good"))
    assert found == [Sample(value=100, at=WHOLE), Sample(value=90, at=WHOLE)]
    assert len(server.requests) == 2


async def test_what_is_not_whole_yet_is_not_asked_about(serve):
    server = await serve(cloudwatch())
    spec = ProviderSpec(
        type="cloudwatch", address=server.address, region="eu-west-1", credentials=KEYS
    )
    provider = CloudWatchProvider(spec)
    found = await provider.count_together([text("Requests")] * 2, WHOLE, NOW)
    await provider.close()
    assert [isinstance(each, NoData) and each.warming_up for each in found] == [True, True]
    assert not server.requests
