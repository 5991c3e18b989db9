"""Let canaries come, be released and go for an hour, and judge whether the memory stays flat.

    make bench BENCH_ARGS="--parts soak --minutes 60 --write"

The controller is a process of its own, in the embedded world, behind a proxy that makes trouble, and
beside a tenant whose queries are never answered; its memory is read every minute.
"""

import asyncio
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from canary.demo.embedded import NAMESPACE
from canary.demo.manifests import namespace
from tests.bench.figures import Figure
from tests.bench.fleets import copy_spread, on_its_way
from tests.bench.lives import Churn, Lives, seeing
from tests.bench.process import Process, a_controller
from tests.bench.store import Store, a_store
from tests.bench.telling import background
from tests.bench.troubles import trouble
from tests.controller.faults import Proxy, proxied
from tests.controller.running import World, until
from tidegate_embedded.apiserver.audit import RequestCounter

FLAT = 0.05
"""Memory is flat when its median rises by at most so much."""
LEAST_SAMPLES = 20
SAMPLED_SECONDS = 60.0
TOLD_SECONDS = 300.0
"""What was to be told has been by then."""
HOSTILE = "hostile"
PATIENCE = timedelta(days=1)
"""How long the runs of the hostile tenant are held for want of a verdict."""


@dataclass(frozen=True, kw_only=True)
class Soak:
    """What is asked for."""

    minutes: float
    canaries: int
    hostile: int
    runs_a_minute: float
    seed: int = 1

    @property
    def pause_seconds(self) -> float:
        """How long a canary rests between its runs, on average."""
        return self.canaries * 60 / self.runs_a_minute

    @property
    def every_seconds(self) -> float:
        """How often the controller is looked at."""
        return min(SAMPLED_SECONDS, self.minutes * 60 / LEAST_SAMPLES)


@dataclass(frozen=True, kw_only=True)
class Sample:
    """The controller after some time."""

    minutes: float
    memory_mib: float
    cpu_seconds: float
    requests: int
    runs: int


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether memory is flat: medians of the first and the last quarter after the warm-up."""

    first_mib: float
    last_mib: float

    @property
    def growth(self) -> float:
        return self.last_mib / self.first_mib - 1

    @property
    def flat(self) -> bool:
        return self.growth <= FLAT


async def measure(directory: Path, asked: Soak) -> list[Figure]:
    """Let canaries live for so long."""
    churn, troubles = Churn(), Counter[str]()
    async with (
        World(directory) as world,
        a_store() as store,
        proxied(world.server.url) as proxy,
    ):
        await put_hostile(world, store, asked.hostile)
        controller = a_controller(
            world.kubeconfig_by(proxy.url),
            store,
            *("--egress-allow", "127.0.0.0/8"),
            drain="1s",
            log=directory / "tidegate.log",
            alerts=f"{store.url}/alerts",
        )
        async with controller as process, seeing(world) as seen:
            lives = Lives(world, store, seen, churn, asked.seed)
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(lives.live(asked.pause_seconds))
                    for _ in range(asked.canaries)
                ]
                await all_begun(lives, churn, asked.canaries)
                async with background(trouble(proxy, store, asked.seed, troubles)):
                    samples = await sampled(world, process, churn, asked)
                for task in tasks:
                    task.cancel()
            calm(proxy, store)
            await told(churn, store)
    for each in churn.stuck:
        print(f"stuck: {each}")
    return figures(samples, churn, troubles, churn.lost(store.told))


async def put_hostile(world: World, store: Store, count: int) -> None:
    """Have another tenant's canaries run for ever, whose queries hang."""
    fleet = await on_its_way(world, store, holdTimeout=f"{PATIENCE.total_seconds():g}s")
    await world.api.create(namespace(HOSTILE), NAMESPACE)
    store.hanging |= {*copy_spread(fleet, world.server, count, namespace=HOSTILE)}


async def all_begun(lives: Lives, churn: Churn, count: int) -> None:
    """Wait until all are there for the first time: until then memory grows, as it must."""
    while lives.begun + len(churn.stuck) < count:
        print(f"{lives.begun} of {count} canaries are there", flush=True)
        await asyncio.sleep(10)


def calm(proxy: Proxy, store: Store) -> None:
    """Take every trouble back."""
    proxy.relent()
    store.down = False


async def told(churn: Churn, store: Store) -> None:
    """Wait until every end has been told, or nothing more will be."""

    def all_told() -> bool:
        return not churn.lost(store.told)

    try:
        await until(all_told, "every end is told", seconds=TOLD_SECONDS)
    except AssertionError as error:
        print(error)
        for (name, outcome), count in churn.ended.items():
            if count > store.told[name, outcome]:
                print(f"{name}: {count} {outcome}, {store.told[name, outcome]} told")


def asked_of(counter: RequestCounter) -> int:
    """Count what the controller has asked, beside Lease renewals."""
    return counter.count(user_agent="tidegate/")


async def sampled(world: World, process: Process, churn: Churn, asked: Soak) -> list[Sample]:
    """Sample the controller for so long."""
    began, cpu = time.monotonic(), process.cpu_seconds
    requests, runs = asked_of(world.server.requests), churn.outcomes.total()
    samples: list[Sample] = []
    while (passed := time.monotonic() - began) < asked.minutes * 60:
        await asyncio.sleep(min(asked.every_seconds, asked.minutes * 60 - passed))
        sample = Sample(
            minutes=(time.monotonic() - began) / 60,
            memory_mib=process.memory_mib,
            cpu_seconds=process.cpu_seconds - cpu,
            requests=asked_of(world.server.requests) - requests,
            runs=churn.outcomes.total() - runs,
        )
        samples.append(sample)
        print(
            f"{sample.minutes:6.1f} min  {sample.memory_mib:6.1f} MiB  "
            f"{sample.cpu_seconds:7.1f} s CPU  {sample.requests:7} requests  "
            f"{sample.runs:5} runs  {churn.lives:5} lives  {len(churn.stuck)} stuck",
            flush=True,
        )
    return samples


def judged(memory_mib: Sequence[float]) -> Verdict:
    """Judge samples, of which the first tenth is the warm-up."""
    if len(memory_mib) < 8:
        raise ValueError(f"{len(memory_mib)} samples are too few to judge; take 8 or more")
    warm = memory_mib[len(memory_mib) // 10 :]
    quarter = max(len(warm) // 4, 1)
    return Verdict(
        first_mib=statistics.median(warm[:quarter]), last_mib=statistics.median(warm[-quarter:])
    )


def figures(
    samples: Sequence[Sample], churn: Churn, troubles: Counter[str], lost: int
) -> list[Figure]:
    """Give the figures."""
    last, verdict = samples[-1], judged([each.memory_mib for each in samples])
    cpu = last.cpu_seconds / (last.minutes * 60)
    return [
        Figure(name="time after the first of all have begun", value=f"{last.minutes:.0f} min"),
        Figure(name="canaries created and deleted", value=str(churn.lives)),
        Figure(name="runs by outcome", value=_counted(churn.outcomes)),
        Figure(name="troubles", value=_counted(troubles) or "none"),
        Figure(
            name="canaries that were stuck",
            value=str(len(churn.stuck)),
            target="0",
            reached=not churn.stuck,
        ),
        Figure(
            name="ends of runs that were not told",
            value=f"{lost} of {churn.ended.total()}",
            target="0",
            reached=not lost,
        ),
        Figure(name="memory, first quarter, median", value=f"{verdict.first_mib:.1f} MiB"),
        Figure(name="memory, last quarter, median", value=f"{verdict.last_mib:.1f} MiB"),
        Figure(
            name="growth of memory",
            value=f"{verdict.growth:+.1%}",
            target=f"≤ {FLAT:.0%}",
            reached=verdict.flat,
        ),
        Figure(
            name="API requests a run, with the life and death of canaries",
            value=f"{last.requests / max(last.runs, 1):.1f}",
        ),
        Figure(name="CPU of the controller", value=f"{cpu:.1%} of a core"),
    ]


def _counted(what: Counter[str]) -> str:
    return ", ".join(f"{count} {each}" for each, count in what.most_common())
