"""The embedded world, whole: API server, controllers, pods, Envoy, metrics, and tidegate itself.

tidegate runs as a process of its own, as in a cluster, so that it can be stopped, killed and
started again. What is told in the world belongs to `story.py` and to the tests.
"""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Self

from canary.api.kinds import DEPLOYMENT, Kind, Manifest
from canary.api.meta import GROUP
from canary.api.schema import crds
from canary.api.validation import parse_canary
from canary.controller.canaries import canary_kind
from canary.controller.cluster import Cluster
from canary.core.weights import Split
from canary.demo import manifests
from canary.demo.apiserver import EmbeddedApiServer
from canary.demo.controllers import Controllers
from canary.demo.load import Load
from canary.demo.mesh import Mesh
from canary.demo.network import free_port
from canary.demo.pods import ProcessRuntime
from canary.demo.process import ProgramFailed, last_lines, start_program, stop_program
from canary.demo.prometheus import Prometheus
from canary.errors import NotFound
from canary.routers import Cluster as Routes
from canary.routers import router_for

CRD = Kind(
    group="apiextensions.k8s.io",
    versions=("v1",),
    kind="CustomResourceDefinition",
    plural="customresourcedefinitions",
    namespaced=False,
)
EVENT = Kind(group="", versions=("v1",), kind="Event", plural="events")
NAMESPACE = Kind(
    group="", versions=("v1",), kind="Namespace", plural="namespaces", namespaced=False
)
POLL_SECONDS = 0.05
USER_AGENT = "tidegate-demo"


class EmbeddedWorld:
    """A small cluster on this machine, running while the context is open."""

    def __init__(
        self,
        *,
        router: str = "istio",
        metrics: str = "scrape",
        directory: Path | None = None,
        requests_per_second: float = 100.0,
        drain: str = "2s",
    ) -> None:
        self.router = router
        self.metrics = metrics
        self._directory = directory
        self._requests_per_second = requests_per_second
        self._drain = drain
        self._stack = AsyncExitStack()
        self._controller: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _start(self) -> None:
        enter = self._stack.enter_async_context
        if self._directory is None:
            temporary = tempfile.TemporaryDirectory(prefix="tidegate-demo-")
            self._directory = Path(self._stack.enter_context(temporary))
        self.directory = self._directory
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
        await self.api.create(
            {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {"name": manifests.NAMESPACE},
            },
            NAMESPACE,
        )
        self.pods = await enter(ProcessRuntime(directory=self.directory / "pods"))
        self.mesh = await enter(Mesh(self.server.storage, directory=_made(self.directory / "mesh")))
        await enter(Controllers(self.server, self.pods, drain_seconds=0.5))
        self.prometheus: Prometheus | None = None
        if self.metrics == "prometheus":
            self.prometheus = await enter(
                Prometheus(self.server.storage, envoy_metrics_url=self.mesh.metrics_url)
            )
        self._stack.push_async_callback(self.stop_controller)

    # ---------------------------------------------------------------------------------- tidegate

    @property
    def controller_log(self) -> Path:
        """Where tidegate logs."""
        return self.directory / "tidegate.log"

    async def start_controller(self, *flags: str) -> None:
        """Start tidegate, and wait until it is ready."""
        self.controller_port = free_port()
        metrics = ["--metrics-provider", "scrape", "--scrape-targets", self.mesh.metrics_url]
        if self.prometheus is not None:
            metrics = ["--metrics-server", self.prometheus.url]
        self._controller = await start_program(
            Path(sys.executable),
            "-m",
            "canary",
            "run",
            "--kubeconfig",
            str(self.kubeconfig),
            "--listen",
            f"127.0.0.1:{self.controller_port}",
            "--log-format",
            "console",
            "--drain",
            self._drain,
            "--router",
            self.router,
            "--lease-duration",
            "4s",
            "--lease-renew-deadline",
            "3s",
            "--lease-retry-period",
            "500ms",
            *metrics,
            *flags,
            log=self.controller_log,
        )
        await self.until(self._ready, "tidegate is ready", seconds=30)

    async def stop_controller(self) -> None:
        """Stop tidegate in order."""
        if self._controller is not None:
            await stop_program(self._controller, grace_seconds=25)
            self._controller = None

    async def kill_controller(self) -> None:
        """Kill tidegate at once, as a node that fails does."""
        assert self._controller is not None
        self._controller.kill()
        await self._controller.wait()
        self._controller = None

    async def _ready(self) -> bool:
        if self._controller is not None and self._controller.returncode is not None:
            raise ProgramFailed(f"tidegate ended: {last_lines(self.controller_log)}")
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.controller_port)
        except OSError:
            return False
        try:
            writer.write(b"GET /readyz HTTP/1.1\r\nHost: tidegate\r\nConnection: close\r\n\r\n")
            return b" 200 " in await reader.readline()
        finally:
            writer.close()

    # ----------------------------------------------------------------------------------- objects

    async def create(self, manifest: Manifest, kind: Kind) -> Manifest:
        """Create an object."""
        return await self.api.create(manifest, kind)

    async def create_app(self, tag: str, **behaviour: str) -> None:
        """Create the app at a version."""
        await self.create(manifests.deployment(tag, behaviour=behaviour), DEPLOYMENT)

    async def create_canary(self, **changes: Any) -> None:
        """Create the app's Canary."""
        await self.create(manifests.canary(self.router, **changes), canary_kind(GROUP))

    async def release(self, tag: str, **behaviour: str) -> None:
        """Change the app to another version, as `kubectl apply` of a new image would."""
        template = manifests.pod_template(tag, behaviour=behaviour)
        await self.patch(DEPLOYMENT, manifests.APP, {"spec": {"template": template}})

    async def patch(self, kind: Kind, name: str, patch: Manifest) -> Manifest:
        """Merge a patch into an object of the story's namespace."""
        return await self.api.merge_patch(kind, manifests.NAMESPACE, name, patch)

    async def annotate(self, verb: str, value: str = "story") -> None:
        """Give a command to the Canary by annotation."""
        annotations = {f"{GROUP}/{verb}": value}
        await self.patch(
            canary_kind(GROUP), manifests.APP, {"metadata": {"annotations": annotations}}
        )

    async def read(self, kind: Kind, name: str) -> Manifest | None:
        """Read an object of the story's namespace; None where there is none."""
        try:
            return await self.api.read(kind, manifests.NAMESPACE, name)
        except NotFound:
            return None

    async def canary(self) -> Manifest:
        """Read the app's Canary."""
        return await self.api.read(canary_kind(GROUP), manifests.NAMESPACE, manifests.APP)

    async def status(self) -> Mapping[str, Any]:
        """Read the status of the app's Canary."""
        status: Mapping[str, Any] = (await self.canary()).get("status") or {}
        return status

    async def events(self) -> list[Manifest]:
        """List the events of the story's namespace."""
        return [
            event async for page, _ in self.api.pages(EVENT, manifests.NAMESPACE) for event in page
        ]

    async def routed(self) -> Split | None:
        """Read the split that the route has now, as the router reads it."""
        router, canary = router_for(self.router), parse_canary(await self.canary())
        existing = {
            key: manifest
            for key in router.objects(canary)
            if (manifest := await self.read(key.kind, key.name)) is not None
        }
        return router.weights(canary, Routes(existing=existing, served={}))

    async def until_routed(self, weight: int) -> Mapping[str, Any]:
        """Wait until the canary gets a share of the traffic; give the Canary's status then."""

        async def there() -> bool:
            split = await self.routed()
            return split is not None and split.canary == weight

        await self.until(there, f"{weight} % routed to the canary", seconds=60)
        await self.mesh.settled()
        return await self.status()

    async def until(
        self, holds: Callable[[], Awaitable[bool]], what: str, *, seconds: float = 30.0
    ) -> None:
        """Wait until something holds.

        Raises:
            TimeoutError: it does not hold in time; says where the Canary is instead.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while not await holds():
            if loop.time() > deadline:
                raise TimeoutError(f"not in {seconds:g} s: {what}; {await self._where()}")
            await asyncio.sleep(POLL_SECONDS)

    async def until_phase(self, *phases: str, seconds: float = 30.0) -> Mapping[str, Any]:
        """Wait until the Canary is in one of the phases; give its status."""
        found: Mapping[str, Any] = {}

        async def there() -> bool:
            nonlocal found
            found = await self.status()
            return found.get("phase") in phases

        await self.until(there, f"phase {' or '.join(phases)}", seconds=seconds)
        return found

    async def _where(self) -> str:
        try:
            status = await self.status()
        except NotFound:
            return "there is no Canary"
        return (
            f"phase {status.get('phase')}, weight {status.get('canaryWeight')}, "
            f"waiting for {status.get('waitingFor')}; log: {last_lines(self.controller_log)}"
        )

    @asynccontextmanager
    async def traffic(self) -> AsyncIterator[Load]:
        """Send requests to the app all the while."""
        host = f"{manifests.APP}.{manifests.NAMESPACE}.svc.cluster.local"
        async with Load(self.mesh.url, host=host, rate=self._requests_per_second) as load:
            yield load


def _made(directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    return directory
