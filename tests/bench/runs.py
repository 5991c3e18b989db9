"""Figures of runs: what they ask of the API server, what they take, and how soon they act."""

import asyncio
import statistics
import time
from collections import Counter
from collections.abc import Sequence

from canary.api.kinds import POD
from tests.bench.figures import Figure, p99
from tests.bench.places import Place
from tests.bench.process import Process
from tests.bench.store import Store, a_store
from tests.controller.running import AnyWorld, until

METRIC = {
    "name": "errors",
    "query": 'errors{app="{{ target }}"}',
    "thresholdRange": {"max": 1},
}
STEPS = {"stepWeights": [20, 40, 60], "interval": "2s", "threshold": 1, "metrics": [METRIC]}
ALONE = "alone"
GAP_SECONDS = 0.1
ROLLED_BACK = 10
SETTLED_SECONDS = 300.0


async def settled(world: AnyWorld, names: Sequence[str], phase: str) -> None:
    """Wait until Canaries have reached a phase, and everything about it is told."""
    for name in names:

        async def done(name: str = name) -> bool:
            status = await world.status(name)
            return status.get("phase") == phase and not status.get("notices")

        await until(done, f"{name} is {phase}", seconds=SETTLED_SECONDS)


async def prepare(place: Place) -> None:
    """Bring a Canary to the end of a run, for others to be copied from."""
    async with a_store() as store, place.controller(store):
        await initialise(place.world, ALONE)
        await one_run(place)


async def initialise(world: AnyWorld, *names: str) -> None:
    """Create Canaries, and wait until their primaries serve."""
    for name in names:
        await world.create_app(name)
        await world.create_canary(name, analysis=STEPS)
    await settled(world, names, "Initialized")


async def measure(place: Place, canaries: int, window_seconds: float) -> list[Figure]:
    """Take all figures of runs."""
    world = place.world
    async with a_store() as store, place.controller(store) as process:
        await initialise(world, ALONE)
        run = await one_run(place)
        empty = process.memory_mib

        names = [f"app-{number:04}" for number in range(canaries)]
        began = time.monotonic()
        await initialise(world, *names)
        initialised = time.monotonic() - began
        await process.idle()
        idle = await idle_window(place, process, window_seconds)
        kept = (process.memory_mib - empty) * 1024 / canaries
        return [
            *idle,
            run,
            *await first_actions(place, process, names, "2", GAP_SECONDS),
            *await first_actions(place, process, names, "3", 0),
            await rollbacks(place, store, names[:ROLLED_BACK]),
            Figure(name=f"{canaries} Canaries initialised", value=f"{initialised:.1f} s"),
            Figure(name="memory of the controller, one Canary", value=f"{empty:.0f} MiB"),
            Figure(name="memory for each further Canary", value=f"{kept:.0f} KiB"),
            Figure(name="memory after all of this", value=f"{process.memory_mib:.0f} MiB"),
        ]


async def one_run(place: Place) -> Figure:
    """Count the requests of one run of three steps and a metric, alone in its namespace."""
    mark = place.mark
    await place.world.release(ALONE)
    await settled(place.world, [ALONE], "Succeeded")
    asked = Counter(f"{each.verb} {each.resource}" for each in place.requests(mark))
    print("  one run:", ", ".join(f"{count} {what}" for what, count in asked.most_common()))
    return Figure(
        name="one run (3 steps, 1 metric), API requests, all counted",
        value=str(asked.total()),
        target="≤ 20",
        reached=asked.total() <= 20,
    )


async def idle_window(place: Place, process: Process, seconds: float) -> list[Figure]:
    """Count requests while nothing is to be done, though pods come and go."""
    world = place.world
    pods = [pod["metadata"]["name"] for pod in await world.objects(POD)]
    pods = [name for name in pods if "-primary-" in name]
    mark, cpu, began = place.mark, process.cpu_seconds, time.monotonic()
    for name in pods[::4]:
        await world.api.delete(POD, world.namespace, name)
        await asyncio.sleep(seconds / len(pods))
    await asyncio.sleep(max(seconds - (time.monotonic() - began), 0))
    asked = [each for each in place.requests(mark) if each.verb != "watch"]
    used = (process.cpu_seconds - cpu) / (time.monotonic() - began)
    return [
        Figure(
            name="idle, API requests beside Lease renewals and watch reopenings",
            value=f"{len(asked)} in {seconds:g} s",
            target="0",
            reached=not asked,
        ),
        Figure(
            name=f"idle, while {len(pods[::4])} pods are replaced, CPU of the controller",
            value=f"{used:.1%} of a core",
        ),
    ]


async def first_actions(
    place: Place, process: Process, names: Sequence[str], tag: str, gap: float
) -> list[Figure]:
    """Measure from a change of each target to the first write about it; then let all finish."""
    world, changed = place.world, dict[str, float]()
    mark, cpu = place.mark, process.cpu_seconds
    for name in names:
        changed[name] = time.time()
        await world.release(name, tag)
        await asyncio.sleep(gap)
    await settled(world, names, "Succeeded")
    requests = place.requests(mark)
    cost = (process.cpu_seconds - cpu) * 1000 / len(names)
    written: dict[str, float] = {}
    for each in requests:
        if each.resource == "canaries" and each.verb == "patch":
            written.setdefault(each.name, each.at.timestamp())
    delays = [written[name] - changed[name] for name in names]
    median, slow = statistics.median(delays), p99(delays)
    how = "at once" if gap == 0 else f"{1 / gap:g} a second"
    # All at once is what the controller takes for all of them, and is shown for what it is.
    due = gap > 0
    return [
        Figure(
            name=f"change of the target to first action, {how}, median",
            value=f"{median * 1000:.0f} ms",
            target="≤ 500 ms" if due else "",
            reached=median <= 0.5 or not due,
        ),
        Figure(
            name=f"change of the target to first action, {how}, p99",
            value=f"{slow * 1000:.0f} ms",
            target="≤ 2000 ms" if due else "",
            reached=slow <= 2 or not due,
        ),
        Figure(name=f"a run, {how}, API requests", value=f"{len(requests) / len(names):.1f}"),
        Figure(
            name=f"a run, {how}, CPU of the controller",
            value=f"{cost:.0f} ms",
            target="≤ 40 ms",
            reached=cost <= 40,
        ),
    ]


async def rollbacks(place: Place, store: Store, names: Sequence[str]) -> Figure:
    """Measure from the answer that fails a check at the threshold to the route's way back."""
    delays = [await rollback(place, store, name) for name in names]
    median = statistics.median(delays)
    return Figure(
        name=f"failing check at the threshold to the route written, median of {len(names)}",
        value=f"{median * 1000:.0f} ms",
        target="≤ 500 ms",
        reached=median <= 0.5,
    )


async def rollback(place: Place, store: Store, name: str) -> float:
    """Let a run fail; give the seconds from the answer to the write."""
    world = place.world
    await world.release(name, tag="4")

    async def steps() -> bool:
        return await world.weight(name) == 20

    await until(steps, f"{name} has traffic", seconds=SETTLED_SECONDS)
    mark, answered = place.mark, len(store.answers)
    store.bad.add(name)
    await settled(world, [name], "Failed")
    store.bad.discard(name)
    failed = next(at for app, at in store.answers[answered:] if app == name)
    back = next(
        each.at.timestamp()
        for each in place.requests(mark)
        if (each.resource, each.name) == ("virtualservices", name)
        and each.at.timestamp() >= failed - GAP_SECONDS
    )
    return back - failed
