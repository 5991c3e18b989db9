"""Figures of the analysis: what a judgement costs, and how many queries one process puts to a store.

One store answers at once, the other is Prometheus itself, where it has been fetched or built; each
is a process of its own. Each figure is the best of several rounds: whatever else the machine does
makes one slower, and nothing makes it faster. A controller has one core at the most, so what it puts
in a second of CPU is what it can put in a second.
"""

import asyncio
import json
import random
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from analysis.asking import Providers
from analysis.judging import judged, posed
from analysis.model import (
    SIDES,
    Ask,
    Bounds,
    Memory,
    Metric,
    NoDataPolicy,
    Outcome,
    ProviderSpec,
    Sample,
    Signal,
)
from tests.bench.figures import Figure
from tests.controller.running import until
from tests.proofs.test_stores import NOW as RECORDED
from tests.proofs.test_stores import a_prometheus
from tests.testbed.build import found_programs
from tidegate_embedded.process import start_program, stop_program

METRICS, LOOKS, ROUNDS = 5, 60, 20
QUERIES, AT_ONCE = 500, 100
JUDGING_MS, QUERIES_A_SECOND, STATUS_BYTES = 1.0, 500.0, 4096
NOW = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
START_SECONDS = 60


async def measure(directory: Path) -> list[Figure]:
    """Judge the looks of a run, and put many queries."""
    rounds = [looks(number) for number in range(ROUNDS)]
    milliseconds = min(each for each, _ in rounds)
    size = max(each for _, each in rounds)
    cpu = await asked(directory)
    figures = [
        Figure(
            name=f"judging {METRICS} metrics that are counted, CPU without the query",
            value=f"{milliseconds:.2f} ms",
            target=f"≤ {JUDGING_MS:g} ms",
            reached=milliseconds <= JUDGING_MS,
        ),
        Figure(
            name=f"status of {METRICS} metrics by their judge, at most",
            value=f"{size / 1024:.1f} KiB",
            target=f"≤ {STATUS_BYTES // 1024} KiB",
            reached=size <= STATUS_BYTES,
        ),
        Figure(
            name=f"queries against a store that answers at once, {AT_ONCE} at once, for each second of CPU",
            value=f"{1 / cpu:.0f}",
            target=f"≥ {QUERIES_A_SECOND:g}",
            reached=1 / cpu >= QUERIES_A_SECOND,
        ),
    ]
    if found_programs(("prometheus", "promtool")) is None:
        return figures
    cpu, seconds = await asked_of_prometheus(directory)
    return [
        *figures,
        Figure(
            name=f"queries against one Prometheus, {AT_ONCE} at once, for each second of CPU",
            value=f"{1 / cpu:.0f}",
            target=f"≥ {QUERIES_A_SECOND:g}",
            reached=1 / cpu >= QUERIES_A_SECOND,
        ),
        Figure(
            name="the same for each second, with Prometheus on the same cores",
            value=f"{1 / seconds:.0f}",
        ),
    ]


def looks(seed: int) -> tuple[float, int]:
    """Judge look after look; give the CPU of one in milliseconds, and how many bytes a status gets."""
    chance, metrics = random.Random(seed), [counted(number) for number in range(METRICS)]
    memories: Mapping[str, Memory] = {}
    spent, size = 0.0, 0
    for number in range(LOOKS):
        at = NOW + number * MINUTE
        begun = time.process_time()
        asking = posed(metrics, at, memories)
        spent += time.process_time() - begun
        answers = [both_sides(metric, at, chance) for metric in asking]
        begun = time.process_time()
        report = judged(asking, answers, memories)
        spent += time.process_time() - begun
        memories = report.memories
        texts = [each.message for each in report.checks]
        size = max(size, len(json.dumps([dict(memories), texts])))
    return 1000 * spent / LOOKS, size


def counted(number: int) -> Metric:
    """Give a metric that is judged by counts."""
    asks = (
        Ask(query=f"increase({arm}_{signal})", arm=arm, signal=signal)
        for arm in SIDES
        for signal in (Signal.REQUESTS, Signal.BAD)
    )
    return Metric(
        name=f"metric-{number}",
        asks=tuple(asks),
        provider=ProviderSpec(type="prometheus"),
        interval=MINUTE,
        threshold_range=Bounds(min=99),
        judge="sequential",
        peers=METRICS,
        on_inconclusive=NoDataPolicy.HOLD,
    )


def both_sides(metric: Metric, at: datetime, chance: random.Random) -> dict[Ask, Outcome]:
    """Answer as for a canary of a tenth, both sides failing once in 200 requests."""
    values = (60, chance.random() < 0.3, 600, chance.randint(0, 6))
    return {
        ask: Sample(value=float(value), at=at)
        for ask, value in zip(metric.asks, values, strict=True)
    }


async def asked(directory: Path) -> float:
    """Put queries; give the CPU of one, in seconds."""
    log = directory / "store.log"
    process = await start_program(Path(sys.executable), "-m", "tests.bench.store", log=log)
    try:
        await until(lambda: "http" in log.read_text(), "the store answers", seconds=START_SECONDS)
        spec = ProviderSpec(type="prometheus", address=log.read_text().strip())
        async with Providers() as providers:
            # What was asked a moment ago is not asked again, so each round has apps of its own.
            apps = [partial(of_an_app, number) for number in range(ROUNDS)]
            rounds = [await one_round(providers, spec, each, None) for each in apps]
            return min(cpu for cpu, _ in rounds)
    finally:
        await stop_program(process, grace_seconds=5)


async def asked_of_prometheus(directory: Path) -> tuple[float, float]:
    """Put queries to Prometheus; give the CPU of one, and how long one took, in seconds."""
    async with a_prometheus(directory) as address, Providers() as providers:
        spec = ProviderSpec(type="prometheus", address=address)
        # What was asked about a moment is not asked again, so each round has a moment of its own.
        moments = [RECORDED - number * timedelta(seconds=10) for number in range(ROUNDS)]
        rounds = [await one_round(providers, spec, of_a_counter, each) for each in moments]
    return min(cpu for cpu, _ in rounds), min(seconds for _, seconds in rounds)


def of_an_app(number_of_round: int, number: int) -> str:
    """Ask about an app of its own."""
    return f'sum(rate(requests{{app="{number_of_round}-{number}"}}[1m]))'


def of_a_counter(number: int) -> str:
    """Ask what no other asks, of a counter that there is."""
    return f'sum(rate(rq{{app="shop"}}[5m])) + {number}'


async def one_round(
    providers: Providers, spec: ProviderSpec, query: Callable[[int], str], at: datetime | None
) -> tuple[float, float]:
    """Put queries, about a moment or now; give the CPU of one, and how long one took."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def ask(number: int) -> None:
        metric = Metric(
            name="metric",
            asks=(Ask(query=query(number)),),
            provider=spec,
            interval=MINUTE,
            threshold_range=Bounds(),
        )
        async with slots:
            outcome = await providers.ask(metric, at or datetime.now(UTC))
        assert isinstance(outcome, Sample), outcome

    used, begun = time.process_time(), time.perf_counter()
    await asyncio.gather(*(ask(number) for number in range(QUERIES)))
    cpu, seconds = time.process_time() - used, time.perf_counter() - begun
    return cpu / QUERIES, seconds / QUERIES
