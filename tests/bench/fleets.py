"""Figures of fleets: many Canaries that rest, and many that are all in a run.

They are copies in an API server that nothing else acts in.
"""

import asyncio
import time
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from canary.api.kinds import Manifest
from canary.cluster.cluster import Cluster
from canary.controller.controller import STARTS_PER_SECOND
from canary.controller.policies import DELIVERY_POLICY
from tests.bench.figures import Figure, p99
from tests.bench.fleet import Fleet, a_server
from tests.bench.places import USER_AGENT
from tests.bench.process import a_controller
from tests.bench.runs import ALONE, METRIC, settled
from tests.bench.store import Store, a_store
from tests.controller.running import DEMO, World, until
from tests.controller.test_policies import a_policy
from tidegate_embedded.apiserver import EmbeddedApiServer
from tidegate_embedded.apiserver.storage import Event

INTERVAL_SECONDS = 10
MEMORY_MIB = {100: 100, 1000: 115, 5000: 200, 10_000: 300}
PAGE_MIB, PAGE_SECONDS = {10_000: 4}, {10_000: 0.05}
_SAMPLED_SECONDS = 0.02
CROWDED = (
    *("--qps", "1000", "--burst", "1000"),
    # Held for longer than an interval, it is to go on as the one that acts.
    *("--lease-duration", "60s", "--lease-renew-deadline", "40s"),
)
FIRST_WEIGHT = 2
OTHERS = 10
LEAST_LATENESS_SECONDS = 0.1
LONG_RUN = {
    "stepWeights": list(range(FIRST_WEIGHT, 99, 2)),
    "interval": f"{INTERVAL_SECONDS}s",
    "threshold": 1,
    "metrics": [METRIC],
}


async def at_rest(world: World, count: int, window_seconds: float) -> list[Figure]:
    """Start with Canaries that have nothing to do, and leave them alone for a while."""
    fleet = Fleet(world, ALONE)
    async with a_store() as store, a_server(world.directory) as (server, kubeconfig):
        for number in range(count):
            fleet.copy(server, number)
        server.storage.forget_history()
        began = time.monotonic()
        async with a_controller(kubeconfig, store) as process:
            await process.ready()
            ready = time.monotonic() - began
            await process.idle()
            memory, mark, cpu = process.memory_mib, len(server.audit), process.cpu_seconds
            burst = busiest_second(server)
            await asyncio.sleep(window_seconds)
            idle = [
                each
                for each in server.audit[mark:]
                if each.user_agent.startswith(USER_AGENT)
                and each.resource != "leases"
                and each.verb != "watch"
            ]
            used = (process.cpu_seconds - cpu) * 1000 / count / (window_seconds / INTERVAL_SECONDS)
            await process.page_of_metrics()
            page_mib, sent_mib, page_seconds = await process.page_of_metrics()
    limit = MEMORY_MIB.get(count)
    most_mib, most_seconds = PAGE_MIB.get(count), PAGE_SECONDS.get(count)
    return [
        Figure(
            name=f"memory at {count} Canaries at rest",
            value=f"{memory:.0f} MiB",
            target=f"≤ {limit} MiB" if limit else "",
            reached=limit is None or memory <= limit,
        ),
        Figure(
            name=f"start with {count} Canaries at rest, to ready",
            value=f"{ready:.1f} s",
            target="≤ 30 s",
            reached=ready <= 30,
        ),
        Figure(
            name=f"start with {count} Canaries at rest, requests in a second beside lists",
            value=str(burst),
            target="≤ 50",
            reached=burst <= 50,
        ),
        Figure(
            name=f"{count} Canaries at rest, API requests",
            value=f"{len(idle)} in {window_seconds:g} s",
            target="0",
            reached=not idle,
        ),
        Figure(
            name=f"{count} Canaries at rest, CPU for each and 10 s",
            value=f"{used:.3f} ms",
            target="≤ 0.1 ms",
            reached=used <= 0.1,
        ),
        Figure(
            name=f"{count} Canaries at rest, the page of metrics",
            value=f"{page_mib:.1f} MiB",
            target=f"≤ {most_mib} MiB" if most_mib else "",
            reached=most_mib is None or page_mib <= most_mib,
        ),
        Figure(
            name=f"{count} Canaries at rest, the page of metrics as it is sent to Prometheus",
            value=f"{sent_mib:.2f} MiB",
        ),
        Figure(
            name=f"{count} Canaries at rest, CPU for the page of metrics",
            value=f"{page_seconds * 1000:.0f} ms",
            target=f"≤ {most_seconds * 1000:.0f} ms" if most_seconds else "",
            reached=most_seconds is None or page_seconds <= most_seconds,
        ),
    ]


def busiest_second(server: EmbeddedApiServer) -> int:
    """Count the requests of the second that had the most, beside lists and watches."""
    each_second = Counter(
        int(each.at.timestamp())
        for each in server.audit
        if each.user_agent.startswith(USER_AGENT)
        and each.resource != "leases"
        and each.verb not in {"list", "watch"}
    )
    return max(each_second.values(), default=0)


async def in_runs(world: World, count: int, intervals: int = 3) -> list[Figure]:
    """See how late analyses are that are due at moments spread evenly, and then all at once."""
    async with a_store() as store:
        fleet = await on_its_way(world, store)
        async with a_server(world.directory) as (server, kubeconfig):
            copy_spread(fleet, server, count)
            async with a_controller(kubeconfig, store, *CROWDED) as process:
                # What is due while the controller has a first look at all of them is no part of it.
                await asyncio.sleep(count / STARTS_PER_SECOND + 2 * INTERVAL_SECONDS)
                began, cpu = time.time(), process.cpu_seconds
                await asyncio.sleep(intervals * INTERVAL_SECONDS)
                ended, cpu = time.time(), process.cpu_seconds - cpu
                await process.freeze(INTERVAL_SECONDS + 1)
                thawed = time.time()
                await asyncio.sleep(intervals * INTERVAL_SECONDS)
                answers = tuple(store.answers)
            due = due_moments(server)
    spread = [at - due_at(due[app], at) for app, at in answers if began <= at < ended]
    wave: dict[str, float] = {}
    later = []
    for app, at in answers:
        if at >= thawed and app not in wave:
            wave[app] = at - thawed
        elif at >= thawed:
            later.append(at - due_at(due[app], at))
    made, late, late_again = len(spread), p99(spread), p99(later)
    what = f"{count} Canaries in a run at once, interval {INTERVAL_SECONDS} s"
    return [
        Figure(
            name=f"{what}: analyses in {intervals * INTERVAL_SECONDS} s",
            value=f"{made} of {count * intervals}",
            target=f"≥ {0.95 * count * intervals:.0f}",
            reached=made >= 0.95 * count * intervals,
        ),
        Figure(
            name=f"{what}: lateness of an analysis, p99",
            value=f"{late * 1000:.0f} ms",
            target="≤ 1000 ms",
            reached=late <= 1,
        ),
        Figure(name=f"{what}: CPU for each", value=f"{cpu * 1000 / max(made, 1):.1f} ms"),
        Figure(
            name=f"{what}: all overdue in one moment, until the last is analysed",
            value=f"{max(wave.values(), default=0):.1f} s, {len(wave)} of {count}",
            reached=len(wave) == count,
        ),
        Figure(
            name=f"{what}: lateness after that moment, p99", value=f"{late_again * 1000:.0f} ms"
        ),
    ]


async def stopped(world: World, count: int) -> list[Figure]:
    """Stop runs with one write, while they are in the middle of their steps."""
    async with a_store() as store:
        fleet = await on_its_way(world, store)
        async with a_server(world.directory) as (server, kubeconfig):
            copy_spread(fleet, server, count)
            async with a_controller(kubeconfig, store, *CROWDED) as process:
                await process.ready()
                await asyncio.sleep(count / STARTS_PER_SECOND + 2 * INTERVAL_SECONDS)
                rises = len(store.answers)
                await asyncio.sleep(INTERVAL_SECONDS)
                rises = len(store.answers) - rises
                last_rise = await last_rise_after_a_stop(server, kubeconfig)
    what = f"{count} Canaries in a run at once, interval {INTERVAL_SECONDS} s"
    return [
        Figure(
            name=f"{what}: analyses in {INTERVAL_SECONDS} s before a stop",
            value=str(rises),
            target="≥ 1",
            reached=rises > 0,
        ),
        Figure(
            name=f"{what}: a stop, until the last weight rises after it is acknowledged",
            value=f"{last_rise * 1000:.0f} ms",
            target="≤ 1000 ms",
            reached=last_rise <= 1,
        ),
    ]


async def last_rise_after_a_stop(server: EmbeddedApiServer, kubeconfig: Path) -> float:
    """Stop all runs with one write; give the seconds from its answer to the last rise of a weight."""
    key = next(key for key in server.registry.stored() if key[1] == "canaries")
    events, last = server.storage.history(key).events, 0.0
    async with Cluster.connect(kubeconfig=str(kubeconfig)) as api:
        await api.create(a_policy(DEMO, stop={"reason": "a drill"}), DELIVERY_POLICY)
    acknowledged, seen = time.monotonic(), len(events)
    weights = {_name(each): _weight(each) for each in events}
    while time.monotonic() < acknowledged + 2 * INTERVAL_SECONDS:
        await asyncio.sleep(_SAMPLED_SECONDS)
        for each in islice(events, seen, len(events)):
            if _weight(each) > weights[_name(each)]:
                last = time.monotonic() - acknowledged
            weights[_name(each)] = _weight(each)
            seen += 1
    return last


def _name(event: Event) -> str:
    return str(event.stored.object["metadata"]["name"])


def _weight(event: Event) -> int:
    return int(event.stored.object.get("status", {}).get("canaryWeight", 0))


async def on_its_way(world: World, store: Store, **analysis: Any) -> Fleet:
    """Bring a Canary to its first step, and take it for the copies.

    Its analysis is a long one in short steps, but for what is given.
    """
    name = "busy"
    async with a_controller(world.kubeconfig, store):
        await world.create_app(name)
        await world.create_canary(name, analysis=LONG_RUN | analysis)
        await settled(world, [name], "Initialized")
        await world.release(name)

        async def stepped() -> bool:
            return await world.weight(name) == FIRST_WEIGHT

        await until(stepped, "the first step")
    return Fleet(world, name)


def copy_spread(
    fleet: Fleet,
    server: EmbeddedApiServer,
    count: int,
    *,
    after: int = 0,
    namespace: str = DEMO,
    interval_seconds: float = INTERVAL_SECONDS,
    begin_seconds: float = INTERVAL_SECONDS,
) -> list[str]:
    """Copy a Canary in a run, the analyses due at moments spread evenly over an interval.

    The first is due after so long. The copies have the numbers after a first one; gives their names.
    """
    first = datetime.now(UTC) + timedelta(seconds=begin_seconds)

    def due(canary: Manifest, number: int) -> None:
        moment = first + timedelta(seconds=(number - after) * interval_seconds / count)
        canary["status"]["run"]["nextAnalysisAt"] = f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}"
        canary["status"]["notices"] = []

    return [
        fleet.copy(server, number, due, namespace=namespace)
        for number in range(after, after + count)
    ]


async def beside_a_hostile(world: World, count: int, intervals: int = 6) -> list[Figure]:
    """See how late ten Canaries are analysed alone, and beside many whose queries hang."""
    late = {}
    async with a_store() as store:
        fleet = await on_its_way(world, store)
        for hostile in (0, count):
            store.answers.clear()
            async with a_server(world.directory) as (server, kubeconfig):
                others = copy_spread(fleet, server, OTHERS)
                if hostile:
                    store.hanging |= {
                        *copy_spread(fleet, server, hostile, after=OTHERS, namespace="hostile")
                    }
                async with a_controller(kubeconfig, store, *CROWDED) as process:
                    await process.ready()
                    await asyncio.sleep(hostile / STARTS_PER_SECOND + 2 * INTERVAL_SECONDS)
                    began = time.time()
                    await asyncio.sleep(intervals * INTERVAL_SECONDS)
                due = due_moments(server)
            seen = [(app, at) for app, at in store.answers if app in others and at >= began]
            late[hostile] = p99([at - due_at(due[app], at) for app, at in seen])
    alone, beside = late[0], late[count]
    # What is below this is the machine's, not the tenants'.
    allowed = 2 * max(alone, LEAST_LATENESS_SECONDS)
    what = f"{OTHERS} Canaries in a run, lateness of an analysis, p99"
    return [
        Figure(name=f"{what}: alone", value=f"{alone * 1000:.0f} ms"),
        Figure(
            name=f"{what}: beside {count} of another tenant whose queries hang",
            value=f"{beside * 1000:.0f} ms",
            target=f"≤ {allowed * 1000:.0f} ms",
            reached=beside <= allowed,
        ),
    ]


def due_moments(server: EmbeddedApiServer) -> Mapping[str, Sequence[float]]:
    """Give the moments that the statuses named for analyses, by the Canary's name, in order."""
    moments: defaultdict[str, set[float]] = defaultdict(set)
    key = next(key for key in server.registry.stored() if key[1] == "canaries")
    for event in server.storage.history(key).events:
        canary = event.stored.object
        run = canary.get("status", {}).get("run") or {}
        if run.get("nextAnalysisAt"):
            moment = datetime.fromisoformat(run["nextAnalysisAt"]).timestamp()
            moments[canary["metadata"]["name"]].add(moment)
    return {name: sorted(each) for name, each in moments.items()}


def due_at(moments: Sequence[float], answered: float) -> float:
    """Give when the analysis was due whose query was answered at a moment."""
    return moments[max(bisect_right(moments, answered) - 1, 0)]
