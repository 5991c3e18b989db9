"""A world for stories: objects, traffic, and tidegate as a process of its own.

tidegate runs as in a cluster, so that it can be stopped, killed and started again. What the cluster
consists of belongs to the subclasses; what happens in it to `story.py` and to the tests.
"""

import asyncio
import tempfile
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol, Self

from canary.api.kinds import DEPLOYMENT, SERVICE, Kind, Manifest, ObjectKey
from canary.api.meta import GROUP
from canary.api.validation import parse_canary
from canary.cluster.cluster import Cluster
from canary.controller.canaries import canary_kind
from canary.controller.events import EVENT
from canary.core.traffic import Seen
from canary.demo import manifests
from canary.demo.tidegate import TidegateProcess
from canary.errors import NotFound
from canary.routers import ClusterState, router_for
from tidegate_embedded.load import Load
from tidegate_embedded.mesh.counters import ClusterCounters
from tidegate_embedded.process import last_lines

POLL_SECONDS = 0.05
USER_AGENT = "tidegate-demo"


class DataPlane(Protocol):
    """The proxy that callers of the app come through."""

    @property
    def url(self) -> str:
        """Where requests go."""

    @property
    def metrics_url(self) -> str:
        """Its page of metrics, in Prometheus's text format."""

    async def settled(self) -> None:
        """Wait until it acts on every object so far."""

    async def counters(self) -> dict[str, ClusterCounters]:
        """Read its counters of every cluster, by its name (`outbound|PORT||HOST`)."""


class World(ABC):
    """A cluster, running while the context is open; `namespace` is the story's own."""

    #: Connected to the API server as a user who may do everything.
    api: Cluster
    kubeconfig: Path
    mesh: DataPlane
    #: The API group of the app's Canary.
    group = GROUP
    #: How many times longer than in the embedded world things may take.
    patience = 1.0

    def __init__(
        self,
        *,
        router: str,
        namespace: str,
        directory: Path | None,
        requests_per_second: float,
        drain: str,
    ) -> None:
        self.router = router
        self.namespace = namespace
        self._directory = directory
        self._requests_per_second = requests_per_second
        self._drain = drain
        self._stack = AsyncExitStack()
        self._controller: TidegateProcess | None = None

    async def __aenter__(self) -> Self:
        try:
            if self._directory is None:
                temporary = tempfile.TemporaryDirectory(prefix="tidegate-demo-")
                self._directory = Path(self._stack.enter_context(temporary))
            self.directory = self._directory
            await self._start()
            self._stack.push_async_callback(self.stop_controller)
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @abstractmethod
    async def _start(self) -> None:
        """Start the cluster and connect to it."""

    @property
    def controller_kubeconfig(self) -> Path:
        """How tidegate connects."""
        return self.kubeconfig

    @property
    def service(self) -> Mapping[str, Any]:
        """Fields of a Canary's `service` that this world's way of entry asks for."""
        return {}

    @abstractmethod
    def controller_flags(self) -> Sequence[str]:
        """Give the flags that tidegate needs in this world."""

    # ---------------------------------------------------------------------------------- tidegate

    @property
    def controller_log(self) -> Path:
        """Where tidegate logs."""
        return self.directory / "tidegate.log"

    async def start_controller(self, *flags: str, python_path: Path | None = None) -> None:
        """Start tidegate, and wait until it is ready; a path holds packages beside it."""
        self._controller = await TidegateProcess.started(
            *("--kubeconfig", str(self.controller_kubeconfig)),
            *("--drain", self._drain),
            *("--router", self.router),
            *self.controller_flags(),
            *flags,
            log=self.controller_log,
            python_path=python_path,
        )
        await self.until(self._controller.ready, "tidegate is ready", seconds=120)

    async def stop_controller(self) -> None:
        """Stop tidegate in order."""
        if self._controller is not None:
            await self._controller.stop()
            self._controller = None

    async def kill_controller(self) -> None:
        """Kill tidegate at once, as a node that fails does."""
        assert self._controller is not None
        await self._controller.kill()
        self._controller = None

    # ----------------------------------------------------------------------------------- objects

    async def create(self, manifest: Manifest, kind: Kind) -> Manifest:
        """Create an object."""
        return await self.api.create(manifest, kind)

    async def create_app(self, tag: str, **behaviour: str) -> None:
        """Create the app at a version."""
        await self.create(
            manifests.deployment(tag, namespace=self.namespace, behaviour=behaviour), DEPLOYMENT
        )

    async def expose_app(self) -> None:
        """Give the app a Service and a way for its callers, before there is a Canary."""
        port = {"name": "http", "port": manifests.PORT, "targetPort": manifests.CONTAINER_PORT}
        service = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": manifests.APP, "namespace": self.namespace},
            "spec": {"selector": {"app": manifests.APP}, "ports": [port]},
        }
        await self.create(service, SERVICE)

    async def create_canary(self, **changes: Any) -> None:
        """Create the app's Canary."""
        manifest = manifests.canary(
            self.router, namespace=self.namespace, service=self.service, **changes
        )
        await self.create(manifest, canary_kind(GROUP))

    async def release(self, tag: str, **behaviour: str) -> None:
        """Change the app to another version, as `kubectl apply` of a new image would."""
        template = manifests.pod_template(tag, behaviour=behaviour)
        await self.patch(DEPLOYMENT, manifests.APP, {"spec": {"template": template}})

    async def patch(self, kind: Kind, name: str, patch: Manifest) -> Manifest:
        """Merge a patch into an object of the story's namespace."""
        return await self.api.merge_patch(kind, self.namespace, name, patch)

    async def annotate(self, verb: str, value: str = "story") -> None:
        """Give a command to the Canary by annotation."""
        annotations = {f"{GROUP}/{verb}": value}
        await self.patch(
            canary_kind(self.group), manifests.APP, {"metadata": {"annotations": annotations}}
        )

    async def read(self, kind: Kind, name: str) -> Manifest | None:
        """Read an object of the story's namespace; None where there is none."""
        try:
            return await self.api.read(kind, self.namespace, name)
        except NotFound:
            return None

    async def canary(self) -> Manifest:
        """Read the app's Canary."""
        return await self.api.read(canary_kind(self.group), self.namespace, manifests.APP)

    async def status(self) -> Mapping[str, Any]:
        """Read the status of the app's Canary."""
        status: Mapping[str, Any] = (await self.canary()).get("status") or {}
        return status

    async def events(self) -> list[Manifest]:
        """List the events of the story's namespace."""
        return [event async for page, _ in self.api.pages(EVENT, self.namespace) for event in page]

    async def routed(self) -> Seen | None:
        """Read what the route does now, as the router reads it."""
        router, canary = router_for(self.router), parse_canary(await self.canary())
        existing = {
            key: manifest
            for key in router.objects(canary).all
            if (manifest := await self.read(key.kind, key.name)) is not None
        }
        return router.read(canary, ClusterState(existing=existing, served={}))

    async def routes(self) -> tuple[ObjectKey, ...]:
        """Tell which objects the router makes for the Canary."""
        return router_for(self.router).objects(parse_canary(await self.canary())).written

    async def answers(self) -> bool:
        """Tell whether pods of the app answer who calls it, whichever of the proxy's threads takes the call.

        Each of them hears of hosts and endpoints for itself; of a host that it has not heard of it
        says that there is none, which no pod has said.
        """
        async with self._load(rate=200.0) as load:
            stats = await load.reaches(64)
        return stats.failed == 0 and sum(stats.by_version.values()) == stats.requests

    async def until_routed(self, weight: int) -> Mapping[str, Any]:
        """Wait until the canary gets a share of the traffic; give the Canary's status then."""

        async def there() -> bool:
            seen = await self.routed()
            return seen is not None and seen.weight == weight

        await self.until(there, f"{weight} % routed to the canary", seconds=120)
        await self.mesh.settled()
        return await self.status()

    async def until(
        self, holds: Callable[[], Awaitable[bool]], what: str, *, seconds: float = 120.0
    ) -> None:
        """Wait until something holds; what is waited for in `seconds` may take `patience` times it.

        Raises:
            TimeoutError: it does not hold in time; says where the Canary is instead.
        """
        loop = asyncio.get_running_loop()
        seconds *= self.patience
        deadline = loop.time() + seconds
        while not await holds():
            if loop.time() > deadline:
                raise TimeoutError(f"not in {seconds:g} s: {what}; {await self._where()}")
            await asyncio.sleep(POLL_SECONDS)

    async def until_phase(self, *phases: str, seconds: float = 120.0) -> Mapping[str, Any]:
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
    async def traffic(self, **headers: str) -> AsyncIterator[Load]:
        """Send requests to the app all the while, with these headers."""
        await self.mesh.settled()
        async with self._load(rate=self._requests_per_second, headers=headers) as load:
            yield load

    def _load(self, **options: Any) -> Load:
        host = f"{manifests.APP}.{self.namespace}.svc.cluster.local"
        return Load(self.mesh.url, host=host, **options)
