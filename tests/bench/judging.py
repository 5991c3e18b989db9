"""Figures of the analysis: what a judgement costs, and how many queries one process puts to a store.

The store answers at once and is a process of its own. Each figure is the best of several rounds:
whatever else the machine does makes one slower, and nothing makes it faster. A controller has one
core at the most, so what it puts in a second of CPU is what it can put in a second.
"""

import asyncio
import json
import random
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
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
    return [
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
            name=f"queries against one Prometheus, {AT_ONCE} at once, for each second of CPU",
            value=f"{1 / cpu:.0f}",
            target=f"≥ {QUERIES_A_SECOND:g}",
            reached=1 / cpu >= QUERIES_A_SECOND,
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
            return min([await one_round(providers, spec) for _ in range(ROUNDS)])
    finally:
        await stop_program(process, grace_seconds=5)


async def one_round(providers: Providers, spec: ProviderSpec) -> float:
    slots = asyncio.Semaphore(AT_ONCE)

    async def ask(number: int) -> None:
        metric = Metric(
            name="metric",
            asks=(Ask(query=f'sum(rate(requests{{app="{number}"}}[1m]))'),),
            provider=spec,
            interval=MINUTE,
            threshold_range=Bounds(),
        )
        async with slots:
            outcome = await providers.ask(metric, datetime.now(UTC))
        assert isinstance(outcome, Sample), outcome

    used = time.process_time()
    await asyncio.gather(*(ask(number) for number in range(QUERIES)))
    return (time.process_time() - used) / QUERIES
