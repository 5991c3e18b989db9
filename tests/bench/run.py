"""Measure the controller in the embedded world, against the figures to reach.

    make bench BENCH_ARGS="--canaries 100 --window 30 --write"

The controller is a process of its own; the API server counts what it asks.
"""

import argparse
import asyncio
import os
import platform
import re
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path

import httpx
import orjson
from aiohttp import web

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from canary.api.kinds import POD, Manifest  # noqa: E402 - the tests are no installed package
from canary.demo.apiserver import EmbeddedApiServer  # noqa: E402
from canary.demo.apiserver.audit import AuditEntry  # noqa: E402
from canary.demo.manifests import NAMESPACE  # noqa: E402
from canary.demo.network import free_port  # noqa: E402
from canary.demo.process import start_program, stop_program  # noqa: E402
from tests.bench.fleet import Fleet, a_server, quiet  # noqa: E402
from tests.controller.running import World, until  # noqa: E402

PAGE = ROOT / "docs" / "benchmarks.md"
METRIC = {"name": "errors", "query": "errors", "thresholdRange": {"max": 1}}
STEPS = {"stepWeights": [20, 40, 60], "interval": "2s", "threshold": 1, "metrics": [METRIC]}
GAP_SECONDS = 0.1
INTERVAL_SECONDS = 10
APP = re.compile(r'app="([^"]+)"')


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One line of the result."""

    name: str
    value: str
    target: str = ""
    reached: bool = True


class Store:
    """A Prometheus with one answer."""

    def __init__(self) -> None:
        self.value = 0.0
        self.asked: list[float] = []
        """When each answer was sent, in seconds since the epoch."""
        self.queries: list[tuple[str, float]] = []
        """The app that each query named, and when it was answered."""
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        """Answer an instant query."""
        result = [{"metric": {}, "value": [0, str(self.value)]}]
        document = {"status": "success", "data": {"resultType": "vector", "result": result}}
        self.asked.append(time.time())
        asked = {**request.query, **await request.post()}
        app = APP.search(str(asked.get("query", "")))
        if app:
            self.queries.append((app[1], self.asked[-1]))
        return web.Response(body=orjson.dumps(document), content_type="application/json")


@asynccontextmanager
async def a_store() -> AsyncIterator[Store]:
    """Run a store."""
    store = Store()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", store.answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    store.url = "http://{}:{}".format(*runner.addresses[0][:2])
    try:
        yield store
    finally:
        await runner.cleanup()


class Process:
    """The controller's process: what it uses, and what it asks."""

    def __init__(self, server: EmbeddedApiServer, pid: int, port: int) -> None:
        self._server = server
        self._pid = pid
        self._port = port

    async def ready(self) -> None:
        """Wait until it says that it is ready."""

        async def answers() -> bool:
            try:
                async with httpx.AsyncClient() as client:
                    answer = await client.get(f"http://127.0.0.1:{self._port}/readyz")
            except httpx.TransportError:
                return False
            return answer.status_code == HTTPStatus.OK

        await until(answers, "ready")

    @property
    def cpu_seconds(self) -> float:
        """CPU time so far, of user and system."""
        fields = Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def memory(self) -> float:
        """Resident memory in MiB."""
        pages = int(Path(f"/proc/{self._pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def asked(self, since: int = 0) -> list[AuditEntry]:
        """List its requests from a mark on, beside Lease renewals."""
        return [
            entry
            for entry in self._server.audit[since:]
            if entry.user_agent.startswith("tidegate/") and entry.resource != "leases"
        ]


@asynccontextmanager
async def a_controller(
    server: EmbeddedApiServer, kubeconfig: Path, store: Store, *options: str
) -> AsyncIterator[Process]:
    """Run the controller."""
    port = free_port()
    process = await start_program(
        Path(sys.executable),
        *("-m", "canary", "run", "--kubeconfig", str(kubeconfig), "--drain", "0s"),
        *("--listen", f"127.0.0.1:{port}", "--lease-namespace", "default"),
        *("--metrics-server", store.url, *options),
        log=kubeconfig.with_suffix(".log"),
    )
    try:
        yield Process(server, process.pid, port)
    finally:
        await stop_program(process, grace_seconds=20)


async def settled(world: World, names: Sequence[str], phase: str) -> None:
    """Wait until Canaries have reached a phase, and everything about it is told."""
    for name in names:

        async def done(name: str = name) -> bool:
            status = await world.status(name)
            return status.get("phase") == phase and not status.get("notices")

        await until(done, f"{name} is {phase}")


async def measure(world: World, canaries: int, window: float) -> list[Figure]:
    """Take all figures."""
    async with (
        a_store() as store,
        a_controller(world.server, world.kubeconfig, store) as process,
    ):
        await world.create_app("alone")
        await world.create_canary("alone", analysis=STEPS)
        await settled(world, ["alone"], "Initialized")
        run = await one_run(world, process)
        empty = process.memory

        names = [f"app-{number:04}" for number in range(canaries)]
        began = time.monotonic()
        for name in names:
            await world.create_app(name)
            await world.create_canary(name, analysis=STEPS)
        await settled(world, names, "Initialized")
        initialised = time.monotonic() - began
        idle = await idle_window(world, process, window)
        kept = (process.memory - empty) * 1024 / canaries
        spread = await first_actions(world, process, names, "2", GAP_SECONDS)
        together = await first_actions(world, process, names, "3", 0)
        return [
            idle,
            run,
            *spread,
            *together,
            await rollback(world, process, store, names),
            Figure(name=f"{canaries} Canaries initialised", value=f"{initialised:.1f} s"),
            Figure(name="memory of the controller, one Canary", value=f"{empty:.0f} MiB"),
            Figure(name="memory for each further Canary", value=f"{kept:.0f} KiB"),
            Figure(name="memory after all of this", value=f"{process.memory:.0f} MiB"),
        ]


async def at_rest(world: World, count: int, window: float) -> list[Figure]:
    """Start with Canaries that have nothing to do, and leave them alone for a while."""
    fleet = Fleet(world, "alone")
    async with a_store() as store, a_server(world.directory) as (server, kubeconfig):
        for number in range(count):
            fleet.copy(server, number)
        server.storage.forget_history()
        began = time.monotonic()
        async with a_controller(server, kubeconfig, store) as process:
            await process.ready()
            ready = time.monotonic() - began
            await quiet(lambda: process.cpu_seconds)
            memory, mark, cpu = process.memory, len(server.audit), process.cpu_seconds
            others = [each for each in process.asked() if each.verb not in {"list", "watch"}]
            each_second = Counter(int(each.at.timestamp()) for each in others)
            burst = max(each_second.values(), default=0)
            await asyncio.sleep(window)
            idle = [each for each in process.asked(mark) if each.verb != "watch"]
            used = (process.cpu_seconds - cpu) * 1000 / count / (window / INTERVAL_SECONDS)
    limits = {100: 100, 1000: 115, 5000: 200}
    limit = limits.get(count)
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
            value=f"{len(idle)} in {window:g} s",
            target="0",
            reached=not idle,
        ),
        Figure(
            name=f"{count} Canaries at rest, CPU for each and 10 s",
            value=f"{used:.3f} ms",
            target="≤ 0.1 ms",
            reached=used <= 0.1,
        ),
    ]


async def in_runs(world: World, count: int, intervals: int = 3) -> list[Figure]:
    """Let Canaries be looked at every ten seconds, at moments spread evenly, and see how late."""
    name = "busy"
    metric = {**METRIC, "query": 'errors{app="{{ target }}"}'}
    plan = {"stepWeights": [20, 40, 60, 80], "interval": "10s", "threshold": 1, "metrics": [metric]}
    async with a_store() as store:
        async with a_controller(world.server, world.kubeconfig, store):
            await world.create_app(name)
            await world.create_canary(name, analysis=plan)
            await settled(world, [name], "Initialized")
            await world.release(name)

            async def on_its_way() -> bool:
                return await world.weight(name) == 20

            await until(on_its_way, "the first step")
        fleet = Fleet(world, name)
        async with a_server(world.directory) as (server, kubeconfig):
            first = datetime.now(UTC) + timedelta(seconds=INTERVAL_SECONDS)

            def due(canary: Manifest, number: int) -> None:
                moment = first + timedelta(seconds=number * INTERVAL_SECONDS / count)
                canary["status"]["run"]["nextAnalysisAt"] = f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}"
                canary["status"]["notices"] = []

            names = [fleet.copy(server, number, due) for number in range(count)]
            store.queries.clear()
            options = ("--qps", "1000", "--burst", "1000")
            async with a_controller(server, kubeconfig, store, *options) as process:
                await asyncio.sleep((first - datetime.now(UTC)).total_seconds())
                # What was asked while it started is no part of the window.
                store.queries.clear()
                cpu = process.cpu_seconds
                await asyncio.sleep(intervals * INTERVAL_SECONDS)
                made = list(store.queries)
                used = process.cpu_seconds - cpu
            cost = used * 1000 / len(made) if made else float("inf")
            key = next(key for key in server.registry.stored() if key[1] == "canaries")
            planned: dict[str, set[float]] = {each: set() for each in names}
            for event in server.storage.history(key).events:
                run = event.stored.object.get("status", {}).get("run") or {}
                if run.get("nextAnalysisAt"):
                    moment = datetime.fromisoformat(run["nextAnalysisAt"])
                    planned[event.stored.object["metadata"]["name"]].add(moment.timestamp())
    lateness = sorted(
        min((at - moment for moment in planned[app] if moment <= at), default=0.0)
        for app, at in made
        if app in planned
    )
    late = lateness[int(len(lateness) * 0.99) - 1] if lateness else float("inf")
    return [
        Figure(
            name=f"{count} Canaries in a run at once, interval 10 s: analyses in "
            f"{intervals * INTERVAL_SECONDS} s",
            value=f"{len(lateness)} of {count * intervals}",
            reached=len(lateness) >= 0.95 * count * intervals,
        ),
        Figure(
            name=f"{count} Canaries in a run at once, interval 10 s: lateness of an analysis, p99",
            value=f"{late * 1000:.0f} ms",
            target="≤ 1000 ms",
            reached=late <= 1,
        ),
        Figure(
            name=f"{count} Canaries in a run at once, CPU for each analysis and step",
            value=f"{cost:.1f} ms",
        ),
    ]


async def one_run(world: World, process: Process) -> Figure:
    """Count the requests of one run of three steps and a metric, alone in its namespace."""
    mark = world.mark
    await world.release("alone")
    await settled(world, ["alone"], "Succeeded")
    asked = Counter(f"{entry.verb} {entry.resource}" for entry in process.asked(mark))
    print("  one run:", ", ".join(f"{count} {what}" for what, count in asked.most_common()))
    return Figure(
        name="one run (3 steps, 1 metric), API requests, all counted",
        value=str(asked.total()),
        target="≤ 30",
        reached=asked.total() <= 30,
    )


async def idle_window(world: World, process: Process, seconds: float) -> Figure:
    """Count requests while nothing is to be done, though pods come and go."""
    pods = [pod["metadata"]["name"] for pod in await world.objects(POD)]
    pods = [name for name in pods if "-primary-" in name]
    mark, cpu, began = world.mark, process.cpu_seconds, time.monotonic()
    for name in pods[::4]:
        await world.api.delete(POD, NAMESPACE, name)
        await asyncio.sleep(seconds / len(pods))
    await asyncio.sleep(max(seconds - (time.monotonic() - began), 0))
    asked = [entry for entry in process.asked(mark) if entry.verb != "watch"]
    used = (process.cpu_seconds - cpu) / (time.monotonic() - began)
    print(f"  idle for {seconds:g} s while {len(pods[::4])} pods are replaced: CPU {used:.2%}")
    return Figure(
        name="idle, API requests beside Lease renewals and watch reopenings",
        value=f"{len(asked)} in {seconds:g} s",
        target="0",
        reached=not asked,
    )


async def first_actions(
    world: World, process: Process, names: Sequence[str], tag: str, gap: float
) -> list[Figure]:
    """Measure from a change of each target to the first write about it; then let all finish."""
    mark, cpu, changed = world.mark, process.cpu_seconds, {}
    for name in names:
        changed[name] = time.time()
        await world.release(name, tag)
        await asyncio.sleep(gap)
    await settled(world, names, "Succeeded")
    written: dict[str, float] = {}
    for entry in process.asked(mark):
        if entry.resource == "canaries" and entry.verb == "patch":
            written.setdefault(entry.name, entry.at.timestamp())
    delays = sorted(written[name] - changed[name] for name in names)
    median, slow = statistics.median(delays), delays[int(len(delays) * 0.99) - 1]
    cost = (process.cpu_seconds - cpu) * 1000 / len(names)
    asked = len(process.asked(mark)) / len(names)
    how = "at once" if gap == 0 else f"{1 / gap:g} a second"
    return [
        Figure(
            name=f"change of the target to first action, {how}, median",
            value=f"{median * 1000:.0f} ms",
            target="≤ 500 ms",
            reached=median <= 0.5,
        ),
        Figure(
            name=f"change of the target to first action, {how}, p99",
            value=f"{slow * 1000:.0f} ms",
        ),
        Figure(name=f"a run, {how}, API requests", value=f"{asked:.1f}"),
        Figure(name=f"a run, {how}, CPU of the controller", value=f"{cost:.0f} ms"),
    ]


async def rollback(world: World, process: Process, store: Store, names: Sequence[str]) -> Figure:
    """Measure from the answer that fails a check at the threshold to the route's way back."""
    delays = []
    for name in names[:10]:
        store.value = 0.0
        await world.release(name, tag="4")

        async def steps(name: str = name) -> bool:
            return await world.weight(name) == 20

        await until(steps, f"{name} has traffic")
        mark, asked = world.mark, len(store.asked)
        store.value = 9.0
        await settled(world, [name], "Failed")
        back = next(
            entry.at.timestamp()
            for entry in process.asked(mark)
            if (entry.resource, entry.name) == ("virtualservices", name)
        )
        delays.append(back - store.asked[asked])
    return Figure(
        name="failing check at the threshold to the route written, median of 10",
        value=f"{statistics.median(delays) * 1000:.0f} ms",
    )


def machine() -> str:
    """Describe what this runs on."""
    model = platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores ({model}), {memory:.0f} GiB, {platform.system()}, "
        f"Python {platform.python_version()}"
    )


def table(figures: Sequence[Figure]) -> str:
    """Write the figures as Markdown."""
    rows = [("Figure", "Measured", "To reach"), ("---", "---", "---")]
    rows += [
        (each.name, each.value, each.target + ("" if each.reached else " (missed)"))
        for each in figures
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def page(figures: Sequence[Figure], canaries: int) -> str:
    """Write the page of the documentation."""
    before, mark, _ = PAGE.read_text(encoding="utf-8").partition("<!-- figures -->\n")
    assert mark, f"{PAGE.name} has no mark for the figures"
    measured = f"Measured with {canaries} Canaries on {machine()}."
    return f"{before}{mark}\n{measured}\n\n{table(figures)}\n"


async def main(
    canaries: int, window: float, fleets: Sequence[int], busy: int, *, write: bool
) -> int:
    """Measure, print, and write where that is asked for."""
    with tempfile.TemporaryDirectory(prefix="tidegate-bench-") as directory:
        async with World(Path(directory)) as world:
            figures = await measure(world, canaries, window)
            for count in fleets:
                figures += await at_rest(world, count, window)
            if busy:
                figures += await in_runs(world, busy)
    print(f"\n{machine()}\n\n{table(figures)}")
    if write:
        PAGE.write_text(page(figures, canaries), encoding="utf-8")
    return 0 if all(each.reached for each in figures) else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--canaries", type=int, default=100)
    parser.add_argument("--window", type=float, default=30.0, help="seconds of idleness")
    parser.add_argument(
        "--at-rest",
        type=int,
        nargs="*",
        default=[100, 1000, 5000],
        help="fleets with nothing to do",
    )
    parser.add_argument("--in-runs", type=int, default=1000, help="a fleet that is all in runs")
    parser.add_argument("--write", action="store_true", help="update docs/benchmarks.md")
    options = parser.parse_args()
    measuring = main(
        options.canaries, options.window, options.at_rest, options.in_runs, write=options.write
    )
    sys.exit(asyncio.run(measuring))
