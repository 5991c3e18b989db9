"""Questions about the past, answered from range data."""

from dataclasses import replace
from datetime import timedelta

import pytest

from analysis.asking import Providers
from analysis.errors import FailureKind
from analysis.judging import NOTHING_KEPT
from analysis.model import (
    SIDES,
    Arm,
    Ask,
    Bounds,
    Metric,
    NoData,
    ProviderSpec,
    QueryFailure,
    Sample,
    Signal,
    Verdict,
)
from analysis.past import Past
from analysis.providers.history import MOST_POINTS
from analysis.replaying import replay
from analysis.tally import counted_to
from tests.analysis.providers.test_history import END, MATRIX, START, STEP
from tests.analysis.servers import data, in_turn, says
from tests.builders import T0

SECOND = timedelta(seconds=1)
COUNTS = tuple(
    Ask(query=f"{arm} {signal}", arm=arm, signal=signal)
    for arm in SIDES
    for signal in (Signal.REQUESTS, Signal.BAD)
)


def a_metric(address: str, **fields) -> Metric:
    fields = {
        "asks": (Ask(query="up"),),
        "interval": STEP,
        "threshold_range": Bounds(max=1),
    } | fields
    return Metric(name="up", provider=ProviderSpec(type="prometheus", address=address), **fields)


async def test_a_moment_has_the_value_of_the_last_step_before_it(serve):
    server = await serve(says(MATRIX))
    metric = a_metric(server.address)
    async with Providers() as providers:
        past = Past(providers, STEP)
        await past.read([metric, metric], START, END)
        assert await past.ask(metric, START) == Sample(value=1.5, at=START)
        assert await past.ask(metric, START + 29 * SECOND) == Sample(
            value=1.5, at=START + 29 * SECOND
        )
        # The point at half a minute was NaN.
        assert isinstance(await past.ask(metric, START + 31 * SECOND), NoData)
        assert isinstance(await past.ask(metric, START - SECOND), NoData)
    assert past.points(metric)[0] == (START, 1.5)
    # It was read once.
    assert len(server.requests) == 1


async def test_each_side_has_the_values_of_its_own_query(serve):
    server = await serve(in_turn([says(MATRIX), says(data("matrix", []))]))
    asks = (Ask(query="up"), Ask(query="up-primary", arm=Arm.PRIMARY))
    metric = a_metric(server.address, asks=asks)
    async with Providers() as providers:
        past = Past(providers, STEP)
        await past.read([metric], START, END)
        canary, primary = [await past.ask(metric, START, ask) for ask in asks]
    assert canary == Sample(value=1.5, at=START)
    assert isinstance(primary, NoData)
    # What is drawn of it is the canary's.
    assert past.points(metric)[0] == (START, 1.5)


async def test_a_range_may_take_longer_than_one_value(serve):
    server = await serve(says(MATRIX))
    metric = a_metric(server.address)
    hurried = replace(metric.provider, timeout=timedelta(microseconds=1))
    metric = replace(metric, provider=hurried)
    async with Providers() as providers:
        past = Past(providers, STEP)
        await past.read([metric], START, END)
    assert past.points(metric)


async def test_what_refuses_is_no_answer_for_every_moment(serve):
    server = await serve(says("oh", status=503))
    metric = a_metric(server.address)
    async with Providers() as providers:
        past = Past(providers, STEP)
        await past.read([metric], START, END)
        outcome = await past.ask(metric, START)
    assert isinstance(outcome, QueryFailure)
    assert outcome.retryable
    assert past.points(metric) == ()


async def test_a_store_without_a_past_says_so(closed_port):
    spec = ProviderSpec(type="scrape", targets=(closed_port,))
    metric = a_metric(closed_port)
    metric = Metric(
        name="up", asks=metric.asks, provider=spec, interval=STEP, threshold_range=Bounds()
    )
    async with Providers() as providers:
        past = Past(providers, STEP)
        await past.read([metric], START, END)
        outcome = await past.ask(metric, START)
    assert isinstance(outcome, QueryFailure)
    assert (outcome.kind, outcome.reason) == (
        FailureKind.QUERY,
        "the provider scrape keeps no past that can be read",
    )


async def test_a_long_range_is_read_in_parts_that_meet(serve):
    server = await serve(says(data("matrix", [])))
    async with Providers() as providers:
        end = START + SECOND * (MOST_POINTS + 5)
        await Past(providers, SECOND).read([a_metric(server.address)], START, end)
    (first, second) = server.parameters
    assert float(first["start"]) == START.timestamp()
    assert float(second["start"]) == float(first["end"]) + 1
    assert float(second["end"]) == end.timestamp()


async def test_every_moment_is_judged_as_it_was(serve):
    server = await serve(says(MATRIX))
    metric = a_metric(server.address)
    async with Providers() as providers:
        past = Past(providers, STEP)
        await past.read([metric], START, END)
        looks = await replay([metric], [START, START + STEP], past, START)
    assert [each.report.verdict for each in looks] == [Verdict.FAIL, Verdict.FAIL]
    assert [each.at for each in looks] == [START, START + STEP]


class Counting:
    """Answers with 1,000 requests on each side, half of the canary's bad."""

    def __init__(self) -> None:
        self.since: list[object] = []

    async def ask(self, metric, at, ask=None):
        self.since.append(ask.since)
        bad = 500 if ask.arm is Arm.CANARY else 0
        return Sample(value=bad if ask.signal is Signal.BAD else 1000, at=at)


async def test_what_is_counted_goes_on_from_moment_to_moment():
    metric = a_metric("http://p", asks=COUNTS, judge="sequential", threshold_range=Bounds())
    store = Counting()
    looks = await replay([metric], [T0 + STEP, T0 + 2 * STEP], store, T0)
    assert [each.report.checks[0].proven for each in looks] == [True, True]
    assert set(store.since) == {T0, T0 + STEP}
    assert counted_to(looks[-1].report.memories["up"]) == T0 + 2 * STEP
    assert counted_to(NOTHING_KEPT.get("up", {})) is None


@pytest.mark.parametrize("since", [START, END])
async def test_counts_of_the_past_are_asked_of_the_store_itself(since, serve):
    server = await serve(says(data("matrix", [])))
    metric = a_metric(server.address)
    async with Providers() as providers:
        ask = Ask(query="increase(up)", signal=Signal.REQUESTS, since=since)
        outcome = await Past(providers, STEP).ask(metric, END + STEP, ask)
    assert isinstance(outcome, NoData)
    assert server.requests[0].path == "/api/v1/query"
