"""The embedded world: API server, controllers, pods, Envoy and metrics, all on this machine.

What can be done in any world belongs to `world.py`.
"""

from collections.abc import Sequence
from pathlib import Path

from canary.api.kinds import Kind
from canary.api.schema import crds
from canary.cluster.cluster import Cluster
from canary.demo import manifests
from canary.demo.world import USER_AGENT, World
from tidegate_embedded.apiserver import EmbeddedApiServer
from tidegate_embedded.controllers import Controllers
from tidegate_embedded.mesh import Mesh
from tidegate_embedded.pods import ProcessRuntime
from tidegate_embedded.prometheus import Prometheus, stored_pods

CRD = Kind(
    group="apiextensions.k8s.io",
    versions=("v1",),
    kind="CustomResourceDefinition",
    plural="customresourcedefinitions",
    namespaced=False,
)
NAMESPACE = Kind(
    group="", versions=("v1",), kind="Namespace", plural="namespaces", namespaced=False
)


class EmbeddedWorld(World):
    """A small cluster in this process, running while the context is open."""

    def __init__(
        self,
        *,
        router: str = "istio",
        metrics: str = "scrape",
        directory: Path | None = None,
        requests_per_second: float = 100.0,
        drain: str = "2s",
    ) -> None:
        super().__init__(
            router=router,
            namespace=manifests.NAMESPACE,
            directory=directory,
            requests_per_second=requests_per_second,
            drain=drain,
        )
        self.metrics = metrics
        self.prometheus: Prometheus | None = None

    async def _start(self) -> None:
        enter = self._stack.enter_async_context
        self.server = await enter(EmbeddedApiServer())
        self.kubeconfig = self.server.kubeconfig(self.directory / "kubeconfig")
        self.api = await enter(
            Cluster.connect(
                kubeconfig=str(self.kubeconfig),
                user_agent=USER_AGENT,
                requests_per_second=1000,
                burst=1000,
            )
        )
        for crd in (*crds().values(), *manifests.routing_crds()):
            await self.api.create(crd, CRD)
        await self.api.create(manifests.namespace(self.namespace), NAMESPACE)
        self.pods = await enter(ProcessRuntime(directory=self.directory / "pods"))
        directory = self.directory / "mesh"
        directory.mkdir(parents=True, exist_ok=True)
        self.mesh = await enter(Mesh(self.server.storage, directory=directory))
        await enter(Controllers(self.server, self.pods, drain_seconds=0.5))
        if self.metrics == "prometheus":
            pods = stored_pods(self.server.storage)
            self.prometheus = await enter(Prometheus(pods, envoy_metrics_url=self.mesh.metrics_url))

    def controller_flags(self) -> Sequence[str]:
        """Give where tidegate reads metrics."""
        if self.prometheus is not None:
            return ("--metrics-server", self.prometheus.url)
        return ("--metrics-provider", "scrape", "--scrape-targets", self.mesh.metrics_url)
