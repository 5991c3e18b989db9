"""An app in a namespace of the real control plane, for stories that no traffic is needed in."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from canary.cluster.cluster import Cluster
from canary.demo import manifests
from canary.demo.embedded import NAMESPACE
from canary.demo.world import World
from tests.controller.running import CANARY
from tests.testbed.control_plane import ControlPlane


@asynccontextmanager
async def connected(plane: ControlPlane) -> AsyncIterator[Cluster]:
    """Connect as the tester, who may do everything."""
    async with Cluster.connect(
        kubeconfig=str(plane.kubeconfig),
        user_agent="tester",
        requests_per_second=1000,
        burst=1000,
    ) as api:
        yield api


class AppNamespace(World):
    """A namespace, there while the context is open; controllers are started by others."""

    patience = 4.0

    def __init__(self, plane: ControlPlane, api: Cluster, namespace: str, directory: Path) -> None:
        super().__init__(
            router="istio",
            namespace=namespace,
            directory=directory,
            requests_per_second=0.0,
            drain="0s",
        )
        self.api = api
        self.kubeconfig = plane.kubeconfig

    async def _start(self) -> None:
        await self.api.create(manifests.namespace(self.namespace), NAMESPACE)
        self._stack.push_async_callback(self._leave)

    async def _leave(self) -> None:
        """Let the namespace go, with no Canary in it that waits for a controller."""
        for canary in [
            each async for page, _ in self.api.pages(CANARY, self.namespace) for each in page
        ]:
            name = canary["metadata"]["name"]
            await self.patch(CANARY, name, {"metadata": {"finalizers": []}})
            await self.api.delete(CANARY, self.namespace, name)
        await self.api.delete(NAMESPACE, "", self.namespace)

    def controller_flags(self) -> Sequence[str]:
        """Give none: it starts no controller."""
        return ()
