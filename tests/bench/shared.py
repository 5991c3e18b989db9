"""Figures of a fleet in runs that replicas share: how late analyses are, and that none is made twice."""

import asyncio
import time
from collections import Counter
from contextlib import AsyncExitStack

from canary.controller.controller import STARTS_PER_SECOND
from tests.bench.figures import Figure, p99
from tests.bench.fleet import a_server
from tests.bench.fleets import CROWDED, copy_spread, due_at, due_moments, on_its_way
from tests.bench.process import a_controller
from tests.bench.store import a_store
from tests.controller.running import World

REPLICAS = 3
INTERVALS = 2
SHARING_SECONDS = 60.0
"""Replicas have agreed by then on who acts on what."""


async def measure(world: World, count: int, interval_seconds: float) -> list[Figure]:
    """Have replicas analyse Canaries whose analyses are spread evenly over an interval."""
    begin = SHARING_SECONDS + count / STARTS_PER_SECOND / REPLICAS
    async with a_store() as store:
        fleet = await on_its_way(world, store, interval=f"{interval_seconds:g}s")
        async with (
            a_server(world.directory) as (server, kubeconfig),
            AsyncExitStack() as stack,
        ):
            processes = [
                await stack.enter_async_context(
                    a_controller(
                        kubeconfig,
                        store,
                        *(*CROWDED, "--shards", "auto"),
                        log=world.directory / f"replica-{number}.log",
                    )
                )
                for number in range(REPLICAS)
            ]
            store.answers.clear()
            first = time.time() + begin
            copy_spread(
                fleet, server, count, interval_seconds=interval_seconds, begin_seconds=begin
            )
            for each in processes:
                await each.ready()
            await asyncio.sleep(max(first - time.time(), 0))
            cpu = sum(each.cpu_seconds for each in processes)
            began = time.time()
            await asyncio.sleep(INTERVALS * interval_seconds)
            ended, cpu = time.time(), sum(each.cpu_seconds for each in processes) - cpu
        due = due_moments(server)
    seen = [(app, due_at(due[app], at), at) for app, at in store.answers if began <= at < ended]
    late, made = p99([at - moment for _, moment, at in seen]), len(seen)
    often = Counter((app, moment) for app, moment, _ in seen)
    twice, asked = sum(each > 1 for each in often.values()), count * INTERVALS
    what = f"{count} Canaries in runs over {REPLICAS} replicas, interval {interval_seconds:g} s"
    return [
        Figure(
            name=f"{what}: analyses in {INTERVALS * interval_seconds:g} s",
            value=f"{made} of {asked}",
            target=f"≥ {0.95 * asked:.0f}",
            reached=made >= 0.95 * asked,
        ),
        Figure(
            name=f"{what}: lateness of an analysis, p99",
            value=f"{late * 1000:.0f} ms",
            target="≤ 1000 ms",
            reached=late <= 1,
        ),
        Figure(
            name=f"{what}: analyses that were made twice",
            value=str(twice),
            target="0",
            reached=not twice,
        ),
        Figure(
            name=f"{what}: Canaries that were analysed",
            value=f"{len({app for app, _, _ in seen})} of {count}",
            target=str(count),
            reached=len({app for app, _, _ in seen}) == count,
        ),
        Figure(name=f"{what}: CPU for each", value=f"{cpu * 1000 / max(made, 1):.1f} ms"),
    ]
