"""Provider `scrape`: what it makes of pages that it reads itself."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.asking import Providers
from analysis.engine import analyse
from analysis.errors import AnalysisError, ProviderUnavailable, QueryError
from analysis.judges.threshold import ThresholdJudge
from analysis.model import (
    Ask,
    Bounds,
    Metric,
    NoData,
    NoDataPolicy,
    Outcome,
    ProviderSpec,
    Sample,
    Verdict,
)
from analysis.pages import read_page
from analysis.providers.scrape import ScrapeProvider, Use
from tests.analysis.servers import FakeServer, says

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PATIENCE = 60
RATIO = 'ratio(rq{cluster=~"app-.*",code!~"5.."}, rq{cluster=~"app-.*"}) * 100'
P50 = 'quantile(0.5, time_bucket{cluster="app-canary"})'


def page(tick: int) -> str:
    """Count, by each look, 90 good and 10 bad requests of one cluster, and many of another."""
    return f"""
# HELP rq requests
# TYPE rq counter
rq{{cluster="app-canary",code="200"}} {1000 + 90 * tick}
rq{{cluster="app-canary",code="503"}} {500 + 10 * tick}
rq{{cluster="other",code="503"}} {7 * tick}
# TYPE time histogram
time_bucket{{cluster="app-canary",le="1"}} {0}
time_bucket{{cluster="app-canary",le="3"}} {100 * tick}
time_bucket{{cluster="app-canary",le="+Inf"}} {100 * tick}
time_sum{{cluster="app-canary"}} {5 * tick}
time_count{{cluster="app-canary"}} {100 * tick}
# TYPE queue gauge
queue 7
"""


def counting(first: int = 1):
    """Answer with a page on which everything has gone on since the last."""
    ticks = count(first)

    async def answer(request):
        return await says(page(next(ticks)), media_type="text/plain")(request)

    return answer


def a_spec(*servers: FakeServer | str, **fields) -> ProviderSpec:
    addresses = (each if isinstance(each, str) else each.address for each in servers)
    targets = tuple(f"{address}/stats" for address in addresses)
    return ProviderSpec(type="scrape", targets=targets, **fields)


class Opened:
    """A provider that reads as often as it is asked."""

    def __init__(self, spec: ProviderSpec, **fields) -> None:
        self.provider = ScrapeProvider(spec, shortest_period=timedelta(milliseconds=5), **fields)

    async def __aenter__(self) -> ScrapeProvider:
        return self.provider

    async def __aexit__(self, *_: object) -> None:
        await self.provider.close()


async def eventually(provider: ScrapeProvider, query: str, interval=MINUTE) -> Sample:
    """Ask until there is a value."""
    async with asyncio.timeout(PATIENCE):
        while True:
            outcome = await tried(provider, query, interval)
            if isinstance(outcome, Sample):
                return outcome
            await asyncio.sleep(0.01)


async def tried(provider: ScrapeProvider, query: str, interval=MINUTE) -> Outcome | AnalysisError:
    try:
        return await provider.query(query, NOW, interval)
    except AnalysisError as error:
        return error


@pytest.mark.parametrize(
    ("query", "value"),
    [
        pytest.param(RATIO, 90, id="the success rate of what came on top"),
        pytest.param(P50, 2, id="the median of what came on top"),
        pytest.param("value(queue)", 7, id="a gauge as it is"),
        pytest.param("ratio(time_sum, time_count)", 0.05, id="the mean of what came on top"),
        pytest.param('ratio(rq{code="404"}, rq)', 0, id="no series of errors is no error"),
    ],
)
async def test_a_value(query, value, serve):
    server = await serve(counting())
    async with Opened(a_spec(server)) as provider:
        sample = await eventually(provider, query)
    assert sample == Sample(value=pytest.approx(value), at=NOW)


@pytest.mark.parametrize("query", [RATIO, P50, "increase(rq)", "rate(rq)"])
async def test_before_the_second_look_nothing_is_known_and_the_judge_holds(query, serve):
    server = await serve(counting())
    provider = ScrapeProvider(a_spec(server), shortest_period=timedelta(hours=1))
    try:
        for _ in range(2):
            outcome = await provider.query(query, NOW, MINUTE)
            assert isinstance(outcome, NoData)
            assert outcome.warming_up
            assert "first scrape" in outcome.reason
    finally:
        await provider.close()
    assert len(server.requests) == 1, "a look serves all queries of its period"
    for policy in NoDataPolicy:
        metric = Metric(
            name="m",
            asks=(Ask(query=RATIO),),
            provider=a_spec(server),
            interval=MINUTE,
            threshold_range=Bounds(min=99),
            on_no_data=policy,
            on_error=policy,
        )
        judgement = ThresholdJudge().judge(metric, {metric.asks[0]: outcome}, {})
        assert judgement.check.verdict is Verdict.INCONCLUSIVE


async def test_no_traffic_is_no_data_only_after_a_whole_interval(serve):
    server = await serve(says(page(1), media_type="text/plain"))
    async with Opened(a_spec(server)) as provider:
        async with asyncio.timeout(PATIENCE):
            outcome = await provider.query(RATIO, NOW, MINUTE)
            while "first scrape" in outcome.reason:
                outcome = await provider.query(RATIO, NOW, MINUTE)
            assert outcome.warming_up, "a request may yet come within the minute"
            assert "did not increase" in outcome.reason
            while outcome.warming_up:
                outcome = await provider.query(RATIO, NOW, timedelta(milliseconds=20))
        assert "did not increase" in outcome.reason


async def test_preparing_looks_before_the_first_question(serve):
    server = await serve(counting())
    async with Opened(a_spec(server)) as provider:
        await provider.prepare(RATIO, timedelta(milliseconds=40))
        async with asyncio.timeout(PATIENCE):
            while len(server.requests) < 3:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        outcome = await provider.query(RATIO, NOW, MINUTE)
    assert isinstance(outcome, Sample)
    assert outcome.value == pytest.approx(90)


async def test_a_metric_that_is_asked_for_later_does_not_count_its_past(serve):
    server = await serve(counting())
    async with Opened(a_spec(server)) as provider:
        await eventually(provider, "increase(time_count)")
        outcome = await tried(provider, RATIO)
        assert isinstance(outcome, NoData)
        assert outcome.warming_up
        assert (await eventually(provider, RATIO)).value == pytest.approx(90)


async def test_targets_are_added_up(serve):
    async def half(request):
        good = 'rq{cluster="app-b",code="200"}'
        return await says(f"{good} {len(server.requests)}", media_type="text/plain")(request)

    server = await serve(half)
    gauge = await serve(says("queue 5\n", media_type="text/plain"))
    other = await serve(says('queue{a="b"} 6\n', media_type="text/plain"))
    async with Opened(a_spec(gauge, other)) as provider:
        assert (await eventually(provider, "value(queue)")).value == 11
    errors = await serve(counting())
    async with Opened(a_spec(server, errors)) as provider:
        value = (await eventually(provider, RATIO)).value
        assert 90 <= value < 100


async def test_a_rate_is_per_second_of_what_was_watched(serve):
    server = await serve(counting())
    async with Opened(a_spec(server)) as provider:
        sample = await eventually(provider, "rate(rq) / rate(rq{cluster='app-canary'})")
        missing = await tried(provider, "rate(absent)")
        unmatched = await tried(provider, 'value(queue{a="b"})')
    assert sample.value == pytest.approx(1.07)
    assert isinstance(missing, NoData)
    assert isinstance(unmatched, NoData)


async def test_a_process_that_starts_again_counts_from_zero(serve):
    counts = [1_000_000, 1_000_100, 40, 60]
    looks = iter(counts)

    async def restarts(request):
        return await says(f"rq {next(looks, counts[-1])}", media_type="text/plain")(request)

    server = await serve(restarts)
    async with Opened(a_spec(server)) as provider:
        async with asyncio.timeout(PATIENCE):
            while len(server.requests) < len(counts) + 1:
                await tried(provider, "increase(rq)")
                await asyncio.sleep(0.006)
        assert (await eventually(provider, "increase(rq)")).value == 160


async def test_a_target_that_is_down_is_a_warning_that_names_it(serve, closed_port):
    server = await serve(counting())
    async with Opened(a_spec(server, closed_port)) as provider:
        sample = await eventually(provider, RATIO)
    assert sample.value == pytest.approx(90)
    assert len(sample.warnings) == 1
    assert sample.warnings[0].startswith("1 of 2 targets cannot be read: ")
    assert f"{closed_port}/stats refuses connections" in sample.warnings[0]


async def test_a_target_that_hangs_leaves_time_for_the_others(serve):
    async def hangs(_):
        await asyncio.Event().wait()

    server, stuck = await serve(says("queue 7\n", media_type="text/plain")), await serve(hangs)
    metric = Metric(
        name="queue",
        asks=(Ask(query="value(queue)"),),
        provider=a_spec(server, stuck, timeout=timedelta(seconds=2)),
        interval=MINUTE,
        threshold_range=Bounds(max=7),
    )
    async with Providers() as providers:
        report = await analyse([metric], providers, NOW)
    assert report.verdict is Verdict.PASS
    assert "1 of 2 targets cannot be read" in report.checks[0].message


async def test_where_all_targets_are_down_nothing_can_be_asked(serve, closed_port):
    server = await serve(says("oh", status=500))
    spec = ProviderSpec(
        type="scrape", targets=(f"{closed_port}/a", f"{closed_port}/b", f"{closed_port}/c", f"{server.address}/d")
    )  # fmt: skip
    async with Opened(spec) as provider:
        error = await tried(provider, RATIO)
    assert isinstance(error, ProviderUnavailable)
    assert "4 of 4 targets cannot be read" in str(error)
    assert "and 1 more" in str(error)


async def test_a_target_that_goes_down_shows_no_stale_value_and_comes_back(serve, closed_port):
    server = await serve(says("queue 7\n", media_type="text/plain"))
    steady = await serve(says("queue 1\n", media_type="text/plain"))
    async with Opened(a_spec(server, steady)) as provider, asyncio.timeout(PATIENCE):
        assert (await eventually(provider, "value(queue)")).value == 8
        server.handler = says("", status=503)
        while (sample := await eventually(provider, "value(queue)")).value != 1:
            assert sample.value == 8
            await asyncio.sleep(0.006)
        assert "answers 503" in sample.warnings[0]
        server.handler = says("queue 5\n", media_type="text/plain")
        while (sample := await eventually(provider, "value(queue)")).value != 6:
            assert sample.value == 1
            await asyncio.sleep(0.006)
        assert sample.warnings == ()


async def test_the_address_is_the_target_where_there_are_no_others(serve):
    server = await serve(says("queue 7\n", media_type="text/plain"))
    spec = ProviderSpec(type="scrape", address=f"{server.address}/metrics")
    async with Opened(spec) as provider:
        assert (await eventually(provider, "value(queue)")).value == 7
    assert server.requests[0].path == "/metrics"
    assert server.requests[0].headers["Accept"].startswith("text/plain")


async def test_reading_stops_when_nobody_asks_any_more(serve):
    server = await serve(counting())
    async with Opened(a_spec(server), shortest_idle=timedelta(0)) as provider:
        await eventually(provider, RATIO, timedelta(milliseconds=10))
        async with asyncio.timeout(PATIENCE):
            while is_reading():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert "first scrape" in (await tried(provider, RATIO)).reason, "the past is forgotten"
        await eventually(provider, RATIO)


@pytest.mark.parametrize(
    ("asked_at", "interval", "now", "idle"),
    [
        pytest.param([100], 10, 699, False, id="a metric is kept for ten minutes"),
        pytest.param([100], 10, 701, True, id="a metric is dropped after ten minutes"),
        pytest.param([100], 300, 1599, False, id="a long window is kept for five of its lengths"),
        pytest.param([100, 1000, 1010], 10, 2809, False, id="one that is asked for rarely is kept for two pauses"),
        pytest.param([100, 1000, 1010], 10, 2811, True, id="and dropped after that"),
    ],
)  # fmt: skip
def test_a_metric_is_watched_for_as_long_as_it_may_be_asked_for_again(
    asked_at, interval, now, idle
):
    use = Use()
    for moment in asked_at:
        use.again(interval, moment)
    assert use.idle(now, 600) is idle


def is_reading() -> bool:
    return any(task.get_name() == "scrape" for task in asyncio.all_tasks())


async def test_closing_stops_the_reading(serve):
    server = await serve(counting())
    async with Opened(a_spec(server)) as provider:
        await provider.prepare(RATIO, MINUTE)
        assert is_reading()
    assert not is_reading()


@pytest.mark.parametrize(
    ("query", "interval", "says_so"),
    [
        ("sum(rate(x[1m]))", MINUTE, "at character 1"),
        ("value(queue)", timedelta(0), "is no time"),
        ("quantile(0.5, rq)", MINUTE, "no buckets"),
    ],
)
async def test_a_wrong_question_is_refused(query, interval, says_so, serve):
    server = await serve(counting())
    async with Opened(a_spec(server)) as provider, asyncio.timeout(PATIENCE):
        while isinstance(outcome := await tried(provider, query, interval), NoData):  # noqa: ASYNC110
            await asyncio.sleep(0.006)
    assert isinstance(outcome, QueryError)
    assert says_so in str(outcome)


async def test_a_wrong_question_is_refused_when_it_is_prepared(closed_port):
    async with Opened(a_spec(closed_port)) as provider:
        with pytest.raises(QueryError):
            await provider.prepare("sum(x)", MINUTE)


@pytest.mark.parametrize(
    ("text", "series"),
    [
        pytest.param("a 1\nb 2\n", {"a": {(): 1}}, id="only what is asked for is read"),
        pytest.param("# TYPE a counter\na 1", {"a": {(): 1}}, id="a counter keeps its name"),
        pytest.param("# TYPE a counter\na_total 1", {"a": {}}, id="another name is another metric"),
        pytest.param('a{y="2",x="1"} 3 1700000000', {"a": {(("x", "1"), ("y", "2")): 3}}, id="labels are sorted and times ignored"),
        pytest.param("a\t1\r\n", {"a": {(): 1}}, id="tabs and returns are white space"),
        pytest.param('a{x="q\\"}{\\n"} 1', {"a": {(("x", 'q"}{\n'),): 1}}, id="escapes are read"),
        pytest.param("a NaN", {"a": {}}, id="NaN is nothing"),
        pytest.param("a +Inf", {"a": {(): float("inf")}}, id="infinity is a value"),
        pytest.param("", {"a": {}}, id="an empty page shows nothing"),
        pytest.param("# only a comment", {"a": {}}, id="a comment shows nothing"),
    ],
)  # fmt: skip
def test_a_page_shows(text, series):
    assert read_page(text.encode(), frozenset({"a"}), "here") == series


@given(
    st.binary(max_size=200)
    | st.text(alphabet='a{}="\\,# \n\t1+-.eTYPE', max_size=80).map(str.encode)
)
def test_any_page_is_read_or_refused(body):
    with suppress(ProviderUnavailable):
        assert read_page(body, frozenset({"a"}), "here").keys() == {"a"}
