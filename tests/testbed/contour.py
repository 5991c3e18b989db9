"""Contour beside a real Kubernetes control plane, and Envoy from PyPI as the proxy that it tells.

It reads HTTPProxies and the Gateway API. What they ask for belongs to `httpproxies.py`.
"""

import asyncio
import json
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import ClassVar

import httpx
import yaml

from canary.api.kinds import Manifest
from tests.routers.published import CONTOUR
from tests.testbed.control_plane import LOGS, ControlPlane
from tests.testbed.gateway import FOLLOWED, Gateway
from tests.testbed.httpproxies import COUNTED, http_proxies, renamed
from tests.testbed.istiod import apply, install_crds
from tests.testbed.scratch import scratch_folder
from tests.testbed.traffic import Traffic, http_routes, wanted
from tidegate_embedded.mesh.world import World
from tidegate_embedded.network import free_port
from tidegate_embedded.opening import Opened
from tidegate_embedded.process import ProgramFailed, last_lines, start_program, stop_program

#: Where it lives, and its Gateway.
_NAMESPACE = "projectcontour"
_GATEWAY = "ingress"
_LOOPBACK = "127.0.0.1"
_START_SECONDS = 180.0
_STOP_SECONDS = 2.0
_POLL_SECONDS = 0.1
#: Envoy listens so far above the port that a Gateway says: Contour expects a Service before it.
_ABOVE = 8000
#: Kinds whose versions the Gateway API no longer serves.
_DISABLED = ("tlsroutes", "tcproutes", "backendtlspolicies")


class Contour(Opened):
    """A ready Contour that has installed its CRDs, for as long as the context is open.

    `programs` are paths by name; its log is `contour.log` in the folder `logs`, and stays. Envoy is
    to listen on `address`.
    """

    def __init__(
        self,
        programs: Mapping[str, Path],
        plane: ControlPlane,
        *,
        address: str = "10.244.254.1",
        logs: Path = LOGS,
    ) -> None:
        self.program = programs["contour"]
        self.address = address
        self.log = logs / "contour.log"
        self._plane = plane
        self._process: asyncio.subprocess.Process | None = None
        self.discovery_port = self.admin_port = self.metrics_port = 0

    async def _open(self, context: AsyncExitStack) -> None:
        client = await context.enter_async_context(self._plane.client())
        await install_crds(client, CONTOUR, "examples/contour/01-crds.yaml")
        await apply(client, {"apiVersion": "v1", "kind": "Namespace"}, _NAMESPACE)
        folder = context.enter_context(scratch_folder())
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.log.unlink(missing_ok=True)
        self.discovery_port, self.admin_port, self.metrics_port = (free_port() for _ in range(3))
        own = str(free_port())
        configuration = folder / "contour.yaml"
        gateway = {"gatewayRef": {"namespace": _NAMESPACE, "name": _GATEWAY}}
        said = {"gateway": gateway, "network": {"admin-port": self.admin_port}}
        configuration.write_text(yaml.safe_dump(said), encoding="utf-8")
        self._process = await start_program(
            self.program,
            "serve",
            f"--kubeconfig={self._plane.kubeconfig}",
            f"--config-path={configuration}",
            "--disable-leader-election",  # there is one
            *(f"--disable-feature={each}" for each in _DISABLED),
            "--insecure",  # nothing here has a certificate
            f"--xds-address={_LOOPBACK}",
            f"--xds-port={self.discovery_port}",
            f"--http-address={_LOOPBACK}",
            f"--http-port={own}",
            f"--health-address={_LOOPBACK}",
            f"--health-port={own}",
            f"--stats-address={_LOOPBACK}",
            f"--stats-port={self.metrics_port}",
            f"--envoy-service-http-address={self.address}",
            f"--envoy-service-https-address={self.address}",
            "--envoy-http-access-log=/dev/null",
            log=self.log,
        )
        context.push_async_callback(stop_program, self._process, grace_seconds=_STOP_SECONDS)
        await self._ready(f"http://{_LOOPBACK}:{own}/healthz")

    async def _ready(self, url: str) -> None:
        deadline = time.monotonic() + _START_SECONDS
        async with httpx.AsyncClient(trust_env=False) as client:
            while not await _answers(client, url):
                ended = self._process is None or self._process.returncode is not None
                if ended or time.monotonic() > deadline:
                    cause = "ended" if ended else f"waited {_START_SECONDS:g} s"
                    raise ProgramFailed(
                        f"contour: {cause} before it was ready; all of it is in {self.log}: "
                        f"{last_lines(self.log)}"
                    )
                await asyncio.sleep(_POLL_SECONDS)


class ContourGateway(Gateway):
    """An Envoy that Contour tells what to do; HTTPProxies and HTTPRoutes open the same port."""

    followed: ClassVar[Mapping[str, str]] = FOLLOWED | {
        "HTTPProxy": "/apis/projectcontour.io/v1/httpproxies"
    }
    counted: ClassVar[str] = COUNTED

    def __init__(
        self, plane: ControlPlane, contour: Contour, *, port: int = 18080, logs: Path = LOGS
    ) -> None:
        super().__init__(plane, address=contour.address, port=port, logs=logs, teller=contour.log)
        self._contour = contour

    @property
    def parent(self) -> Mapping[str, str]:
        """The Gateway that HTTPRoutes name as their parent."""
        return {"name": _GATEWAY, "namespace": _NAMESPACE}

    @property
    def metrics_url(self) -> str:
        """Envoy's page of metrics, where Contour has it listen for Prometheus."""
        return f"http://{_LOOPBACK}:{self._contour.metrics_port}/stats/prometheus"

    def objects(self) -> tuple[tuple[str, Manifest], ...]:
        """Write the Gateway, its class, and a host by which Envoy listens before there is an app."""
        version = "gateway.networking.k8s.io/v1"
        listener = {
            "name": "http",
            "port": self._port - _ABOVE,
            "protocol": "HTTP",
            "allowedRoutes": {"namespaces": {"from": "All"}},
        }
        return (
            _object(
                f"{version}/gatewayclasses",
                "GatewayClass",
                "contour",
                {"controllerName": "projectcontour.io/gateway-controller"},
            ),
            _object(
                f"{version}/namespaces/{_NAMESPACE}/gateways",
                "Gateway",
                _GATEWAY,
                {"gatewayClassName": "contour", "listeners": [listener]},
            ),
            _object(
                f"projectcontour.io/v1/namespaces/{_NAMESPACE}/httpproxies",
                "HTTPProxy",
                "ready",
                {
                    "virtualhost": {"fqdn": "ready.example.com"},
                    "routes": [{"directResponsePolicy": {"statusCode": 200}}],
                },
            ),
        )

    async def start(self) -> asyncio.subprocess.Process:
        """Start Envoy with what Contour writes for it, as in a cluster."""
        written = self.folder / "contour.json"
        process = await start_program(
            self._contour.program,
            "bootstrap",
            str(written),
            f"--xds-address={_LOOPBACK}",
            f"--xds-port={self._contour.discovery_port}",
            f"--admin-address={self.folder / 'admin.sock'}",
            log=self._teller,
        )
        if await process.wait():
            raise ProgramFailed(f"contour bootstrap: {last_lines(self._teller)}")
        said: Manifest = json.loads(written.read_text(encoding="utf-8"))
        # How soon a histogram shows what it has seen; an Envoy without a name is told nothing.
        node = {"id": _GATEWAY, "cluster": "contour"}
        return await self.run(said | {"stats_flush_interval": "0.5s", "node": node})

    def wanted(self, world: World) -> Traffic:
        """Tell what HTTPProxies and HTTPRoutes ask for."""
        ours = frozenset({(_NAMESPACE, _GATEWAY)})
        return wanted(world, (*http_proxies(world), *http_routes(world, ours)))

    def said(self, page: str) -> str:
        """Give clusters the names that Istio would give."""
        return renamed(page)

    def admin_at(self, _written: str) -> str:
        """Give where Contour has Envoy tell of itself: what Envoy has written is a socket."""
        return f"http://{_LOOPBACK}:{self._contour.admin_port}"


def _object(path: str, kind: str, name: str, spec: Manifest) -> tuple[str, Manifest]:
    version = "/".join(path.split("/")[:2])
    metadata = {"name": name} | ({"namespace": _NAMESPACE} if "/namespaces/" in path else {})
    return f"/apis/{path}", {
        "apiVersion": version,
        "kind": kind,
        "metadata": metadata,
        "spec": spec,
    }


async def _answers(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(url)).status_code == 200
    except httpx.TransportError:
        return False
