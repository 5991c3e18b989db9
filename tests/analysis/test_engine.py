"""The engine: questions are asked together and once, and whatever happens is a value."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from analysis.asking import Providers
from analysis.engine import analyse
from analysis.errors import Busy, FailureKind, ProviderUnavailable, QueryError
from analysis.model import (
    SIDES,
    Arm,
    Ask,
    Bounds,
    Credentials,
    Metric,
    NoData,
    NoDataPolicy,
    QueryFailure,
    Sample,
    Signal,
    Verdict,
)
from tests.analysis.scripted import TABLE, Script, nothing
from tests.controller.running import until

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PATIENCE = 60
addresses = (f"script-{number}" for number in count())


def a_script(answer=nothing) -> Script:
    return Script(next(addresses), answer)


def a_metric(script: Script, query: str = "q", **fields) -> Metric:
    return Metric(
        **{
            "name": f"metric-{query}",
            "asks": (Ask(query=query),),
            "provider": script.spec,
            "interval": timedelta(minutes=1),
            "threshold_range": Bounds(min=1),
        }
        | fields
    )


def answers(value: float = 5):
    async def answer(_: str) -> Sample:
        return Sample(value=value, at=NOW)

    return answer


def raises(error: BaseException):
    async def answer(_: str):
        raise error

    return answer


@pytest.fixture
async def providers():
    async with asyncio.timeout(PATIENCE), Providers(table=TABLE) as opened:
        yield opened


async def test_a_report_has_a_check_for_each_metric_in_their_order(providers):
    values = {"a": 5.0, "b": 0.5, "c": 7.0}

    async def answer(query: str) -> Sample:
        return Sample(value=values[query], at=NOW)

    script = a_script(answer)
    report = await analyse([a_metric(script, query) for query in "cab"], providers, NOW)
    assert [check.metric for check in report.checks] == ["metric-c", "metric-a", "metric-b"]
    assert [check.value for check in report.checks] == [7, 5, 0.5]
    assert report.verdict is Verdict.FAIL
    assert [check.metric for check in report.failures] == ["metric-b"]


async def test_no_metrics_pass(providers):
    assert (await analyse([], providers, NOW)).verdict is Verdict.PASS


async def test_all_metrics_of_an_analysis_are_asked_at_the_same_time(providers):
    together = asyncio.Barrier(3)

    async def answer(_: str) -> NoData:
        await together.wait()
        return NoData(reason="")

    one, other = a_script(answer), a_script(answer)
    await analyse([a_metric(one, "a"), a_metric(one, "b"), a_metric(other, "a")], providers, NOW)


async def test_requests_of_both_sides_are_counted_at_the_same_time_and_not_judged(providers):
    together = asyncio.Barrier(3)

    async def answer(query: str) -> Sample:
        await together.wait()
        return Sample(value=len(query), at=NOW)

    script = a_script(answer)
    asks = (Ask(query="of", arm=Arm.CANARY), Ask(query="others", arm=Arm.PRIMARY))
    requests = a_metric(script, asks=asks, name="requests")
    report = await analyse([a_metric(script)], providers, NOW, requests=[requests])
    assert [check.metric for check in report.checks] == ["metric-q"]
    (counted,) = report.requests.values()
    assert {arm: each.value for arm, each in counted.items()} == {Arm.CANARY: 2, Arm.PRIMARY: 6}


async def test_equal_questions_within_a_tick_are_asked_once(providers):
    script = a_script(answers())
    metrics = [a_metric(script), a_metric(script, name="again")]
    one = await analyse(metrics, providers, NOW)
    another = await analyse(metrics, providers, NOW + timedelta(milliseconds=900))
    assert script.asked == ["q"]
    assert script.made == 1
    assert [check.value for check in (*one.checks, *another.checks)] == [5] * 4


async def test_questions_that_differ_are_asked_each(providers):
    script = a_script(answers())
    other = replace(script.spec, credentials=Credentials(token="another"))
    for metric, at in [
        (a_metric(script), NOW),
        (a_metric(script), NOW + timedelta(seconds=1)),
        (a_metric(script, "r"), NOW),
        (a_metric(script, interval=timedelta(minutes=2)), NOW),
        (a_metric(script, provider=other), NOW),
    ]:
        await providers.ask(metric, at)
    assert len(script.asked) == 5
    assert script.made == 2, "one provider for each spec"


async def test_old_answers_are_forgotten(providers):
    script = a_script(answers())
    for second in range(5):
        await providers.ask(a_metric(script), NOW + timedelta(seconds=second))
    assert len(providers._questions) == 1


async def test_one_provider_is_asked_no_more_than_so_many_questions_at_once():
    script = a_script()
    release = asyncio.Event()

    async def answer(_: str) -> NoData:
        if script.asking == 3:
            release.set()
        await release.wait()
        return NoData(reason="")

    script.answer = answer
    async with asyncio.timeout(PATIENCE), Providers(table=TABLE, concurrency=6) as providers:
        await analyse([a_metric(script, f"q{n}") for n in range(12)], providers, NOW)
    assert script.most_asking == 3
    assert len(script.asked) == 12


async def test_who_gives_up_does_not_take_the_answer_from_the_others(providers):
    asked, release = asyncio.Event(), asyncio.Event()

    async def answer(_: str) -> Sample:
        asked.set()
        await release.wait()
        return Sample(value=5, at=NOW)

    script = a_script(answer)
    first, second = (asyncio.create_task(providers.ask(a_metric(script), NOW)) for _ in range(2))
    await asked.wait()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    release.set()
    assert await second == Sample(value=5, at=NOW)
    assert script.cancelled == 0


async def test_a_question_that_nobody_waits_for_is_cancelled_and_can_be_asked_again(providers):
    asked = asyncio.Event()

    async def answer(_: str) -> Sample:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    script = a_script(answer)
    analysis = asyncio.create_task(analyse([a_metric(script)], providers, NOW))
    await asked.wait()
    analysis.cancel()
    with pytest.raises(asyncio.CancelledError):
        await analysis
    script.answer = answers()
    assert await providers.ask(a_metric(script), NOW) == Sample(value=5, at=NOW)
    assert script.cancelled == 1


async def test_a_provider_that_hangs_is_left_at_its_time_limit(providers):
    async def answer(_: str):
        await asyncio.Event().wait()

    script = a_script(answer)
    hasty = replace(script.spec, timeout=timedelta(milliseconds=50))
    outcome = await providers.ask(a_metric(script, provider=hasty), NOW)
    assert isinstance(outcome, QueryFailure)
    assert outcome.retryable
    assert outcome.reason == f"{script.spec.address} did not answer within 0.05 s"
    assert script.cancelled == 1


async def test_waiting_for_others_takes_nothing_from_the_time_limit():
    async def answer(_: str):
        # One after the other they take longer than each of them may.
        await asyncio.sleep(0.2)
        return Sample(value=5, at=NOW)

    script = a_script(answer)
    limited = replace(script.spec, timeout=timedelta(seconds=2))
    async with asyncio.timeout(PATIENCE), Providers(table=TABLE, concurrency=1) as providers:
        metrics = [a_metric(script, f"q{n}", provider=limited) for n in range(12)]
        report = await analyse(metrics, providers, NOW)
    assert report.verdict is Verdict.PASS
    assert len(script.asked) == 12


async def test_who_finds_the_queue_full_is_not_answered_and_is_no_failure():
    release = asyncio.Event()

    async def answer(_: str):
        await release.wait()
        return Sample(value=5, at=NOW)

    script = a_script(answer)
    async with (
        asyncio.timeout(PATIENCE),
        Providers(table=TABLE, concurrency=1, most_waiting=2) as providers,
    ):
        asked = [
            asyncio.create_task(providers.ask(a_metric(script, f"q{n}"), NOW)) for n in range(3)
        ]
        await until(lambda: providers.waiting == 2)
        with pytest.raises(Busy, match="2 queries wait for their turn"):
            await analyse([a_metric(script, "one-more")], providers, NOW)
        release.set()
        assert await asyncio.gather(*asked) == [Sample(value=5, at=NOW)] * 3
        assert providers.waiting == 0


@pytest.mark.parametrize(
    ("error", "reason", "retryable"),
    [
        pytest.param(QueryError("bad query"), "bad query", False, id="a refused query"),
        pytest.param(ProviderUnavailable("down"), "down", True, id="an outage"),
        pytest.param(ZeroDivisionError("oh"), "provider 'scripted' failed: ZeroDivisionError: oh", True, id="a defect"),
        pytest.param(TimeoutError(), "did not answer within 30 s", True, id="a time-out of its own"),
        pytest.param(asyncio.CancelledError(), "the query was cancelled", True, id="a cancellation of its own"),
    ],
)  # fmt: skip
async def test_whatever_a_provider_raises_is_a_value(providers, error, reason, retryable):
    outcome = await providers.ask(a_metric(a_script(raises(error))), NOW)
    assert isinstance(outcome, QueryFailure)
    assert reason in outcome.reason
    assert outcome.retryable is retryable


async def test_an_answer_that_is_no_outcome_is_a_failure(providers):
    async def answer(_: str):
        return 5

    outcome = await providers.ask(a_metric(a_script(answer)), NOW)
    assert isinstance(outcome, QueryFailure)
    assert "provider 'scripted' failed" in outcome.reason


async def test_an_unknown_provider_is_a_failure_that_lists_the_known_ones(providers):
    spec = replace(a_script().spec, type="promethoos")
    outcome = await providers.ask(a_metric(a_script(), provider=spec), NOW)
    assert isinstance(outcome, QueryFailure)
    assert not outcome.retryable
    assert "'promethoos'" in outcome.reason
    assert "scripted" in outcome.reason


@pytest.mark.parametrize(
    "answer",
    [
        raises(ProviderUnavailable("told s3cr3t")),
        raises(QueryError("told s3cr3t")),
        raises(ValueError("told s3cr3t")),
    ],
)
async def test_no_secret_of_a_spec_is_in_a_failure(providers, answer):
    script = a_script(answer)
    spec = replace(script.spec, credentials=Credentials(token="s3cr3t"))
    outcome = await providers.ask(a_metric(script, provider=spec), NOW)
    assert outcome.reason.endswith("told ***")


async def test_no_secret_of_a_spec_is_in_an_answer(providers):
    outcomes = [Sample(value=1, at=NOW, warnings=("see s3cr3t",)), NoData(reason="see s3cr3t")]

    async def answer(_: str):
        return outcomes.pop()

    script = a_script(answer)
    spec = replace(script.spec, credentials=Credentials(token="s3cr3t"))
    for query in "ab":
        assert "s3cr3t" not in repr(
            await providers.ask(a_metric(script, query, provider=spec), NOW)
        )


async def test_policies_decide_what_becomes_of_an_outage(providers):
    script = a_script(raises(ProviderUnavailable("down")))
    metrics = [a_metric(script, policy, on_error=policy) for policy in NoDataPolicy]
    report = await analyse(metrics, providers, NOW)
    assert [check.verdict for check in report.checks] == ["fail", "inconclusive", "pass"]


async def test_an_unknown_judge_gives_no_verdict(providers):
    report = await analyse([a_metric(a_script(answers()), judge="solomon")], providers, NOW)
    assert report.verdict is Verdict.INCONCLUSIVE
    assert "judge 'solomon' gave no verdict" in report.checks[0].message
    assert "threshold" in report.checks[0].message


async def test_the_observer_is_told_of_each_question_and_who_asks():
    told = []
    script = a_script(answers())

    def observe(metric, seconds, outcome):
        told.append((metric.provider, metric.asked_by, seconds >= 0, outcome))

    metric = replace(a_metric(script), asked_by="test/podinfo")
    async with Providers(table=TABLE, observe=observe) as providers:
        await analyse([metric, metric], providers, NOW)
    assert told == [(script.spec, "test/podinfo", True, Sample(value=5, at=NOW))]


async def test_preparing_tells_providers_and_gives_what_stands_against_it(providers):
    script = a_script(raises(QueryError("no query")))
    failures = await providers.prepare([a_metric(script, "fine"), a_metric(script, "refused")])
    assert sorted(script.prepared) == ["fine", "refused"]
    assert failures == (QueryFailure(reason="no query", kind=FailureKind.QUERY),)


async def test_closing_closes_every_provider_once():
    one, other = a_script(), a_script()
    stuck = Script("cannot-close", nothing)
    providers = Providers(table=TABLE)
    await analyse([a_metric(script) for script in (stuck, one, other)], providers, NOW)
    await providers.close()
    await providers.close()
    assert (one.closed, other.closed, stuck.closed) == (1, 1, 1)
    outcome = await providers.ask(a_metric(one), NOW)
    assert isinstance(outcome, QueryFailure)
    assert one.asked == ["q"]
    assert isinstance((await providers.prepare([a_metric(one)]))[0], QueryFailure)
    assert one.made == 1


async def test_closing_ends_what_is_being_asked():
    asked = asyncio.Event()

    async def answer(_: str):
        asked.set()
        await asyncio.Event().wait()

    script = a_script(answer)
    async with asyncio.timeout(PATIENCE):
        providers = Providers(table=TABLE)
        waiting = asyncio.create_task(providers.ask(a_metric(script), NOW))
        await asked.wait()
        await providers.close()
        assert await waiting == QueryFailure(reason="the query was cancelled")
    assert script.closed == 1


async def test_a_provider_that_nobody_asks_any_more_is_closed():
    old, new = a_script(), a_script()
    async with Providers(table=TABLE, idle=timedelta(0)) as providers:
        await providers.ask(a_metric(old), NOW)
        # The loop's clock has to move on by its resolution.
        while not old.closed:
            await asyncio.sleep(0.001)
            await providers.ask(a_metric(new, f"q{new.made}{len(new.asked)}"), NOW)
            new = a_script()
        await providers.ask(a_metric(old, "again"), NOW)
        assert old.made == 2


async def test_what_is_asked_about_an_earlier_moment_is_taken_for_an_answer_about_now(providers):
    """The previous release stands in for the primary: its counts go on as the canary's do."""
    day, asked = timedelta(days=1), []

    class Asker:
        async def ask(self, metric, at, ask=None):
            asked.append((ask.arm, at, ask.since))
            if ask.signal is Signal.BAD and ask.arm is Arm.PRIMARY:
                return NoData(reason="none", known_from=at)
            return Sample(value=600, at=at)

    metric = a_metric(
        a_script(),
        asks=tuple(
            Ask(
                query="q",
                arm=arm,
                signal=signal,
                earlier=day if arm is Arm.PRIMARY else timedelta(0),
            )
            for arm in SIDES
            for signal in (Signal.REQUESTS, Signal.BAD)
        ),
        judge="sequential",
        threshold_range=Bounds(),
        control="previous release",
        since=NOW - timedelta(minutes=5),
    )
    report = await analyse([metric], Asker(), NOW)
    minutes = timedelta(minutes=5)
    assert set(asked) == {
        (Arm.CANARY, NOW, NOW - minutes),
        (Arm.PRIMARY, NOW - day, NOW - day - minutes),
    }
    assert report.memories[metric.name]["to"] == NOW.isoformat()
    assert "of the previous release's 100 % of 600" in report.checks[0].message


async def test_what_an_earlier_moment_does_not_know_is_known_as_much_later(providers):
    day = timedelta(days=1)

    class Asker:
        async def ask(self, metric, at, ask=None):
            return NoData(reason="watched since then", warming_up=True, known_from=at)

    ask = Ask(query="q", arm=Arm.PRIMARY, signal=Signal.REQUESTS, earlier=day)
    metric = a_metric(a_script(), asks=(ask,), judge="sequential", threshold_range=Bounds())
    report = await analyse([metric], Asker(), NOW)
    assert report.memories[metric.name]["to"] == NOW.isoformat()
