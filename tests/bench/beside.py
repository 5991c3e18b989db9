"""Rest, runs and their CPU beside Flagger's: two controllers on one control plane, in both orders.

Each has a namespace of its own with as many Canaries of the same spec, and runs alone. What a
machine costs at the moment is in both figures, so that their ratio is what counts.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from canary.api.kinds import Kind
from canary.api.meta import GROUP, PEER_GROUP
from canary.cluster.cluster import Cluster
from canary.controller.canaries import canary_kind
from tests.bench.figures import Figure
from tests.bench.process import Process, a_controller, a_process
from tests.bench.store import Store, a_store
from tests.hard.plane import PlaneWorld, SharedPlane, a_shared_plane
from tests.testbed.build import BESIDE, provide_programs
from tests.testbed.modules import module_files
from tests.testbed.world import install
from tidegate_embedded.network import free_port

METRIC = {"name": "errors", "query": "errors", "thresholdRange": {"max": 1}}
ANALYSIS = {"stepWeights": [20, 40, 60], "interval": "10s", "threshold": 1, "metrics": [METRIC]}
MODULE = f"{BESIDE[0].module}@{BESIDE[0].version}"
CRDS = "artifacts/flagger/crd.yaml"
GOALS = {"run": 0.7, "rest": 0.05, "crowd": 0.6}
"""What tidegate may use of what Flagger does."""
REST_SECONDS = 60.0
"""Flagger looks at each Canary once an interval, also at rest."""
SETTLED_SECONDS = 600.0
LOOK_SECONDS = 1.0
QUIET_SECONDS = 5.0
"""What follows the end of a run is its own as well."""
GAP_SECONDS = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a controller has used."""

    rest: float
    """CPU at rest, as a share of a core."""
    run: float
    """CPU seconds for each run."""
    crowd: float
    """Seconds from the first release until all runs had ended."""

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            rest=self.rest + other.rest, run=self.run + other.run, crowd=self.crowd + other.crowd
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """A controller to be measured, and whose Canaries it acts on."""

    name: str
    group: str

    @property
    def kind(self) -> Kind:
        """The kind of its Canaries."""
        return canary_kind(self.group)


OURS = Side(name="tidegate", group=GROUP)
FLAGGER = Side(name="Flagger", group=PEER_GROUP)
ORDERS = ((OURS, FLAGGER), (FLAGGER, OURS))


async def measure(directory: Path, canaries: int) -> list[Figure]:
    """Run both controllers one after the other, in both orders."""
    program = (await asyncio.to_thread(provide_programs, ["flagger"]))["flagger"]
    spent: dict[str, list[Cost]] = {OURS.name: [], FLAGGER.name: []}
    figures: list[Figure] = []
    async with a_shared_plane(directory) as shared, a_store() as store:
        async with Cluster.connect(kubeconfig=str(shared.plane.kubeconfig)) as api:
            await install(api, yaml.safe_load_all(module_files(MODULE, CRDS)[CRDS]))
        for order in ORDERS:
            for side in order:
                cost = await _cost(shared, directory, side, store, program, canaries)
                print(f"  {side.name}: {cost.run * 1000:.0f} ms a run", flush=True)
                spent[side.name].append(cost)
            figures += _beside(order[0].name, *(spent[each.name][-1] for each in (OURS, FLAGGER)))
    ours, flagger = (
        sum(spent[each.name], Cost(rest=0, run=0, crowd=0)) for each in (OURS, FLAGGER)
    )
    return [
        *figures,
        _ratio("CPU of a run", ours.run / flagger.run, GOALS["run"]),
        _ratio("CPU at rest", ours.rest / flagger.rest, GOALS["rest"]),
        _ratio("all runs, from the first release", ours.crowd / flagger.crowd, GOALS["crowd"]),
    ]


def _beside(first: str, ours: Cost, flagger: Cost) -> list[Figure]:
    """Show what both have used where one of them was first."""
    shown = (
        ("CPU of a run", "{:.0f} ms", 1000 * ours.run, 1000 * flagger.run),
        ("CPU at rest", "{:.2f}% of a core", 100 * ours.rest, 100 * flagger.rest),
        ("all runs, from the first release", "{:.0f} s", ours.crowd, flagger.crowd),
    )
    return [
        Figure(
            name=f"{name}, {first} first: tidegate beside Flagger",
            value=f"{form.format(mine)} beside {form.format(others)}",
        )
        for name, form, mine, others in shown
    ]


def _ratio(name: str, ratio: float, goal: float) -> Figure:
    return Figure(
        name=f"{name}, tidegate / Flagger {BESIDE[0].version}, both orders",
        value=f"{ratio:.2f}",
        target=f"≤ {goal}",
        reached=ratio <= goal,
    )


async def _cost(
    shared: SharedPlane, directory: Path, side: Side, store: Store, program: Path, canaries: int
) -> Cost:
    """Let Canaries rest, and then be released by one controller; give what that costs."""
    names = [f"app-{number:03}" for number in range(canaries)]
    async with (
        PlaneWorld(shared, directory) as world,
        _running(shared, side, world, store, program) as process,
    ):
        for name in names:
            await world.create_app(name)
            await world.create_canary(name, analysis=ANALYSIS, kind=side.kind)
        await _settled(world, side, names, "Initialized")
        await asyncio.sleep(QUIET_SECONDS)
        resting = process.cpu_seconds
        await asyncio.sleep(REST_SECONDS)
        before, began = process.cpu_seconds, time.monotonic()
        for name in names:
            await world.release(name, "2")
            await asyncio.sleep(GAP_SECONDS)
        await _settled(world, side, names, "Succeeded")
        crowd = time.monotonic() - began
        await asyncio.sleep(QUIET_SECONDS)
        return Cost(
            rest=(before - resting) / REST_SECONDS,
            run=(process.cpu_seconds - before) / canaries,
            crowd=crowd,
        )


def _running(
    shared: SharedPlane, side: Side, world: PlaneWorld, store: Store, program: Path
) -> AbstractAsyncContextManager[Process]:
    log = world.directory / f"{side.name}-{world.namespace}.log"
    if side is OURS:
        return a_controller(world.kubeconfig, store, lease_namespace=world.lease_namespace, log=log)
    return _flagger(shared, world, store, program, log)


@asynccontextmanager
async def _flagger(
    shared: SharedPlane, world: PlaneWorld, store: Store, program: Path, log: Path
) -> AsyncIterator[Process]:
    """Run Flagger as its chart does, in one namespace."""
    port = free_port()
    arguments = (
        *("-kubeconfig", str(shared.plane.kubeconfig), "-namespace", world.namespace),
        *("-metrics-server", store.url, "-mesh-provider", "istio"),
        *("-log-level", "info", "-port", str(port)),
    )
    async with a_process(program, *arguments, port=port, log=log) as process:
        await process.ready("/healthz")
        yield process


async def _settled(world: PlaneWorld, side: Side, names: Sequence[str], phase: str) -> None:
    """Wait until all Canaries have reached a phase; looking costs the machine little."""
    ends = time.monotonic() + SETTLED_SECONDS
    while True:
        statuses = [each.get("status") or {} for each in await world.objects(side.kind)]
        reached = sum(each.get("phase") == phase for each in statuses)
        if reached == len(names):
            return
        if time.monotonic() > ends:
            raise AssertionError(f"{side.name}: {reached} of {len(names)} are {phase}: {statuses}")
        await asyncio.sleep(LOOK_SECONDS)
