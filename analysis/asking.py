"""Asking: every metric by way of its provider, which is opened once and shared by all analyses.

How a store is asked belongs to the providers.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import ceil
from types import TracebackType
from typing import Self, TypeVar

from analysis.errors import AnalysisError, Busy, FailureKind, ProviderUnavailable, Throttled
from analysis.model import Ask, Metric, Outcome, ProviderSpec, QueryFailure, Sample, Signal
from analysis.plugins import PluginTable
from analysis.providers import PROVIDERS, CountsTogether, Provider, counts_together
from analysis.secrecy import shown_address
from analysis.throttling import Throttle
from analysis.turns import Turns

#: Queries that one provider answers at the same time, at most half of them of one party.
CONCURRENCY = 16
#: Queries of one party that may wait for their turn; one more is not put, and is no failure.
MOST_WAITING = 5000
#: Moments within one tick are one to a provider: canaries that look together ask it together.
TICK = timedelta(seconds=1)
#: Answers that are kept for the rest of their tick.
MOST_ANSWERS = 1024
#: A provider that is idle for this long is closed.
IDLE = timedelta(hours=1)

PartyOf = Callable[[Metric], str]
"""Names the party that asks for a metric."""
Observer = Callable[[Metric, float, Outcome], None]
"""Told of each query that was put to a provider: whose, how many seconds it took, what came."""


@dataclass(slots=True)
class _Open:
    """A provider in use: how many may ask it, how many do or wait, and when it was last asked."""

    provider: Provider
    slots: Turns
    throttle: Throttle = field(default_factory=Throttle)
    used_at: float = 0.0
    asking: int = 0


@dataclass(slots=True)
class _Question:
    """Queries that are put together, on their way or answered, and how many wait for them."""

    task: asyncio.Task[tuple[Outcome, ...]]
    tick: int
    waiting: int = 0


Result = TypeVar("Result")

_Key = tuple[ProviderSpec, tuple[str, ...], timedelta, int, tuple[datetime, datetime] | None]


class Providers:
    """All open providers: one for each spec, shared by all analyses, closed together.

    Whatever goes wrong in a provider is a `QueryFailure`. A query's time limit begins when it is
    put; to wait for one's turn is no answer of the store.
    """

    def __init__(
        self,
        *,
        table: PluginTable[Provider] = PROVIDERS,
        concurrency: int = CONCURRENCY,
        most_waiting: int = MOST_WAITING,
        idle: timedelta = IDLE,
        observe: Observer | None = None,
        party_of: PartyOf = lambda _: "",
    ) -> None:
        self.table = table
        self._concurrency = concurrency
        self._most_waiting = most_waiting
        self._idle = idle
        self.observe = observe
        self._party_of = party_of
        self._open: dict[ProviderSpec, _Open] = {}
        self._questions: OrderedDict[_Key, _Question] = OrderedDict()
        self._closing: set[asyncio.Task[None]] = set()
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def ask(self, metric: Metric, at: datetime, ask: Ask | None = None) -> Outcome:
        """Answer a question of a metric, its first one where none is given.

        What is counted is counted over one interval where the question does not say since when.
        The same query within a tick is put to its provider once. What a metric counts over the same
        time is put as one where the provider takes it so.

        Raises:
            Busy: too many queries wait for this provider already; this one was not put.
        """
        tick = int(at.timestamp() // TICK.total_seconds())
        ask = ask or metric.asks[0]
        if ask.signal is not Signal.VALUE and ask.since is None:
            ask = replace(ask, since=at - metric.interval)
        block = None if ask.since is None else (ask.since, at)
        together = counts_together(metric.provider, self.table)
        asks = metric.counted_with(ask) if together else (ask,)
        key = (metric.provider, tuple(each.query for each in asks), metric.interval, tick, block)
        question = self._questions.get(key)
        if question is None:
            self._forget_before(tick)
            task = asyncio.create_task(self._put(metric, asks, at), name=f"query of {metric.name}")
            question = self._questions[key] = _Question(task, tick)
        question.waiting += 1
        try:
            # A caller that gives up waiting must not take the answer away from the others.
            return (await asyncio.shield(question.task))[key[1].index(ask.query)]
        except asyncio.CancelledError:
            if question.task.cancelled() and not _being_cancelled():
                return QueryFailure(reason="the query was cancelled")
            raise
        finally:
            question.waiting -= 1
            if not question.waiting and not question.task.done():
                question.task.cancel()
                self._questions.pop(key, None)

    async def prepare(self, metrics: Sequence[Metric]) -> tuple[QueryFailure, ...]:
        """Let providers begin to watch what these metrics will ask; gives what stands against it."""

        async def prime(metric: Metric, ask: Ask) -> QueryFailure | None:
            try:
                return await self.guard(
                    metric,
                    lambda provider: provider.prepare(ask.query, metric.interval),
                )
            except Busy as busy:
                return QueryFailure(reason=str(busy))

        outcomes = await asyncio.gather(
            *(prime(metric, ask) for metric in metrics for ask in metric.asks)
        )
        return tuple(outcome for outcome in outcomes if outcome is not None)

    async def close(self) -> None:
        """Cancel what is being asked and close all providers; closing twice is closing once."""
        self._closed = True
        tasks = [question.task for question in self._questions.values()]
        self._questions.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        opened, self._open = self._open, {}
        await asyncio.gather(*(_closed(each.provider) for each in opened.values()), *self._closing)

    async def _put(
        self, metric: Metric, asks: tuple[Ask, ...], at: datetime
    ) -> tuple[Outcome, ...]:
        """Put questions as one, and each alone where a store refuses them; tell the observer."""
        spec, begun = metric.provider, _now()

        async def put(provider: Provider) -> tuple[Outcome, ...]:
            nonlocal begun
            begun = _now()
            (ask, *others), since = asks, asks[0].since
            if since is None:
                outcomes: tuple[Outcome, ...] = (
                    await provider.query(ask.query, at, metric.interval),
                )
            elif others and isinstance(provider, CountsTogether):
                queries = [each.query for each in asks]
                outcomes = await provider.count_together(queries, since, at)
            else:
                outcomes = (await provider.count(ask.query, since, at),)
            return tuple(redacted(each, spec) for each in outcomes)

        outcomes = await self.guard(metric, put)
        if isinstance(outcomes, QueryFailure):
            outcomes = (outcomes,) * len(asks)
            if len(asks) > 1 and outcomes[0].kind is FailureKind.QUERY:
                return tuple([(await self._put(metric, (each,), at))[0] for each in asks])
        if self.observe is not None:
            self.observe(metric, _now() - begun, outcomes[0])
        return outcomes

    async def guard(
        self, metric: Metric, call: Callable[[Provider], Awaitable[Result]]
    ) -> Result | QueryFailure:
        """Call a provider within the time limit, and turn whatever it raises but Busy into a value."""
        spec, party = metric.provider, self._party_of(metric)
        try:
            async with (
                self._slot(spec, party) as opened,
                asyncio.timeout(spec.timeout.total_seconds()),
            ):
                if (left := opened.throttle.left(_now())) > 0:
                    raise Throttled(
                        f"{_where(spec)} is throttled: no query for {ceil(left)} s more"
                    )
                try:
                    answer = await call(opened.provider)
                except Throttled as error:
                    opened.throttle.begin(_now(), error.retry_after)
                    raise
                opened.throttle.end()
                return answer
        except Busy:
            raise
        except TimeoutError:
            limit = spec.timeout.total_seconds()
            return QueryFailure(reason=f"{_where(spec)} did not answer within {limit:g} s")
        except AnalysisError as error:
            return QueryFailure(reason=spec.redact(str(error)), kind=error.kind)
        except Exception as error:  # noqa: BLE001 - a provider may be anybody's
            reason = f"provider {spec.type!r} failed: {type(error).__name__}: {error}"
            return QueryFailure(reason=spec.redact(reason))

    @asynccontextmanager
    async def _slot(self, spec: ProviderSpec, party: str) -> AsyncIterator[_Open]:
        """Hold one of the questions that the spec's provider answers at the same time."""
        if self._closed:
            raise ProviderUnavailable("the providers are closed: tidegate is shutting down")
        if (opened := self._open.get(spec)) is None:
            self._retire()
            made = self.table.load(spec.type)(spec)
            opened = self._open[spec] = _Open(made, Turns(self._concurrency))
        if (waiting := opened.slots.waiting_of(party)) >= self._most_waiting:
            raise Busy(f"{_where(spec)}: {waiting} queries wait for their turn already")
        opened.asking += 1
        try:
            async with opened.slots.place(party):
                yield opened
        finally:
            opened.asking -= 1
            opened.used_at = _now()

    @property
    def waiting(self) -> int:
        """Count the queries that wait for their turn."""
        return sum(opened.slots.waiting for opened in self._open.values())

    def _retire(self) -> None:
        """Close the idle providers, such as those of an older secret."""
        longest = _now() - self._idle.total_seconds()
        for spec, opened in list(self._open.items()):
            if not opened.asking and opened.used_at < longest:
                del self._open[spec]
                closing = asyncio.create_task(_closed(opened.provider))
                self._closing.add(closing)
                closing.add_done_callback(self._closing.discard)

    def _forget_before(self, tick: int) -> None:
        """Drop the answers of older ticks, oldest first."""
        while self._questions:
            key, oldest = next(iter(self._questions.items()))
            if not oldest.task.done():
                return
            if oldest.tick >= tick and len(self._questions) < MOST_ANSWERS:
                return
            del self._questions[key]


async def _closed(provider: Provider) -> None:
    """Close a provider that is done with; that it cannot even be closed is no one's concern."""
    with suppress(Exception):
        await provider.close()


def redacted(outcome: Outcome, spec: ProviderSpec) -> Outcome:
    """Hide the secrets of a spec in whatever a store has said."""
    if isinstance(outcome, Sample):
        return replace(outcome, warnings=tuple(spec.redact(each) for each in outcome.warnings))
    return replace(outcome, reason=spec.redact(outcome.reason))


def _where(spec: ProviderSpec) -> str:
    return shown_address(spec.address) or f"provider {spec.type!r}"


def _being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _now() -> float:
    return asyncio.get_running_loop().time()
