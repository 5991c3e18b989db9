"""A small reader of Ingresses and of what stands beside them, which tells a real proxy what to do.

It stands in for a controller that cannot be had here; which one, and what it knows of it, belongs
to the subclasses.
"""

import asyncio
import hashlib
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, ClassVar

import httpx

from canary.api.kinds import SERVICE, Kind, Manifest
from canary.cluster.cluster import Cluster
from canary.cluster.informer import Informer
from canary.routers.ingresses import INGRESS
from tests.testbed.debian import Unpacked
from tests.testbed.scratch import scratch_folder
from tidegate_embedded.mesh.counters import ClusterCounters
from tidegate_embedded.mesh.world import World, world_of
from tidegate_embedded.network import free_port
from tidegate_embedded.opening import Opened, end_task
from tidegate_embedded.process import ProgramFailed, last_lines, start_program, stop_program

_LOOPBACK = "127.0.0.1"
_PATIENCE_SECONDS = 180.0
_STOP_SECONDS = 2.0
_POLL_SECONDS = 0.05
_ENDPOINT_SLICE = Kind(
    group="discovery.k8s.io", versions=("v1",), kind="EndpointSlice", plural="endpointslices"
)
_FOLLOWED = {
    "Service": "/api/v1/services",
    "EndpointSlice": "/apis/discovery.k8s.io/v1/endpointslices",
    "Ingress": "/apis/networking.k8s.io/v1/ingresses",
}


class Reader(Opened, ABC):
    """A proxy out of Debian's packages that does what Ingresses say, while the context is open.

    It listens on `port` of an address that no pod has. `client` is of the API server that
    `kubeconfig` leads to.
    """

    name: ClassVar[str]

    def __init__(
        self,
        unpacked: Unpacked,
        kubeconfig: Path,
        client: httpx.AsyncClient,
        *,
        address: str,
        port: int,
        logs: Path,
    ) -> None:
        self._kubeconfig = kubeconfig
        self._client = client
        self.unpacked = unpacked
        self._log = logs / f"{self.name}.log"
        self._changed = asyncio.Event()
        self._held: dict[str, list[Manifest]] = {}
        self.address = address
        self.port = port
        self.admin_port = 0
        self.folder = Path()

    @property
    def url(self) -> str:
        """Where requests go."""
        return f"http://{self.address}:{self.port}"

    @property
    def admin_url(self) -> str:
        """Where the proxy tells of itself."""
        return f"http://{_LOOPBACK}:{self.admin_port}"

    @property
    def metrics_url(self) -> str:
        """Its page of metrics, in Prometheus's text format."""
        return f"{self.admin_url}/metrics"

    @abstractmethod
    def render(self, world: World) -> str:
        """Write what the proxy is to do by the objects of the API."""

    @abstractmethod
    def command(self, rendered: str) -> tuple[str, ...]:
        """Write the files that the proxy starts with; give its arguments."""

    @abstractmethod
    async def tell(self, rendered: str) -> None:
        """Have the proxy do what was rendered."""

    @abstractmethod
    async def told(self) -> str:
        """Ask the proxy what it does, as a hash of what was rendered; empty where it does not say."""

    @abstractmethod
    async def counters(self) -> dict[str, ClusterCounters]:
        """Read the proxy's counters of every Service, by the name `outbound|PORT||HOST`."""

    async def _open(self, context: AsyncExitStack) -> None:
        enter = context.enter_async_context
        self.folder = context.enter_context(scratch_folder())
        self.admin_port = free_port()
        await enter(self._client)
        self.asking = await enter(_client_of(self.admin_url))
        self._log.parent.mkdir(parents=True, exist_ok=True)
        self._log.unlink(missing_ok=True)
        self._process = await start_program(
            self.unpacked.program,
            *self.command(self.render(await self._world())),
            log=self._log,
            environment=self.unpacked.environment,
        )
        context.push_async_callback(stop_program, self._process, grace_seconds=_STOP_SECONDS)
        cluster = await enter(
            Cluster.connect(kubeconfig=str(self._kubeconfig), user_agent=f"{self.name}-reader")
        )
        for kind in (INGRESS, SERVICE, _ENDPOINT_SLICE):
            informer = Informer(
                cluster,
                kind,
                "",
                trim=lambda item: item,
                metadata_only=False,
                on_change=self._on_change,
                on_synced=lambda _: None,
            )
            informer.start()
            context.push_async_callback(informer.stop)
        await self.until(self._answers, "it answers")
        self._changed.set()
        self._following = asyncio.create_task(self._follow(), name=f"{self.name} reader")
        context.push_async_callback(end_task, self._following)

    async def settled(self) -> None:
        """Wait until the proxy does what the objects of the API say.

        Raises:
            ProgramFailed: it does not, after minutes.
        """
        if self._following.done():
            await self._following  # raises what it failed with
        await self.until(self._is_settled, "it does what the API says")

    async def hold(self, *kinds: str) -> None:
        """Learn nothing new of objects of some kinds until it is released."""
        self._held |= {kind: await self._list(kind) for kind in kinds}

    async def release(self) -> None:
        """Learn what there is by now, and wait until the proxy does it."""
        self._held.clear()
        self._changed.set()
        await self.settled()

    async def page(self, path: str) -> str:
        """Read a page of the proxy's; empty while it does not answer."""
        try:
            return (await self.asking.get(path)).raise_for_status().text
        except httpx.HTTPError:
            return ""

    def _on_change(self, *_: Any) -> None:
        self._changed.set()

    async def _follow(self) -> None:
        before = ""
        while True:
            await self._changed.wait()
            self._changed.clear()
            rendered = self.render(await self._world())
            if rendered != before:
                await self.tell(rendered)
                before = rendered

    async def _world(self) -> World:
        return world_of(
            [item for kind in _FOLLOWED for item in self._held.get(kind) or await self._list(kind)]
        )

    async def _list(self, kind: str) -> list[Manifest]:
        answer = (await self._client.get(_FOLLOWED[kind], timeout=30.0)).raise_for_status()
        return [{**item, "kind": kind} for item in answer.json()["items"]]  # lists leave it out

    async def _is_settled(self) -> bool:
        return await self.told() == version(self.render(await self._world()))

    async def _answers(self) -> bool:
        return bool(await self.told())

    async def until(self, holds: Callable[[], Awaitable[bool]], what: str) -> None:
        """Wait until something holds while the proxy runs.

        Raises:
            ProgramFailed: it ended, or it took minutes.
        """
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not await holds():
            if self._process.returncode is not None or time.monotonic() > deadline:
                ended = self._process.returncode is not None
                cause = "ended" if ended else f"waited {_PATIENCE_SECONDS:g} s"
                raise ProgramFailed(
                    f"{self.name}: {cause} before {what}; all of it is in {self._log}: "
                    f"{last_lines(self._log)}"
                )
            await asyncio.sleep(_POLL_SECONDS)


def _client_of(url: str) -> httpx.AsyncClient:
    """Connect anew for each request: a connection that is kept belongs to a worker, old or new."""
    limits = httpx.Limits(max_keepalive_connections=0)
    return httpx.AsyncClient(base_url=url, limits=limits, trust_env=False)


def version(rendered: str) -> str:
    """Tell one rendering from another."""
    return hashlib.sha256(rendered.encode()).hexdigest()[:16]
