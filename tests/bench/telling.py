"""Figures of notifications: how soon a receiver has the end of a run after it was decided."""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager

from canary.cli.following import follow
from tests.bench.figures import Figure
from tests.bench.places import Place
from tests.bench.runs import initialise, settled
from tests.bench.store import a_store
from tests.controller.running import CANARY, AnyWorld
from tests.receiver import Receiver, receiving

ENDS = {"Succeeded": "Promoted", "Failed": "RolledBack"}
"""By the phase that is decided: the reason of the alert that tells it."""
MEDIAN_SECONDS = 2.0
GAP_SECONDS = 0.2

Moments = dict[tuple[str, str], float]
"""By Canary and reason: when that was first seen."""


async def measure(place: Place, canaries: int) -> list[Figure]:
    """Have runs end, half of them rolled back; compare when it is in the status and when it is told."""
    names = [f"told-{number:03}" for number in range(canaries)]
    async with (
        a_store() as store,
        receiving() as receiver,
        place.controller(store, alerts=f"{receiver.url}/alerts"),
    ):
        await initialise(place.world, *names)
        store.bad.update(names[1::2])
        async with deciding(place.world) as decided, hearing(receiver) as told:
            for name in names:
                await place.world.release(name, "2")
                await asyncio.sleep(GAP_SECONDS)
            await settled(place.world, names[::2], "Succeeded")
            await settled(place.world, names[1::2], "Failed")
    return figures(decided, told, canaries)


def figures(decided: Moments, told: Moments, canaries: int) -> list[Figure]:
    """Compare both."""
    delays = [max(told[each] - decided[each], 0) for each in decided if each in told]
    median = statistics.median(delays)
    return [
        Figure(
            name=f"end of a run in the status to its alert at the receiver, median of {len(delays)}",
            value=f"{median * 1000:.0f} ms",
            target=f"≤ {MEDIAN_SECONDS * 1000:.0f} ms",
            reached=median <= MEDIAN_SECONDS,
        ),
        Figure(name="the longest of them", value=f"{max(delays) * 1000:.0f} ms"),
        Figure(
            name="ends of runs that were not told",
            value=str(canaries - len(delays)),
            target="0",
            reached=len(delays) == canaries,
        ),
    ]


@asynccontextmanager
async def deciding(world: AnyWorld) -> AsyncIterator[Moments]:
    """See when each Canary comes to an end, by a watch."""
    moments: Moments = {}

    async def watch() -> None:
        async for changes in follow(world.api, CANARY, world.namespace):
            for each in changes:
                reason = ENDS.get((each.manifest.get("status") or {}).get("phase", ""))
                if reason:
                    key = each.manifest["metadata"]["name"], reason
                    moments.setdefault(key, time.monotonic())

    async with background(watch()):
        yield moments


@asynccontextmanager
async def hearing(receiver: Receiver) -> AsyncIterator[Moments]:
    """See when each end is told."""
    moments: Moments = {}

    async def listen() -> None:
        count = 0
        while True:
            await receiver.received(count + 1)
            now = time.monotonic()
            for request in receiver.requests[count:]:
                key = request.document["name"], request.document["reason"]
                moments.setdefault(key, now)
            count = len(receiver.requests)

    async with background(listen()):
        yield moments


@asynccontextmanager
async def background(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Do something beside."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
