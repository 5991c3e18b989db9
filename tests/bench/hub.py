"""Figures of the coordinator of a fleet: many simulated members, and a plan of many Canaries."""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import orjson

from canary.api.fleet_status import FleetPlanStatus
from canary.api.fleetreport import FleetReportStatus, FleetState, ReportedCanary
from canary.api.hub import FLEET_REPORT, MEMBER_LABEL, MEMBER_LEASE
from canary.replicas.leases import LEASE
from tests.bench.figures import Figure
from tests.bench.process import Process, a_process
from tests.bench.telling import background
from tests.controller.fleet import PLAN, REPORT, HubCluster, hub_cluster
from tests.controller.running import World, until
from tidegate_embedded.network import free_port

USER_AGENT = "tidegate-fleet/"
RENEWED_SECONDS = 10.0
RUN_SECONDS = 1.0
"""How long a simulated run takes, once it is granted."""
AT_ONCE = 5
"""How many clusters of the last wave may have a run of a Canary under way."""
WAVE_SECONDS = 1800.0
MOST_BYTES = 1_000_000
FIRST_OF = 5
"""One cluster of so many is in the first wave."""


class Members:
    """Clusters that start what they are granted, and promote it at once."""

    def __init__(self, hub: HubCluster, clusters: list[str], canaries: list[str]) -> None:
        self._hub = hub
        self._clusters = clusters
        self._said = {
            cluster: {name: _said(cluster, name, FleetState.PROMOTED, "r1", 1) for name in canaries}
            for cluster in clusters
        }

    async def begin(self) -> None:
        """Show a sign of life, and report that all have promoted."""
        for cluster in self._clusters:
            metadata = {
                "name": MEMBER_LEASE,
                "namespace": cluster,
                "labels": {MEMBER_LABEL: cluster},
            }
            lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata}
            await self._hub.api.create(lease | {"spec": {"holderIdentity": cluster}}, LEASE)
            metadata = {"name": REPORT, "namespace": cluster}
            report = {"apiVersion": "tidegate.dev/v1beta1", "kind": "FleetReport"}
            await self._hub.api.create(
                report | {"metadata": metadata, "spec": {"plan": PLAN}}, FLEET_REPORT
            )
            await self._report(cluster)

    async def renew(self) -> None:
        """Show signs of life without an end."""
        while True:
            for cluster in self._clusters:
                spec = {"renewTime": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"}
                await self._hub.api.merge_patch(LEASE, cluster, MEMBER_LEASE, {"spec": spec})
            await asyncio.sleep(RENEWED_SECONDS)

    async def release(self) -> None:
        """Have a new release before every cluster."""
        for cluster, said in self._said.items():
            for name in said:
                said[name] = _said(cluster, name, FleetState.WAITING, "r2", 2)
            await self._report(cluster)

    async def obey(self, status: FleetPlanStatus) -> None:
        """Start what is granted; what was started has promoted by the next time."""
        changed = set()
        for entry in status.canaries:
            for grant in entry.grants:
                before = self._said[grant.cluster][entry.canary].state
                after = FleetState.PROMOTED if before is FleetState.RUNNING else FleetState.RUNNING
                if before is not FleetState.PROMOTED:
                    self._said[grant.cluster][entry.canary] = _said(
                        grant.cluster, entry.canary, after, "r2", 2
                    )
                    changed.add(grant.cluster)
        for cluster in sorted(changed):
            await self._report(cluster)

    async def _report(self, cluster: str) -> None:
        status = FleetReportStatus(canaries=tuple(self._said[cluster].values()))
        document = status.model_dump(mode="json", by_alias=True, exclude_none=True)
        await self._hub.api.merge_patch(
            FLEET_REPORT, cluster, REPORT, {"status": document}, subresource="status"
        )


async def measure(
    world: World, clusters: int, canaries: int, window_seconds: float
) -> list[Figure]:
    """Rest, and then have a release go through a plan of two waves."""
    places = [f"cluster-{number:03}" for number in range(clusters)]
    names = [f"shop/app-{number:04}" for number in range(canaries)]
    first = places[: max(clusters // FIRST_OF, 1)]
    async with hub_cluster(world, *places) as hub:
        members = Members(hub, places, names)
        await members.begin()
        await hub.create_plan(
            {"name": "first", "clusters": first},
            {"name": "rest", "clusters": places[len(first) :], "maxConcurrent": AT_ONCE},
        )
        async with background(members.renew()), a_coordinator(world, hub) as process:
            await _complete(hub, canaries, "r1")
            cpu, mark = process.cpu_seconds, len(hub.server.audit)
            await asyncio.sleep(window_seconds)
            idle = (process.cpu_seconds - cpu) / window_seconds
            at_rest = _writes(hub, mark)
            cpu, mark, began, most = process.cpu_seconds, len(hub.server.audit), time.monotonic(), 0
            await members.release()
            async with asyncio.timeout(WAVE_SECONDS):
                while not await _is_complete(hub, canaries, "r2"):
                    status = await hub.status()
                    most = max(
                        most,
                        len(
                            orjson.dumps(
                                status.model_dump(mode="json", by_alias=True, exclude_none=True)
                            )
                        ),
                    )
                    await members.obey(status)
                    await asyncio.sleep(RUN_SECONDS)
            took, used = time.monotonic() - began, process.cpu_seconds - cpu
            writes, memory = _writes(hub, mark), process.memory_mib
    what = f"a plan of {canaries} Canaries in {clusters} clusters"
    return [
        Figure(name=f"{what}, at rest: CPU of the coordinator", value=f"{idle:.1%} of a core"),
        Figure(
            name=f"{what}, at rest: writes of its status",
            value=f"{at_rest} in {window_seconds:g} s",
            target="0",
            reached=not at_rest,
        ),
        Figure(name=f"{what}, a release of all: seconds", value=f"{took:.0f} s"),
        Figure(name=f"{what}, a release of all: CPU of the coordinator", value=f"{used:.1f} s"),
        Figure(name=f"{what}, a release of all: writes of its status", value=str(writes)),
        Figure(
            name=f"{what}, a release of all: its status, at most",
            value=f"{most / 1000:.0f} KB",
            target=f"≤ {MOST_BYTES // 1000} KB",
            reached=most <= MOST_BYTES,
        ),
        Figure(name=f"{what}: memory of the coordinator", value=f"{memory:.0f} MiB"),
    ]


@asynccontextmanager
async def a_coordinator(world: World, hub: HubCluster) -> AsyncIterator[Process]:
    """Run the coordinator as a process of its own."""
    running = a_process(
        Path(sys.executable),
        *("-m", "canary", "fleet", "run", "--kubeconfig", str(hub.direct)),
        *("--lease-namespace", "default"),
        port=free_port(),
        log=world.directory / "coordinator.log",
    )
    async with running as process:
        yield process


async def _complete(hub: HubCluster, canaries: int, release: str) -> None:
    await until(
        lambda: _is_complete(hub, canaries, release),
        f"{release} is seen through",
        seconds=WAVE_SECONDS,
    )


async def _is_complete(hub: HubCluster, canaries: int, release: str) -> bool:
    entries = (await hub.status()).canaries
    seen = Counter((each.release, each.complete) for each in entries)
    return seen[release, True] == canaries


def _writes(hub: HubCluster, mark: int) -> int:
    return sum(
        each.user_agent.startswith(USER_AGENT) and each.resource == "fleetplans"
        for each in hub.server.audit[mark:]
        if each.verb == "patch"
    )


def _said(cluster: str, name: str, state: FleetState, release: str, run: int) -> ReportedCanary:
    return ReportedCanary(
        canary=name, uid=f"{cluster}-{name}", release=release, state=state, run=run
    )
