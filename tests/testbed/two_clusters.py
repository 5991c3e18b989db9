"""A second real cluster beside the stage's, which has the routes and nothing else of an app.

It is Istio's primary-remote: istiod reads its configuration from the second cluster alone, and
Services with their endpoints from both. The first one is made known to it by a Secret, as
`istioctl create-remote-secret` writes it. The gateway's Envoy belongs to that istiod.
"""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from canary.api.kinds import Manifest
from canary.cluster.cluster import Cluster
from canary.controller.routes_cluster import of_routes
from canary.demo import manifests
from tests.delivery import role
from tests.testbed.control_plane import ControlPlane
from tests.testbed.gateway import IstioGateway
from tests.testbed.istiod import ISTIO_NAMESPACE, Istiod, apply
from tests.testbed.world import Stage, pods_of
from tidegate_embedded.prometheus import Prometheus

#: What the cluster of the workloads is called in the one of the routes.
CLUSTER = "eu-1"
RELEASE = "tidegate-elsewhere"
#: No pod has the address, and the stage's own gateway has another port.
_ADDRESS, _PORT = "10.244.254.3", 18081
_HERE = ("Service", "EndpointSlice")


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoClusters:
    """The stage of a story whose routes are in a second cluster, and that cluster."""

    stage: Stage
    """As the story sees it: one connection to both, and the gateway behind the second istiod."""
    routes: ControlPlane
    """The cluster of the routes."""
    kubeconfig: Path
    """Of the chart's account in that cluster."""

    @property
    def flags(self) -> tuple[str, ...]:
        """What the controller is told."""
        return ("--cluster-name", CLUSTER, "--routes-kubeconfig", str(self.kubeconfig))


class RemoteGateway(IstioGateway):
    """An Envoy whose routes are in one cluster, and the pods that they lead to in another."""

    def __init__(
        self, routes: ControlPlane, workloads: ControlPlane, istiod: Istiod, *, logs: Path
    ) -> None:
        super().__init__(routes, istiod, address=_ADDRESS, port=_PORT, logs=logs)
        self._workloads = workloads

    async def _open(self, context: AsyncExitStack) -> None:
        self._here = await context.enter_async_context(self._workloads.client())
        await super()._open(context)

    async def listed(self, kind: str) -> list[Manifest]:
        """List the objects of a kind, each where it is."""
        if kind in _HERE:
            return await self.listed_by(self._here, kind)
        return await super().listed(kind)


@asynccontextmanager
async def two_clusters(stage: Stage, namespace: str, logs: Path) -> AsyncIterator[TwoClusters]:
    """Start a second cluster with an Istio of its own; `namespace` is the story's, in both."""
    here = stage.plane
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        routes = await enter(ControlPlane(stage.programs, logs=logs))
        istiod = await enter(Istiod(stage.programs, routes, logs=logs))
        async with routes.client() as client:
            secrets = f"/api/v1/namespaces/{ISTIO_NAMESPACE}/secrets"
            await apply(client, _remote_secret(here), f"istio-remote-{CLUSTER}", path=secrets)
            await apply(client, manifests.namespace(namespace), namespace)
        gateway = await enter(RemoteGateway(routes, here, istiod, logs=logs))
        prometheus = await enter(
            Prometheus(
                pods_of(stage.api),
                envoy_metrics_url=gateway.metrics_url,
                program=stage.programs["prometheus"],
            )
        )
        api = await enter(
            Cluster.connect(
                kubeconfig=str(here.kubeconfig),
                user_agent="stories",
                requests_per_second=1000,
                burst=1000,
            )
        )
        everything = {"kubeconfig": str(routes.kubeconfig), "context": None, "name": CLUSTER}
        await enter(api.split(**everything, resources=of_routes()))
        values = (f'clusterName="{CLUSTER}"', 'routesCluster={"secretName":"routes"}')
        staged = replace(
            stage,
            gateway=gateway,
            prometheus=prometheus,
            api=api,
            controller_kubeconfig=await role.granted(here, logs, *values, release=RELEASE),
            lease=RELEASE,
        )
        kubeconfig = await role.granted_routes(routes, logs, release=RELEASE)
        yield TwoClusters(stage=staged, routes=routes, kubeconfig=kubeconfig)


def _remote_secret(plane: ControlPlane) -> Manifest:
    """Tell istiod of another cluster: it takes no file from a Secret, so all of it stands there."""
    config = json.loads(plane.kubeconfig.read_text())
    for each in config["clusters"]:
        authority = Path(each["cluster"].pop("certificate-authority")).read_bytes()
        each["cluster"]["certificate-authority-data"] = base64.b64encode(authority).decode()
    content = base64.b64encode(json.dumps(config).encode()).decode()
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "labels": {"istio/multiCluster": "true"},
            "annotations": {"networking.istio.io/cluster": CLUSTER},
        },
        "data": {CLUSTER: content},
    }
