"""Provider `scrape`: reads the pages of metrics of proxies or pods itself, where there is no store.

It keeps what their counters showed over the interval of the queries, for as long as queries are
asked. The language of its queries is in `expression.py`, what counters are worth in `counters.py`.
"""

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import inf

from analysis.counters import Labels, Record, Snapshot, increases
from analysis.counting import Grown, parse_count, selectors, total
from analysis.errors import AnalysisError, ProviderUnavailable, QueryError
from analysis.evaluation import evaluate
from analysis.expression import Expression, Selector, metric_names, parse
from analysis.model import NoData, Outcome, ProviderSpec, Sample
from analysis.pages import read_page
from analysis.providers.connection import ProviderConnection
from analysis.providers.increases import IncreaseCounts
from analysis.secrecy import shown_address
from analysis.watched import Watched

#: Reads within one interval: more would cost the proxies, fewer would blur where windows begin.
READS_AN_INTERVAL = 4
#: Targets are read no more often than this.
SHORTEST_PERIOD = timedelta(seconds=1)
#: Targets that are read at the same time.
MOST_READS = 16
#: Reading stops after this many intervals, and after twice the longest pause, without a query.
IDLE_INTERVALS = 5
#: How many times as long as the last block the next one may be.
COUNTED_INTERVALS = 4.0
SHORTEST_IDLE = timedelta(minutes=10)
#: The share of a query's time limit that one target may take: a target that hangs leaves time to
#: answer from the others.
TARGET_SHARE = 0.4
#: How many targets a message names.
MOST_NAMED = 3

_ROUNDED = timedelta(milliseconds=1)
_ACCEPT = "text/plain;version=0.0.4;q=1,*/*;q=0.1"


@dataclass(slots=True)
class Use:
    """How a metric is used, in seconds: its windows, when it was last asked for, longest pause."""

    longest: float = 0.0
    shortest: float = inf
    last: float = 0.0
    pause: float = 0.0

    def again(self, interval: float, now: float, *, reach: float = 1.0) -> None:
        """Note that it is asked for, and how many intervals back windows may begin."""
        self.longest = max(self.longest, interval * reach)
        self.shortest = min(self.shortest, interval)
        self.pause = max(self.pause, now - self.last) if self.last else 0.0
        self.last = now

    def idle(self, now: float, shortest: float) -> bool:
        """Whether it was unused for so long that it may be dropped."""
        return now - self.last > max(IDLE_INTERVALS * self.longest, 2 * self.pause, shortest)


class ScrapeProvider(IncreaseCounts):
    """Read targets in the background while they are asked about, and evaluate expressions."""

    def __init__(
        self,
        spec: ProviderSpec,
        *,
        shortest_period: timedelta = SHORTEST_PERIOD,
        shortest_idle: timedelta = SHORTEST_IDLE,
    ) -> None:
        targets = spec.targets or ((spec.address,) if spec.address else ())
        if not targets:
            raise QueryError(
                "provider scrape has no targets; write the addresses of pages of metrics, such as "
                "http://envoy:9901/stats/prometheus"
            )
        self._records = {target: Record() for target in targets}
        self._failures: dict[str, AnalysisError] = {}
        self._limit = spec.timeout.total_seconds() * TARGET_SHARE
        # Pods and proxies are near: no proxy of the environment stands between.
        self._connection = ProviderConnection(spec, connections=MOST_READS, proxies=False)
        self._shortest_period = shortest_period.total_seconds()
        self._shortest_idle = shortest_idle.total_seconds()
        self._uses: dict[str, Use] = {}
        self._round = asyncio.Lock()
        self._slots = asyncio.Semaphore(MOST_READS)
        self._read_at = -inf
        self._read_names: frozenset[str] = frozenset()
        self._poller: asyncio.Task[None] | None = None
        self._closed = False
        self._started = _now() - time.time()
        """The moment 0 of Unix time on the clock of the snapshots."""

    async def query(self, query: str, at: datetime, interval: timedelta) -> Outcome:
        """Evaluate an expression on what came on top within the interval that ends now."""
        expression = parse(query)
        self._use(expression, interval)
        await self._read(metric_names(expression), freshness=self._shortest_period)
        if len(self._failures) == len(self._records):
            raise ProviderUnavailable(self._told_failures())
        view = Watched(
            records=self._records,
            failing=frozenset(self._failures),
            start=_now() - interval.total_seconds(),
        )
        value = evaluate(expression, view)
        if isinstance(value, NoData):
            # What was not seen in a part of the interval may yet come in the rest of it.
            young = value.warming_up or view.covered < interval.total_seconds()
            return NoData(reason=value.reason, warming_up=young)
        warnings = (self._told_failures(),) if self._failures else ()
        return Sample(value=value, at=at, warnings=warnings)

    async def count(self, query: str, since: datetime, at: datetime) -> Outcome:
        """Count by what was read until the moment: nothing is read for a count alone."""
        expression = parse_count(query)
        if since >= at:
            return NoData(reason="the time that was counted has not passed yet", warming_up=True)
        self._use(expression, at - since, reach=COUNTED_INTERVALS)
        await self._read(metric_names(expression), freshness=self._period)
        if len(self._failures) == len(self._records):
            raise ProviderUnavailable(self._told_failures())
        start = since.timestamp() + self._started
        end = min(at.timestamp() + self._started, _now())
        found: dict[Selector, dict[Labels, float]] = {}
        for selector in selectors(expression):
            blocks = [
                block
                for record in self._records.values()
                if (block := record.block(selector.name, start, end))
            ]
            began = max((block[0].at for block in blocks), default=inf)
            if began > start:
                return NoData(
                    reason="the pages were not read since the last analysis",
                    warming_up=True,
                    # Rounded, the moment must not lie before what was read.
                    known_from=self._moment(began) + _ROUNDED if blocks else None,
                )
            amounts = found.setdefault(selector, {})
            for block in blocks:
                for labels, amount in increases(block, selector.name, selector.accepts).items():
                    amounts[labels] = amounts.get(labels, 0.0) + amount
        value = total(expression, Grown(found))
        if isinstance(value, NoData):
            return value
        warnings = (self._told_failures(),) if self._failures else ()
        return Sample(value=value, at=self._moment(end), warnings=warnings)

    def _moment(self, seconds: float) -> datetime:
        """Give a moment on the clock of the snapshots as a moment of the day."""
        return datetime.fromtimestamp(seconds - self._started, UTC)

    async def prepare(self, query: str, interval: timedelta) -> None:
        """Begin to read what a query needs."""
        self._use(parse(query), interval)

    async def close(self) -> None:
        """Stop reading and close every connection."""
        self._closed = True
        if self._poller is not None:
            self._poller.cancel()
            await asyncio.gather(self._poller, return_exceptions=True)
        await self._connection.close()

    def _use(self, expression: Expression, interval: timedelta, *, reach: float = 1.0) -> None:
        if self._closed:
            raise ProviderUnavailable("provider scrape is closed")
        if interval <= timedelta(0):
            raise QueryError(f"interval: {interval} is no time; write at least 1s")
        for name in metric_names(expression):
            self._uses.setdefault(name, Use()).again(interval.total_seconds(), _now(), reach=reach)
        if self._poller is None or self._poller.done():
            self._poller = asyncio.create_task(self._poll(), name="scrape")

    async def _poll(self) -> None:
        """Read all targets in every period, until it is unused."""
        while active := self._active():
            await self._read(frozenset(active), freshness=0)
            await asyncio.sleep(self._period)
        for record in self._records.values():
            record.clear()

    def _active(self) -> dict[str, Use]:
        """Pick the metrics that may be asked for again."""
        now = _now()
        return {
            name: use for name, use in self._uses.items() if not use.idle(now, self._shortest_idle)
        }

    @property
    def _period(self) -> float:
        shortest = min((use.shortest for use in self._active().values()), default=0.0)
        return max(self._shortest_period, shortest / READS_AN_INTERVAL)

    async def _read(self, needed: frozenset[str], *, freshness: float) -> None:
        """Read all targets, unless all that is needed was read a moment ago."""
        asked = _now()
        async with self._round:
            # Less than nothing: another round has ended while this one waited for it.
            if asked - self._read_at < freshness and needed <= self._read_names:
                return
            names = frozenset(self._active()) | needed
            await asyncio.gather(*(self._read_target(target, names) for target in self._records))
            self._read_at, self._read_names = _now(), names

    async def _read_target(self, target: str, names: frozenset[str]) -> None:
        try:
            async with self._slots:
                answer = await self._connection.fetch(
                    target, headers={"Accept": _ACCEPT}, seconds=self._limit
                )
                at = _now()
            if answer.status != 200:
                raise ProviderUnavailable(f"{shown_address(target)} answers {answer.status}")
            series = await asyncio.to_thread(read_page, answer.body, names, shown_address(target))
        except AnalysisError as error:
            self._failures[target] = error
            return
        self._failures.pop(target, None)
        longest = max((use.longest for use in self._active().values()), default=0.0)
        self._records[target].add(
            Snapshot(at=at, series=series), spacing=self._period / 2, horizon=at - longest
        )

    def _told_failures(self) -> str:
        named = [str(self._failures[target]) for target in sorted(self._failures)][:MOST_NAMED]
        more = len(self._failures) - len(named)
        told = "; ".join(named) + (f"; and {more} more" if more else "")
        return f"{len(self._failures)} of {len(self._records)} targets cannot be read: {told}"


def _now() -> float:
    return asyncio.get_running_loop().time()
