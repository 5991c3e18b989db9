"""Checks that take long: what an analysis makes of them, and what it keeps to go on with."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, ClassVar

import pytest

from analysis.asking import Providers
from analysis.checking import Checks
from analysis.engine import analyse
from analysis.errors import (
    Busy,
    FailureKind,
    LoginRefused,
    ProviderUnavailable,
    QueryError,
    Throttled,
)
from analysis.model import (
    Arm,
    Ask,
    Bounds,
    Credentials,
    Metric,
    NoData,
    ProviderSpec,
    QueryFailure,
    Sample,
    Started,
    Verdict,
)
from analysis.plugins import PluginTable
from analysis.providers import Provider, ProviderDefaults
from analysis.providers.checks import check_resumed, resumes
from analysis.resuming import HANDLE_BYTES, Resuming, Working
from tests.analysis.scripted import TABLE, Script, nothing

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PATIENCE = 60
addresses = (f"checks-{number}" for number in count())


class Store:
    """A store that works on checks, as a test has it answer."""

    written: ClassVar[dict[str, "Store"]] = {}

    def __init__(self, *polls: Any, start: Any = "handle-1") -> None:
        address = next(addresses)
        self.spec = ProviderSpec(
            type="resuming",
            address=address,
            credentials=Credentials(token="s3cr3t-token"),
        )
        self.start, self.polls = start, list(polls)
        self.keys: list[str] = []
        self.polled: list[str] = []
        self.gone: list[str] = []
        Store.written[address] = self

    @property
    def metric(self) -> Metric:
        return Metric(
            name="score",
            asks=(Ask(query="q"),),
            provider=self.spec,
            interval=MINUTE,
            threshold_range=Bounds(min=4),
        )


def given(answer: Any) -> Any:
    if isinstance(answer, Exception):
        raise answer
    return answer


class ResumingProvider(ProviderDefaults):
    """Answer as the store of the spec says."""

    deadline = timedelta(minutes=10)

    def __init__(self, spec: ProviderSpec) -> None:
        self.store = Store.written[spec.address]

    @classmethod
    def resumes(cls, query: str) -> bool:
        return query == "q"

    async def query(self, query: str, at: datetime, interval: timedelta) -> Sample:
        return Sample(value=1, at=at)

    async def start(self, query: str, at: datetime, interval: timedelta, key: str) -> str:
        self.store.keys.append(key)
        return given(self.store.start)

    async def poll(self, handle: str, at: datetime):
        self.store.polled.append(handle)
        return given(self.store.polls.pop(0))

    async def cancel(self, handle: str) -> None:
        self.store.gone.append(handle)
        given(self.store.polls[0] if self.store.polls else None)


RESUMING: PluginTable[Provider] = PluginTable(
    group="tidegate.providers",
    builtin={
        "resuming": "tests.analysis.test_resuming:ResumingProvider",
        "gone": "tests.analysis.test_resuming:NoSuchProvider",
    },
)


@pytest.fixture
async def providers():
    async with asyncio.timeout(PATIENCE), Providers(table=RESUMING) as opened:
        yield opened


async def look(store: Store, providers: Providers, started: Started | None, at: datetime = NOW):
    """Analyse once; gives the check, and what it goes on as."""
    resuming = Resuming(key="uid/run/1", started={"score": started} if started else {})
    report = await analyse(
        [store.metric], providers, at, checks=Checks(providers), resuming=resuming
    )
    return report.checks[0], report.started["score"]


async def test_a_check_is_started_then_asked_after_and_judged_by_its_answer(providers):
    store = Store(Working(state="RUNNING"), Sample(value=5, at=NOW))

    first, started = await look(store, providers, None)
    second, going_on = await look(store, providers, started, NOW + MINUTE)
    third, over = await look(store, providers, going_on, NOW + 2 * MINUTE)

    assert (first.verdict, first.pending) == (Verdict.INCONCLUSIVE, True)
    assert started is not None
    assert (started.handle, started.since) == ("handle-1", NOW)
    assert (second.pending, going_on) == (True, started)
    assert "since 00:00:00 UTC (RUNNING)" in second.message
    assert (third.verdict, third.pending, third.value, over) == (Verdict.PASS, False, 5, None)
    assert (len(store.keys), store.polled) == (1, ["handle-1"] * 2)


async def test_the_same_analysis_starts_by_the_same_key_and_another_metric_by_another(providers):
    store = Store()
    await look(store, providers, None)
    await look(store, providers, None)

    other = Resuming(key="uid/run/1").of("other", NOW)
    later = Resuming(key="uid/run/2").of("score", NOW)
    assert len({*store.keys, other.key, later.key}) == 3


@pytest.mark.parametrize(
    ("error", "kept"),
    [
        (ProviderUnavailable("gone"), True),
        (Throttled("slow down", 0.0), True),
        (LoginRefused("403"), True),
        (QueryError("404: no such check"), False),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, Exception) else "",
)
async def test_only_what_says_something_of_the_check_ends_it(error, kept, providers):
    started = Started(key="k", since=NOW, handle="handle-1")
    check, after = await look(Store(error), providers, started)
    fresh, begun = await look(Store(start=error), providers, None)

    assert (check.unanswered, check.pending) == (True, False)
    assert (after is not None) is kept
    assert fresh.unanswered
    assert (begun is not None) is kept
    assert begun is None or begun.handle == ""


async def test_a_check_whose_time_is_up_is_an_outage_and_over(providers):
    started = Started(key="k", since=NOW - timedelta(minutes=10), handle="handle-1")
    check, after = await look(Store(Working(state="RUNNING")), providers, started)

    assert (check.unanswered, after) == (True, None)
    assert "no answer for 10m (provider.options.deadline): RUNNING" in check.message
    assert "(onError: hold)" in check.message


async def test_an_outage_when_the_time_is_up_ends_a_check_as_well(providers):
    started = Started(key="k", since=NOW - timedelta(hours=1), handle="handle-1")
    _, after = await look(Store(ProviderUnavailable("gone")), providers, started)
    assert after is None


async def test_an_answer_that_comes_late_is_one(providers):
    started = Started(key="k", since=NOW - timedelta(hours=1), handle="handle-1")
    check, _ = await look(Store(Sample(value=5, at=NOW)), providers, started)
    assert check.verdict is Verdict.PASS


@pytest.mark.parametrize(
    "answer",
    [QueryFailure(reason="it was ended"), NoData(reason="nothing was found")],
    ids=lambda each: type(each).__name__,
)
async def test_the_last_word_of_a_store_ends_a_check_whatever_it_is(answer, providers):
    started = Started(key="k", since=NOW, handle="handle-1")
    check, after = await look(Store(answer), providers, started)
    assert (check.pending, after) == (False, None)
    assert answer.reason in check.message


@pytest.mark.parametrize(
    "handle",
    ["", "x" * (HANDLE_BYTES + 1), "two\nlines", "größer", "with-s3cr3t-token"],
    ids=["none", "too long", "two lines", "no ASCII", "a secret"],
)
async def test_a_handle_that_may_not_be_kept_is_refused_without_showing_it(handle, providers):
    check, started = await look(Store(start=handle), providers, None)
    assert (check.unanswered, started) == (True, None)
    assert "by a handle that" in check.message
    assert "s3cr3t" not in check.message


async def test_no_secret_is_in_what_is_told_of_a_check(providers):
    started = Started(key="k", since=NOW, handle="handle-1")
    words = ("s3cr3t-token",)
    for answer in (
        Working(state=f"RUNNING {words[0]}"),
        NoData(reason=words[0]),
        ProviderUnavailable(words[0]),
    ):
        check, _ = await look(Store(answer), providers, started)
        assert words[0] not in check.message


async def test_without_one_who_keeps_handles_it_is_asked_like_any_other(providers):
    store = Store()
    report = await analyse([store.metric], providers, NOW)
    assert (report.checks[0].value, store.keys, report.started) == (1, [], {})


async def test_another_query_of_the_same_store_is_asked_at_once(providers):
    store = Store()
    metric = replace(store.metric, asks=(Ask(query="now"),))
    report = await analyse(
        [metric], providers, NOW, checks=Checks(providers), resuming=Resuming(key="k")
    )
    assert (report.checks[0].value, report.started) == (1, {})


async def test_too_many_that_wait_are_no_answer():
    async with asyncio.timeout(PATIENCE), Providers(table=RESUMING, most_waiting=0) as busy:
        with pytest.raises(Busy):
            await look(Store(), busy, None)


async def test_each_question_is_observed_with_what_came():
    seen = []
    store = Store(ProviderUnavailable("gone"))
    async with (
        asyncio.timeout(PATIENCE),
        Providers(table=RESUMING, observe=lambda *each: seen.append(each)) as providers,
    ):
        _, started = await look(store, providers, None)
        await look(store, providers, started)

    assert [type(outcome) for _, _, outcome in seen] == [NoData, QueryFailure]


async def test_a_check_is_cancelled_by_its_handle(providers):
    store = Store()
    assert await Checks(providers).cancel(store.metric, "handle-1") is None
    assert store.gone == ["handle-1"]


async def test_what_stands_against_letting_go_is_told(providers):
    failure = await Checks(providers).cancel(Store(ProviderUnavailable("gone")).metric, "handle-1")
    assert failure is not None
    assert failure.kind is FailureKind.UNAVAILABLE


async def test_a_store_that_starts_no_checks_says_so():
    metric = replace(Store().metric, provider=Script("no-checks", nothing).spec)
    async with asyncio.timeout(PATIENCE), Providers(table=TABLE) as providers:
        failure = await Checks(providers).cancel(metric, "handle-1")
    assert failure is not None
    assert "starts no checks" in failure.reason


def test_a_provider_that_cannot_be_loaded_resumes_nothing():
    metric = replace(Store().metric, provider=ProviderSpec(type="gone"))
    assert not resumes(metric, RESUMING)
    assert not resumes(replace(metric, provider=ProviderSpec(type="unheard-of")), RESUMING)


def test_a_store_that_takes_long_is_asked_one_thing():
    asks = (Ask(query="{}"), Ask(query="{}", arm=Arm.PRIMARY))
    metric = replace(
        Store().metric, asks=asks, judge="comparison", provider=ProviderSpec(type="kayenta")
    )

    with pytest.raises(QueryError, match="judge comparison asks for more than one"):
        check_resumed(metric)
    check_resumed(replace(metric, asks=asks[:1]))
    check_resumed(replace(metric, provider=ProviderSpec(type="prometheus")))
