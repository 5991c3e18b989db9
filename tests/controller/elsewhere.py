"""A second cluster, which has the routes and nothing else, behind a proxy that does as it is told."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from canary.api.kinds import NAMESPACE, Kind, Manifest
from canary.cluster.cluster import Cluster
from canary.controller.controller import Controller
from canary.demo import manifests
from canary.errors import NotFound
from tests.controller.faults import Proxy, proxied
from tests.controller.running import AnyWorld
from tests.definitions import define
from tidegate_embedded.apiserver import EmbeddedApiServer

SYSTEM = "kube-system"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutesCluster:
    """The cluster of the routes."""

    server: EmbeddedApiServer
    proxy: Proxy
    api: Cluster
    kubeconfig: Path
    """By the proxy."""

    def running_controller(
        self, world: AnyWorld, **settings: Any
    ) -> AbstractAsyncContextManager[Controller]:
        """Run a controller of a world whose routes are here."""
        named = {"cluster_name": "eu-1", "routes_kubeconfig": str(self.kubeconfig)}
        return world.running_controller(**(named | settings))

    async def read(self, kind: Kind, name: str = manifests.APP) -> Manifest | None:
        """Read a route; None where there is none."""
        try:
            return await self.api.read(kind, manifests.NAMESPACE, name)
        except NotFound:
            return None

    async def weight(self, kind: Kind, name: str = manifests.APP) -> int | None:
        """Read the canary's weight in a VirtualService."""
        found = await self.read(kind, name)
        if found is None:
            return None
        routes = found["spec"]["http"][0]["route"]
        return next(
            (r.get("weight", 0) for r in routes if r["destination"]["host"].endswith("-canary")), 0
        )


@asynccontextmanager
async def routes_cluster(world: AnyWorld) -> AsyncIterator[RoutesCluster]:
    """Run it beside a world."""
    try:
        await world.api.read(NAMESPACE, "", SYSTEM)
    except NotFound:
        await world.api.create(manifests.namespace(SYSTEM), NAMESPACE)
    async with EmbeddedApiServer() as server, proxied(server.url) as proxy:
        direct = server.kubeconfig(world.directory / "routes.kubeconfig")
        document = yaml.safe_load(direct.read_text())
        document["clusters"][0]["cluster"]["server"] = proxy.url
        kubeconfig = world.directory / "routes-by-proxy.kubeconfig"
        kubeconfig.write_text(yaml.safe_dump(document))
        async with world.connect(direct) as api:
            await define(server, api, manifests.routing_crds())
            await api.create(manifests.namespace(manifests.NAMESPACE), NAMESPACE)
            yield RoutesCluster(server=server, proxy=proxy, api=api, kubeconfig=kubeconfig)
