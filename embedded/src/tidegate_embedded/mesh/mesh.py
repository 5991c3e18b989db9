"""Keeps Envoy up to date with the objects of the embedded API server.

It follows them in the same process, woken by their changes: nothing is polled, and nothing it does
counts as a request.
"""

import asyncio
import logging
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from tidegate_embedded.apiserver.resources import StorageKey
from tidegate_embedded.apiserver.storage import Event, Storage
from tidegate_embedded.mesh.counters import ClusterCounters
from tidegate_embedded.mesh.envoy import Envoy
from tidegate_embedded.mesh.routes import render
from tidegate_embedded.opening import Opened, end_task
from tidegate_embedded.process import ProgramFailed
from tidegate_embedded.values import Manifest

logger = logging.getLogger(__name__)

FOLLOWED: frozenset[StorageKey] = frozenset({
    ("", "services"),
    ("discovery.k8s.io", "endpointslices"),
    ("networking.istio.io", "virtualservices"),
    ("networking.istio.io", "destinationrules"),
    ("split.smi-spec.io", "trafficsplits"),
    ("gateway.networking.k8s.io", "httproutes"),
    ("networking.k8s.io", "ingresses"),
})  # fmt: skip
#: Their labels, which stay as they are, tell subsets apart; that they come and go slices tell.
_READ: StorageKey = ("", "pods")
#: Changes that come together are rendered together.
_GATHER_SECONDS = 0.01


class Mesh(Opened):
    """Envoy as the data plane of an embedded API server, for as long as the context is open.

    `port` 0 takes a free one. Envoy's files and its log are in `directory`, by default a temporary
    one.
    """

    def __init__(
        self,
        storage: Storage,
        *,
        port: int = 0,
        directory: Path | None = None,
        concurrency: int = 1,
    ) -> None:
        self._storage = storage
        self._port = port
        self._directory = directory
        self._concurrency = concurrency
        self._envoy: Envoy | None = None
        self._changed = asyncio.Event()
        #: The last version that concerns routing, and the one that Envoy acts on.
        self._wanted = self._applied = 0
        self._problem: Exception | None = None
        self._progress = asyncio.Condition()
        self._unsupported: tuple[str, ...] = ()

    async def _open(self, context: AsyncExitStack) -> None:
        directory = self._directory
        if directory is None:
            temporary = tempfile.TemporaryDirectory(prefix="tidegate-mesh-")
            directory = Path(context.enter_context(temporary))
        self._envoy = await context.enter_async_context(
            Envoy(directory, port=self._port, concurrency=self._concurrency)
        )
        context.callback(self._storage.subscribe(self._observe))
        self._wanted = self._storage.version
        self._changed.set()
        task = asyncio.create_task(self._follow(), name="mesh")
        context.push_async_callback(end_task, task)
        await self.settled()

    @property
    def url(self) -> str:
        """Where requests go."""
        return self._running.url

    @property
    def admin_url(self) -> str:
        """Where Envoy tells of itself."""
        return self._running.admin_url

    @property
    def metrics_url(self) -> str:
        """Envoy's page of metrics, in Prometheus's text format."""
        return f"{self._running.admin_url}/stats/prometheus"

    @property
    def process_id(self) -> int | None:
        """The id of Envoy's process while it runs."""
        return self._running.process_id

    @property
    def unsupported(self) -> tuple[str, ...]:
        """What the objects ask for and this mesh does not do."""
        return self._unsupported

    async def settled(self) -> None:
        """Wait until Envoy acts on every change so far.

        Raises:
            ProgramFailed: Envoy refuses them, has ended, or does not answer.
        """
        wanted = self._wanted
        async with self._progress:
            await self._progress.wait_for(lambda: self._applied >= wanted or self._problem)
        if self._problem is not None and self._applied < wanted:
            raise self._problem

    async def counters(self) -> dict[str, ClusterCounters]:
        """Read Envoy's counters of every cluster, by its name (`outbound|PORT||HOST`)."""
        return await self._running.counters()

    @property
    def _running(self) -> Envoy:
        assert self._envoy is not None, "the mesh is a context manager: enter it first"
        return self._envoy

    def _observe(self, key: StorageKey, event: Event) -> None:
        if key in FOLLOWED:
            self._wanted = event.version
            self._problem = None
            self._changed.set()

    async def _follow(self) -> None:
        """Render and apply whenever something has changed; what is refused leaves the rest as is."""
        while True:
            await self._changed.wait()
            await asyncio.sleep(_GATHER_SECONDS)
            self._changed.clear()
            version = self._wanted
            try:
                await self._apply()
            except Exception as error:  # one odd object must not end the mesh
                logger.exception("mesh: the objects at version %d are not routed", version)
                self._problem = (
                    error
                    if isinstance(error, ProgramFailed)
                    else ProgramFailed(f"mesh: objects cannot be rendered: {error!r}")
                )
            else:
                self._applied = version
            async with self._progress:
                self._progress.notify_all()

    async def _apply(self) -> None:
        resources = render(self._objects())
        for each in set(resources.unsupported) - set(self._unsupported):
            logger.warning("mesh: not supported, and left out: %s", each)
        self._unsupported = resources.unsupported
        await self._running.apply(resources)

    def _objects(self) -> list[Manifest]:
        return [
            stored.object
            for key in (*FOLLOWED, _READ)
            for stored in self._storage.history(key).objects.values()
        ]
