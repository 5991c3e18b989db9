"""Figures of a Monday morning: many releases at once, of which a policy lets few run at a time."""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from canary.cli.following import follow
from canary.controller.policies import DELIVERY_POLICY
from tests.bench.figures import Figure
from tests.bench.places import Place
from tests.bench.runs import STEPS, settled
from tests.bench.store import a_store
from tests.bench.telling import background
from tests.controller.running import CANARY, AnyWorld, until
from tests.controller.test_policies import a_policy

MOST = 20
PRIORITIES = 5
DRAINED_SECONDS = 1800.0
_UNDER_WAY = {"Progressing", "WaitingPromotion", "Promoting", "Finalising"}


class Line:
    """What one watch shows of who runs."""

    def __init__(self) -> None:
        self.phases: dict[str, str] = {}
        self.begun: list[str] = []
        """Who has begun, the first one first."""
        self.most = 0
        """How many were under way at once at the most."""

    async def follow(self, world: AnyWorld) -> None:
        """Follow the Canaries of a world."""
        async for changes in follow(world.api, CANARY, world.namespace):
            for each in changes:
                self._see(each.manifest)

    def _see(self, manifest: Mapping[str, Any]) -> None:
        name, phase = manifest["metadata"]["name"], manifest.get("status", {}).get("phase", "")
        if phase in _UNDER_WAY and self.phases.get(name) not in _UNDER_WAY:
            self.begun.append(name)
        self.phases[name] = phase
        self.most = max(self.most, sum(each in _UNDER_WAY for each in self.phases.values()))

    def waiting(self) -> int:
        """Count those that wait to begin."""
        return self._count("Waiting")

    def promoted(self) -> int:
        """Count those whose run has ended well."""
        return self._count("Succeeded")

    def _count(self, phase: str) -> int:
        return sum(each == phase for each in self.phases.values())


@asynccontextmanager
async def watched(world: AnyWorld) -> AsyncIterator[Line]:
    """Watch who runs."""
    line = Line()
    async with background(line.follow(world)):
        yield line


async def measure(place: Place, count: int) -> list[Figure]:
    """Release many apps while a policy is stopped, let it go, and see them go through one by one."""
    world = place.world
    priorities = {f"queued-{number:04}": number % PRIORITIES for number in range(count)}
    async with a_store() as store, place.controller(store) as process, watched(world) as line:
        for name, priority in priorities.items():
            await world.create_app(name)
            await world.create_canary(name, analysis=STEPS, priority=priority)
        await settled(world, [*priorities], "Initialized")
        policy = a_policy(world.namespace, "monday", maxConcurrent=MOST, stop={"reason": "Sunday"})
        await world.api.create(policy, DELIVERY_POLICY)
        for name in priorities:
            await world.release(name)
        await until(lambda: line.waiting() == count, "all wait", seconds=DRAINED_SECONDS)
        began, mark, cpu = time.monotonic(), place.mark, process.cpu_seconds
        await world.api.merge_patch(
            DELIVERY_POLICY, world.namespace, "monday", {"spec": {"stop": None}}
        )
        await until(lambda: line.promoted() == count, "all are promoted", seconds=DRAINED_SECONDS)
        took, cpu = time.monotonic() - began, process.cpu_seconds - cpu
        asked = len(place.requests(mark))
    # Those that are let go together begin in any order.
    overtaken = sum(
        priorities[each] > min(priorities[before] for before in line.begun[: number - MOST + 1])
        for number, each in enumerate(line.begun)
        if number >= MOST
    )
    what = f"{count} releases at once, {MOST} at a time"
    return [
        Figure(
            name=f"{what}: under way at the most",
            value=str(line.most),
            target=f"{MOST}",
            reached=line.most == min(MOST, count),
        ),
        Figure(
            name=f"{what}: overtaken by one of a lower priority",
            value=str(overtaken),
            target="0",
            reached=not overtaken and len(line.begun) == count,
        ),
        Figure(name=f"{what}: until the last is promoted", value=f"{took:.0f} s"),
        Figure(name=f"{what}: a run, API requests", value=f"{asked / count:.1f}"),
        Figure(name=f"{what}: a run, CPU of the controller", value=f"{cpu * 1000 / count:.0f} ms"),
    ]
