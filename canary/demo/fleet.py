"""The story of several clusters: a good release reaches them in waves, and a bad one only the first.

Each cluster is a world of its own, with an API server, an Envoy, the app and its callers; the hub is
one API server more, with a coordinator beside it.
"""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from canary.api.annotations import RELEASE
from canary.api.fleet_status import FleetCanary, read_plan_status
from canary.api.hub import FLEET_PLAN
from canary.api.kinds import DEPLOYMENT, Manifest
from canary.api.meta import API_VERSION
from canary.api.schema import hub_crds
from canary.cluster.cluster import Cluster
from canary.controller.logs import printable
from canary.demo import manifests
from canary.demo.embedded import CRD, NAMESPACE, EmbeddedWorld
from canary.demo.story import BAD, BAD_ERROR_RATE, GOOD, LIMIT_SECONDS, Ending, summarise
from canary.demo.world import POLL_SECONDS, USER_AGENT
from tidegate_embedded.apiserver import EmbeddedApiServer
from tidegate_embedded.load import Load
from tidegate_embedded.outcomes import LoadStats
from tidegate_embedded.process import start_program, stop_program

PLACE, NAME = "releases", "podinfo"
PLAN = f"{PLACE}/{NAME}"
APP = f"{manifests.NAMESPACE}/{manifests.APP}"
OLD = "6.0.0"
REQUESTS_PER_SECOND = 100.0
"""Of the callers in all clusters together."""


@dataclass(frozen=True, slots=True)
class FleetSnapshot:
    """How far the release is: in each cluster, and as the plan says."""

    clusters: Mapping[str, tuple[str, int, LoadStats]]
    """The phase, the canary's share in percent, and what came of the requests, by cluster."""
    plan: str

    def lines(self, before: "FleetSnapshot | None") -> list[str]:
        """Say what has changed, for those who have no terminal."""
        told = [
            f"{name}: {phase}, canary {weight} %"
            for name, (phase, weight, _) in self.clusters.items()
            if before is None or before.clusters[name][:2] != (phase, weight)
        ]
        if before is None or before.plan != self.plan:
            told.append(f"plan: {self.plan}")
        return told

    def picture(self) -> Table:
        """Draw it."""
        table = Table(caption=escape(f"FleetPlan {PLAN}: {self.plan}"), caption_justify="left")
        for column in ("cluster", "phase", "canary", "requests", "failed", "lost"):
            table.add_column(column, justify="left" if column in {"cluster", "phase"} else "right")
        for name, (phase, weight, load) in self.clusters.items():
            counted = map(str, (load.requests, load.failed, load.lost))
            table.add_row(name, phase, f"{weight} %", *counted)
        return table


class SeveralClusters:
    """The hub, its clusters, and their callers."""

    def __init__(
        self, hub: Cluster, worlds: Mapping[str, EmbeddedWorld], loads: Mapping[str, Load]
    ) -> None:
        self._hub = hub
        self._worlds = worlds
        self._loads = loads

    async def release(self, tag: str, **behaviour: str) -> None:
        """Bring a version to every cluster at once, as Git does."""
        template = manifests.pod_template(tag, behaviour=behaviour)
        for world in self._worlds.values():
            await world.patch(
                DEPLOYMENT, manifests.APP, named(tag) | {"spec": {"template": template}}
            )

    async def entry(self) -> FleetCanary:
        """Read what the plan says of the app."""
        plan = await self._hub.read(FLEET_PLAN, PLACE, NAME)
        return read_plan_status(plan.get("status")).find(APP) or FleetCanary(canary=APP)

    async def snapshot(self) -> FleetSnapshot:
        """Look at all of it."""
        found = {}
        for name, world in self._worlds.items():
            status = await world.status()
            phase, weight = status.get("phase") or "New", status.get("canaryWeight") or 0
            found[name] = (phase, weight, self._loads[name].stats())
        return FleetSnapshot(found, printable((await self.entry()).message))

    async def until_over(self, before: str, what: str) -> FleetCanary:
        """Wait until another release is promoted everywhere, or halted; give what the plan says then."""

        async def over() -> bool:
            entry = await self.entry()
            return entry.release != before and (entry.complete or entry.halted)

        first = next(iter(self._worlds.values()))
        await first.until(over, what, seconds=2 * LIMIT_SECONDS)
        return await self.entry()

    async def stop_callers(self) -> LoadStats:
        """Send no more requests; give what came of all of them."""
        for load in self._loads.values():
            await load.stop()
        each = [load.stats() for load in self._loads.values()]
        return replace(
            each[0],
            requests=sum(one.requests for one in each),
            failed=sum(one.failed for one in each),
            lost=sum(one.lost for one in each),
        )


async def tell_of_fleet(
    *, clusters: int, router: str, metrics: str
) -> tuple[tuple[Ending, ...], LoadStats]:
    """Tell the story, and how its releases ended."""
    console, started = Console(), monotonic()
    names = [f"cluster-{number + 1}" for number in range(clusters)]
    console.print(
        f"[bold]tidegate demo[/]  {clusters} clusters and a hub, router {router}, metrics by "
        f"{metrics}; everything runs on this machine, on loopback addresses"
    )
    console.print(f"{names[0]} is the first wave, and the others are the second")
    async with (
        a_fleet(names, router=router, metrics=metrics) as fleet,
        shown(fleet.snapshot, console) as show,
    ):
        # What a release has come to is shown before the next one is there.
        await fleet.until_over("", "every cluster is initialised")
        await show()
        good = await _good(fleet, names)
        await show()
        bad = await _bad(fleet, names)
        stats = await fleet.stop_callers()
    summarise(console, (good, bad), stats, monotonic() - started)
    return (good, bad), stats


async def _good(fleet: SeveralClusters, names: list[str]) -> Ending:
    """Release what is good, and wait until it is promoted everywhere."""
    started, before = monotonic(), (await fleet.entry()).release
    await fleet.release(GOOD)
    entry = await fleet.until_over(before, "the good release is promoted everywhere")
    return Ending(
        title=f"a good release ({GOOD})",
        expected=f"Promoted in {len(names)} clusters",
        outcome=f"Promoted in {len(names)} clusters" if entry.complete else "Halted",
        message=entry.message,
        seconds=monotonic() - started,
    )


async def _bad(fleet: SeveralClusters, names: list[str]) -> Ending:
    """Release what is bad: the first cluster rolls it back, and the others never start it."""
    started, before = monotonic(), (await fleet.entry()).release
    await fleet.release(BAD, ERROR_RATE=BAD_ERROR_RATE)
    entry = await fleet.until_over(before, "the bad release is halted")
    phases = (await fleet.snapshot()).clusters
    waiting = sum(phases[name][0] == "Waiting" for name in names[1:])
    return Ending(
        title=f"a bad release ({BAD})",
        expected=f"RolledBack in {names[0]}, waiting in {len(names) - 1}",
        outcome=f"{'RolledBack' if entry.halted else 'Promoted'} in {names[0]}, waiting in {waiting}",
        message=entry.message,
        seconds=monotonic() - started,
    )


# ---------------------------------------------------------------------------------- what it runs in


@asynccontextmanager
async def a_fleet(names: list[str], *, router: str, metrics: str) -> AsyncIterator[SeveralClusters]:
    """Run a hub and clusters, each with the app, its callers and tidegate."""
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tidegate-demo-")))
        hub, kubeconfig = await enter(a_hub(directory, names))
        worlds = {}
        for name in names:
            (directory / name).mkdir()
            worlds[name] = await enter(
                EmbeddedWorld(
                    router=router,
                    metrics=metrics,
                    directory=directory / name,
                    requests_per_second=REQUESTS_PER_SECOND / len(names),
                )
            )
            await worlds[name].create_app(OLD)
            await worlds[name].patch(DEPLOYMENT, manifests.APP, named(OLD))
            await worlds[name].start_controller(
                *("--cluster-name", name),
                *("--fleet-kubeconfig", str(kubeconfig)),
                *("--fleet-renew-period", "1s"),
            )
            await worlds[name].create_canary(fleet={"plan": PLAN})
        loads = {name: await enter(world.traffic()) for name, world in worlds.items()}
        yield SeveralClusters(hub, worlds, loads)


def named(tag: str) -> Manifest:
    """Name the release of a version: clusters may have its images from different registries."""
    return {"metadata": {"annotations": {RELEASE: tag}}}


@asynccontextmanager
async def a_hub(directory: Path, names: list[str]) -> AsyncIterator[tuple[Cluster, Path]]:
    """Run a hub with a plan, and its coordinator."""
    first, *rest = names
    waves: list[Manifest] = [
        {"name": "first", "clusters": [first]},
        {"name": "rest", "clusters": rest},
    ]
    plan: Manifest = {
        "apiVersion": API_VERSION,
        "kind": FLEET_PLAN.kind,
        "metadata": {"name": NAME, "namespace": PLACE},
        "spec": {"waves": waves},
    }
    async with EmbeddedApiServer() as server:
        kubeconfig = server.kubeconfig(directory / "hub.kubeconfig")
        async with Cluster.connect(kubeconfig=str(kubeconfig), user_agent=USER_AGENT) as hub:
            for definition in hub_crds().values():
                await hub.create(definition, CRD)
            for namespace in (PLACE, *names):
                await hub.create(manifests.namespace(namespace), NAMESPACE)
            await hub.create(plan, FLEET_PLAN)
            coordinator = await start_program(
                Path(sys.executable),
                *("-m", "canary", "fleet", "run", "--kubeconfig", str(kubeconfig)),
                *("--lease-namespace", PLACE, "--log-format", "console"),
                log=directory / "coordinator.log",
            )
            try:
                yield hub, kubeconfig
            finally:
                await stop_program(coordinator, grace_seconds=10)


@asynccontextmanager
async def shown(
    look: Callable[[], Awaitable[FleetSnapshot]], console: Console
) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Show how far the release is all the while: as a picture, or in lines without a terminal.

    It can be shown at any moment in between as well.
    """
    last, one_by_one = await look(), asyncio.Lock()
    live = Live(last.picture(), console=console, auto_refresh=False)

    async def show() -> None:
        nonlocal last
        async with one_by_one:
            snapshot = await look()
            if console.is_terminal:
                live.update(snapshot.picture(), refresh=True)
            else:
                for line in snapshot.lines(last):
                    console.print(line, markup=False, highlight=False, soft_wrap=True)
            last = snapshot

    async def repeat() -> None:
        while True:
            await show()
            await asyncio.sleep(4 * POLL_SECONDS)

    with live if console.is_terminal else nullcontext():
        task = asyncio.create_task(repeat(), name="view")
        try:
            yield show
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await show()
