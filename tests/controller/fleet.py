"""A hub, and clusters that report to it, each behind a proxy that does as it is told."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from canary.api.fleet_status import FleetPlanStatus, read_plan_status
from canary.api.fleetreport import FleetReportStatus, ReportedCanary, read_report_status
from canary.api.hub import FLEET_PLAN, FLEET_REPORT
from canary.api.kinds import Manifest
from canary.api.schema import hub_crds
from canary.cluster.cluster import Cluster
from canary.controller.controller import Controller
from canary.demo import manifests
from canary.demo.embedded import NAMESPACE
from canary.errors import NotFound
from tests.controller.faults import Proxy, proxied
from tests.controller.running import AnyWorld
from tests.definitions import define
from tidegate_embedded.apiserver import EmbeddedApiServer

PLACE, NAME = "releases", "shop"
PLAN = f"{PLACE}/{NAME}"
REPORT = f"{PLACE}.{NAME}"


@dataclass(frozen=True, slots=True, kw_only=True)
class HubCluster:
    """The hub."""

    server: EmbeddedApiServer
    proxy: Proxy
    """By which members reach it."""
    api: Cluster
    direct: Path
    kubeconfig: Path
    """By the proxy."""

    def running_member(
        self, world: AnyWorld, cluster: str = "eu-1", **settings: Any
    ) -> AbstractAsyncContextManager[Controller]:
        """Run a controller of a world that belongs to this fleet."""
        named = {"cluster_name": cluster, "fleet_kubeconfig": str(self.kubeconfig)}
        return world.running_controller(**(named | settings))

    async def create_plan(self, *waves: Manifest, **spec: Any) -> None:
        """Create the plan."""
        plan = {
            "apiVersion": "tidegate.dev/v1beta1",
            "kind": "FleetPlan",
            "metadata": {"name": NAME, "namespace": PLACE},
            "spec": {"waves": list(waves), **spec},
        }
        await self.api.create(plan, FLEET_PLAN)

    async def status(self) -> FleetPlanStatus:
        """Read what the plan says."""
        plan = await self.api.read(FLEET_PLAN, PLACE, NAME)
        return read_plan_status(plan.get("status"))

    async def decide(self, status: FleetPlanStatus) -> None:
        """Write what the plan says, as a coordinator does."""
        document = status.model_dump(mode="json", by_alias=True, exclude_none=True)
        await self.api.merge_patch(
            FLEET_PLAN, PLACE, NAME, {"status": document}, subresource="status"
        )

    async def report(self, cluster: str = "eu-1") -> FleetReportStatus:
        """Read what a cluster says; empty where it has said nothing."""
        try:
            report = await self.api.read(FLEET_REPORT, cluster, REPORT)
        except NotFound:
            return FleetReportStatus()
        return read_report_status(report.get("status"))

    async def told(self, cluster: str = "eu-1") -> ReportedCanary | None:
        """Read what a cluster says of its one Canary."""
        return next(iter((await self.report(cluster)).canaries), None)


@asynccontextmanager
async def hub_cluster(world: AnyWorld, *clusters: str) -> AsyncIterator[HubCluster]:
    """Run a hub beside a world, with a namespace for each cluster."""
    async with EmbeddedApiServer() as server, proxied(server.url) as proxy:
        direct = server.kubeconfig(world.directory / "hub.kubeconfig")
        document = yaml.safe_load(direct.read_text())
        document["clusters"][0]["cluster"]["server"] = proxy.url
        kubeconfig = world.directory / "hub-by-proxy.kubeconfig"
        kubeconfig.write_text(yaml.safe_dump(document))
        async with world.connect(direct) as api:
            await define(server, api, hub_crds().values())
            for namespace in (PLACE, *clusters):
                await api.create(manifests.namespace(namespace), NAMESPACE)
            yield HubCluster(
                server=server, proxy=proxy, api=api, direct=direct, kubeconfig=kubeconfig
            )
