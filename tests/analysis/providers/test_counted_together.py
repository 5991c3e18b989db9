"""What a metric counts is read from Prometheus by one question, and comes to what several would."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web

from analysis.asking import Providers
from analysis.engine import analyse
from analysis.expression import Call, parse
from analysis.model import Arm, Ask, Bounds, Metric, ProviderSpec, QueryFailure, Sample, Signal
from analysis.providers import counts_together
from analysis.providers.prometheus import SETTLE, PrometheusProvider
from tests.analysis.servers import Handler, data, says

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
END = NOW - SETTLE
PATIENCE = 60
#: What came on top in the minute, by workload and code.
SERIES = {("shop", "200"): 90, ("shop", "503"): 10, ("shop-primary", "200"): 900}
ASKS = tuple(
    Ask(query=f'increase(rq{{app="{app}"{condition}}})', arm=arm, signal=signal, since=NOW - MINUTE)
    for arm, app in ((Arm.CANARY, "shop"), (Arm.PRIMARY, "shop-primary"))
    for signal, condition in ((Signal.REQUESTS, ""), (Signal.BAD, ',code=~"5.."'))
)


def prometheus(warnings: tuple[str, ...] = ()) -> Handler:
    """Answer with the series that the selector of a question accepts."""

    async def answer(request: web.Request) -> web.StreamResponse:
        call = parse(f"increase({request.query['query'].partition('[')[0]})")
        assert isinstance(call, Call)
        start = (NOW - 2 * MINUTE).timestamp()
        found = [
            {
                "metric": {"__name__": "rq", "app": app, "code": code},
                "values": [[start, "7"], [start + 90, str(7 + more)]],
            }
            for (app, code), more in SERIES.items()
            if call.selectors[0].accepts((("app", app), ("code", code)))
        ]
        return await says(data("matrix", found) | {"warnings": warnings})(request)

    return answer


def a_metric(address: str, asks: tuple[Ask, ...] = ASKS, **fields) -> Metric:
    return Metric(
        name="request-success-rate",
        asks=asks,
        provider=ProviderSpec(type="prometheus", address=address),
        interval=MINUTE,
        threshold_range=Bounds(),
        judge="sequential",
        **fields,
    )


async def answers(metric: Metric, providers: Providers) -> list[object]:
    async with asyncio.timeout(PATIENCE):
        return list(
            await asyncio.gather(
                *(providers.ask(metric, NOW - each.earlier, _earlier(each)) for each in metric.asks)
            )
        )


def _earlier(ask: Ask) -> Ask:
    assert ask.since is not None
    return Ask(
        query=ask.query,
        arm=ask.arm,
        signal=ask.signal,
        since=ask.since - ask.earlier,
        earlier=ask.earlier,
    )


async def test_both_sides_and_their_failures_are_read_by_one_question(serve):
    server = await serve(prometheus(warnings=("one store is gone",)))
    async with Providers() as providers:
        found = await answers(a_metric(server.address), providers)
    (asked,) = server.parameters
    assert asked["query"] == r'rq{app=~"shop|shop\\-primary"}[355000ms]'
    values = [each.value if isinstance(each, Sample) else None for each in found]
    assert values == [100, 10, 900, None], "a primary without a series of failures has none"
    assert found[0].warnings == ("one store is gone",)


async def test_it_comes_to_what_a_question_for_each_would(serve):
    server = await serve(prometheus())
    provider = PrometheusProvider(ProviderSpec(type="prometheus", address=server.address))
    queries = [each.query for each in ASKS]
    async with asyncio.timeout(PATIENCE):
        together = await provider.count_together(queries, NOW - MINUTE, NOW)
        alone = [await provider.count(each, NOW - MINUTE, NOW) for each in queries]
        await provider.close()
    assert list(together) == alone
    assert len(server.requests) == 1 + len(queries)


async def test_the_judge_gets_what_was_counted(serve):
    server = await serve(prometheus())
    async with asyncio.timeout(PATIENCE), Providers() as providers:
        report = await analyse([a_metric(server.address)], providers, NOW)
    assert "90 % of 100 requests, of the primary's 100 % of 900" in report.checks[0].message
    assert len(server.requests) == 1


async def test_sides_that_are_asked_about_different_times_are_read_each(serve):
    server = await serve(prometheus())
    asks = tuple(
        each
        if each.arm is Arm.CANARY
        else Ask(
            query=each.query,
            arm=each.arm,
            signal=each.signal,
            since=each.since,
            earlier=timedelta(days=1),
        )
        for each in ASKS
    )
    async with Providers() as providers:
        await answers(a_metric(server.address, asks), providers)
    assert sorted(each["query"] for each in server.parameters) == [
        'rq{app="shop"}[355000ms]',
        'rq{app="shop-primary"}[355000ms]',
    ]


async def test_where_the_store_refuses_one_question_for_all_it_is_asked_about_each(serve):
    server = await serve(prometheus())
    answering = server.handler

    async def strict(request: web.Request) -> web.StreamResponse:
        refused = says({"status": "error", "errorType": "execution", "error": "too many"}, 422)
        return await (refused if "|" in request.query["query"] else answering)(request)

    server.handler = strict
    async with Providers() as providers:
        found = await answers(a_metric(server.address), providers)
    assert [each.value for each in found if isinstance(each, Sample)] == [100, 10, 900]
    assert len(server.requests) == 5


async def test_a_query_that_is_wrong_fails_alone(serve):
    server = await serve(prometheus())
    wrong = Ask(query="rq", arm=Arm.PRIMARY, signal=Signal.BAD, since=NOW - MINUTE)
    async with Providers() as providers:
        found = await answers(a_metric(server.address, (*ASKS[:3], wrong)), providers)
    assert [each.value for each in found if isinstance(each, Sample)] == [100, 10, 900]
    assert isinstance(found[3], QueryFailure)


async def test_a_store_that_is_away_is_not_asked_about_each(serve):
    server = await serve(says("", status=503))
    async with Providers() as providers:
        found = await answers(a_metric(server.address), providers)
    assert all(isinstance(each, QueryFailure) for each in found)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("name", "together"), [("prometheus", True), ("skywalking", False), ("nobody's", False)]
)
def test_it_is_known_beforehand_who_counts_together(name, together):
    assert counts_together(ProviderSpec(type=name)) is together
