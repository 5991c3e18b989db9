"""Let canaries come, be released and go for an hour, and judge whether the memory stays flat.

    python -m tests.bench.soak --minutes 60 --write

The controller is a process of its own, in the embedded world; its memory is read every minute.
"""

import argparse
import asyncio
import itertools
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from canary.api.kinds import DEPLOYMENT
from canary.demo.manifests import NAMESPACE
from canary.errors import NotFound
from tests.bench.figures import Figure, machine, table, write_section
from tests.bench.process import Process, a_controller
from tests.bench.store import Store, a_store
from tests.controller.running import CANARY, World
from tidegate_embedded.apiserver.audit import RequestCounter

FLAT = 0.10
"""Memory is flat when its median rises by at most so much."""
POLL_SECONDS = 1.0
STUCK_SECONDS = 300.0
"""A canary that has not come to an end after so long will not."""


@dataclass(kw_only=True)
class Churn:
    """What has happened so far."""

    outcomes: Counter[str] = field(default_factory=Counter)
    lives: int = 0
    stuck: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Sample:
    """The controller after some time."""

    minutes: float
    memory_mib: float
    cpu_seconds: float
    requests: int
    runs: int


class Lives:
    """Canaries one after the other, each under a name of its own."""

    def __init__(self, world: World, store: Store, churn: Churn, seed: int) -> None:
        self._world = world
        self._store = store
        self._churn = churn
        self._random = random.Random(seed)
        self._names: Iterator[str] = (f"app-{number:05}" for number in itertools.count())

    async def live(self, pause_seconds: float) -> None:
        """Create, release, change and delete canaries without an end."""
        while True:
            name = next(self._names)
            try:
                async with asyncio.timeout(STUCK_SECONDS):
                    await self._life(name, pause_seconds)
                self._churn.lives += 1
            except TimeoutError:
                self._churn.stuck.append(f"{name}: {dict(await self._status(name) or {})}")

    async def _life(self, name: str, pause_seconds: float) -> None:
        world, draw = self._world, self._random
        await world.create_app(name)
        await world.create_canary(name, analysis=self._analysis(name))
        await self._reached(name, "Initialized")
        for tag in range(2, 2 + draw.randint(2, 5)):
            await asyncio.sleep(draw.uniform(0, 2 * pause_seconds))
            match draw.choice(("good", "good", "bad", "crashing", "changed", "superseded")):
                case "good":
                    await world.release(name, str(tag))
                case "bad":
                    self._store.bad.add(name)
                    await world.release(name, str(tag))
                case "crashing":
                    await world.release(name, draw.choice(("crash-loop", "oom", "image-pull")))
                case "changed":
                    steps = sorted(draw.sample(range(5, 96), 3))
                    await world.patch(CANARY, name, {"spec": {"analysis": {"stepWeights": steps}}})
                    await world.release(name, str(tag))
                case "superseded":
                    await world.release(name, f"{tag}-early")
                    await asyncio.sleep(draw.uniform(0, 3))
                    await world.release(name, str(tag))
            await self._ended(name)
            self._store.bad.discard(name)
        # A deletion waits until the target can take its traffic back.
        await world.release(name, "last")
        await self._ended(name)
        await world.api.delete(CANARY, NAMESPACE, name)
        await self._gone(name)
        await world.api.delete(DEPLOYMENT, NAMESPACE, name)

    def _analysis(self, name: str) -> Mapping[str, Any]:
        metric = {
            "name": "errors",
            "query": f'errors{{app="{name}"}}',
            "thresholdRange": {"max": 1},
        }
        hooks = [
            {"type": "event", "name": "told", "url": f"{self._store.url}/hook/event"},
            {"type": "rollout", "name": "check", "url": f"{self._store.url}/hook/rollout"},
        ]
        return {
            "stepWeights": [20, 40, 60],
            "interval": "1s",
            "threshold": 1,
            "metrics": [metric],
            "webhooks": hooks,
        }

    async def _reached(self, name: str, *phases: str) -> Mapping[str, Any]:
        while True:
            status = await self._status(name) or {}
            if status.get("phase") in phases:
                return status
            await asyncio.sleep(POLL_SECONDS)

    async def _gone(self, name: str) -> None:
        while await self._status(name) is not None:  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(POLL_SECONDS)

    async def _ended(self, name: str) -> None:
        """Wait until the newest revision has come to an end."""
        await asyncio.sleep(POLL_SECONDS)
        status = await self._reached(name, "Succeeded", "Failed")
        for run in (status.get("history") or ())[:1]:
            self._churn.outcomes[run["outcome"]] += 1

    async def _status(self, name: str) -> Mapping[str, Any] | None:
        try:
            return await self._world.status(name)
        except NotFound:
            return None


def asked(counter: RequestCounter) -> int:
    """Count what the controller has asked, beside Lease renewals."""
    return counter.count(user_agent="tidegate/")


async def sampled(
    world: World, process: Process, churn: Churn, minutes: float, every_seconds: float
) -> list[Sample]:
    """Sample the controller for so long."""
    began = time.monotonic()
    samples: list[Sample] = []
    while (passed := time.monotonic() - began) < minutes * 60:
        await asyncio.sleep(min(every_seconds, minutes * 60 - passed))
        sample = Sample(
            minutes=(time.monotonic() - began) / 60,
            memory_mib=process.memory_mib,
            cpu_seconds=process.cpu_seconds,
            requests=asked(world.server.requests),
            runs=churn.outcomes.total(),
        )
        samples.append(sample)
        print(
            f"{sample.minutes:6.1f} min  {sample.memory_mib:6.1f} MiB  "
            f"{sample.cpu_seconds:7.1f} s CPU  {sample.requests:7} requests  "
            f"{sample.runs:5} runs  {churn.lives:5} lives  {len(churn.stuck)} stuck",
            flush=True,
        )
    return samples


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


def judged(memory_mib: list[float]) -> Verdict:
    """Judge samples, of which the first tenth is the warm-up."""
    if len(memory_mib) < 8:
        raise ValueError(f"{len(memory_mib)} samples are too few to judge; take 8 or more")
    warm = memory_mib[len(memory_mib) // 10 :]
    quarter = max(len(warm) // 4, 1)
    return Verdict(
        first_mib=statistics.median(warm[:quarter]), last_mib=statistics.median(warm[-quarter:])
    )


def figures(samples: list[Sample], churn: Churn, verdict: Verdict) -> list[Figure]:
    """Give the figures."""
    last = samples[-1]
    outcomes = ", ".join(f"{count} {what}" for what, count in churn.outcomes.most_common())
    cpu = last.cpu_seconds / (last.minutes * 60)
    return [
        Figure(name="canaries created and deleted", value=str(churn.lives)),
        Figure(name="runs by outcome", value=outcomes),
        Figure(
            name="canaries that came to no end",
            value=str(len(churn.stuck)),
            target="0",
            reached=not churn.stuck,
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


async def soak(options: argparse.Namespace) -> int:
    """Let canaries live for so long; give the exit code."""
    churn = Churn()
    with tempfile.TemporaryDirectory(prefix="tidegate-soak-") as directory:
        log = Path(options.log or f"{directory}/tidegate.log")
        async with (
            World(Path(directory)) as world,
            a_store() as store,
            a_controller(world.kubeconfig, store, drain="1s", log=log) as process,
        ):
            lives = Lives(world, store, churn, options.seed)
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(lives.live(options.pause)) for _ in range(options.canaries)
                ]
                samples = await sampled(world, process, churn, options.minutes, options.every)
                for task in tasks:
                    task.cancel()
    for each in churn.stuck:
        print(f"stuck: {each}")
    result = figures(samples, churn, judged([sample.memory_mib for sample in samples]))
    text = f"Measured for {options.minutes:g} minutes on {machine()}.\n\n{table(result)}"
    print(f"\n{text}")
    if options.write:
        write_section("soak", text)
    return 0 if all(each.reached for each in result) else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--every", type=float, default=60.0, help="seconds between samples")
    parser.add_argument("--canaries", type=int, default=10, help="how many there are at once")
    parser.add_argument(
        "--pause", type=float, default=10.0, help="seconds between runs, on average"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log", help="keep the controller's log in this file")
    parser.add_argument("--write", action="store_true", help="update docs/benchmarks.md")
    sys.exit(asyncio.run(soak(parser.parse_args())))
