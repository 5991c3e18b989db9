"""The real worlds of the stories: a real control plane, Envoy as gateway, and Prometheus.

Istiod tells Envoy, or Contour, or Envoy Gateway. It is started once for all stories (`Stage`); each
story has a namespace and a controller of its own (`RealWorld`). The controller holds the roles of the
chart, and no other rights.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from canary.api.kinds import POD, Manifest
from canary.api.schema import crds
from canary.cluster.cluster import Cluster
from canary.controller.canaries import canary_kind
from canary.demo import manifests
from canary.demo.embedded import CRD, NAMESPACE
from canary.demo.world import DataPlane, World
from canary.errors import NotFound
from tests.controller.running import until
from tests.delivery import role
from tests.testbed.build import provide_programs
from tests.testbed.contour import Contour, ContourGateway
from tests.testbed.control_plane import NAMES, ControlPlane
from tests.testbed.entrances import Entrance, Place, entrance
from tests.testbed.envoy_gateway import EnvoyGateway
from tests.testbed.gateway import Gateway, IstioGateway
from tests.testbed.istiod import Istiod
from tests.testbed.readers import READERS, reader_of
from tidegate_embedded.prometheus import Pods, Prometheus

#: The routers that Istio's own control plane reads the objects of.
ISTIO_ROUTERS = ("istio", "gatewayapi")
#: The routers of the controller's role.
GRANTED = (*ISTIO_ROUTERS, *READERS)
#: Without a router the ingress gateway leads to the apex Service.
SERVICE_ROUTERS = ("kubernetes", "kubernetes:replicas")
#: Whose stories can be told where istiod tells Envoy, where Contour does, and where Envoy Gateway does.
ROUTERS = (*GRANTED, "istio:subsets", *SERVICE_ROUTERS)
CONTOUR_ROUTERS = ("contour", "gatewayapi")
ENVOY_GATEWAY_ROUTERS = ("gatewayapi",)
#: Where the proxies of the small readers listen: an address that no pod has.
_READERS_ADDRESS = "10.244.254.2"
#: How long a pod that is being deleted goes on serving, until every proxy knows.
_DRAIN_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What all stories share."""

    programs: Mapping[str, Path]
    plane: ControlPlane
    gateway: Gateway
    prometheus: Prometheus
    api: Cluster
    controller_kubeconfig: Path
    """Of the chart's account under the chart's roles."""
    lease: str = role.RELEASE
    """The Lease that a controller in a story holds: each account has one of its own."""

    @asynccontextmanager
    async def proxy(self, router: str, logs: Path) -> AsyncIterator[tuple[DataPlane, str]]:
        """Give what reads the objects of a router, and where it is that metrics are."""
        if router not in READERS:
            yield self.gateway, self.prometheus.url
            return
        kubeconfig, client = self.plane.kubeconfig, self.plane.client()
        reader = await reader_of(router, kubeconfig, client, address=_READERS_ADDRESS, logs=logs)
        async with (
            reader,
            Prometheus(
                pods_of(self.api),
                envoy_metrics_url=reader.metrics_url,
                program=self.programs["prometheus"],
            ) as prometheus,
        ):
            yield reader, prometheus.url


@asynccontextmanager
async def a_stage(logs: Path) -> AsyncIterator[Stage]:
    """Start everything, with Istio; what its programs log goes to a folder."""
    async with (
        _plane("istiod", logs) as (programs, plane),
        Istiod(programs, plane, logs=logs) as istiod,
        IstioGateway(plane, istiod, logs=logs) as gateway,
        _staged(programs, plane, gateway, GRANTED, logs) as stage,
    ):
        yield stage


@asynccontextmanager
async def a_contour_stage(logs: Path) -> AsyncIterator[Stage]:
    """Start everything, with Contour."""
    async with (
        _plane("contour", logs) as (programs, plane),
        Contour(programs, plane, logs=logs) as contour,
        ContourGateway(plane, contour, logs=logs) as gateway,
        _staged(programs, plane, gateway, CONTOUR_ROUTERS, logs) as stage,
    ):
        yield stage


@asynccontextmanager
async def an_envoy_gateway_stage(logs: Path) -> AsyncIterator[Stage]:
    """Start everything, with Envoy Gateway."""
    async with (
        _plane("envoy-gateway", logs) as (programs, plane),
        EnvoyGateway(programs, plane, logs=logs) as gateway,
        _staged(programs, plane, gateway, ENVOY_GATEWAY_ROUTERS, logs) as stage,
    ):
        yield stage


@asynccontextmanager
async def _plane(teller: str, logs: Path) -> AsyncIterator[tuple[Mapping[str, Path], ControlPlane]]:
    """Start a control plane, and have the program that tells Envoy."""
    programs = await asyncio.to_thread(provide_programs, (*NAMES, teller, "prometheus"))
    async with ControlPlane(
        programs, logs=logs, pods="served", drain_seconds=_DRAIN_SECONDS
    ) as plane:
        yield programs, plane


@asynccontextmanager
async def _staged(
    programs: Mapping[str, Path],
    plane: ControlPlane,
    gateway: Gateway,
    routers: Sequence[str],
    logs: Path,
) -> AsyncIterator[Stage]:
    """Start what does not depend on who tells Envoy."""
    async with (
        Cluster.connect(
            kubeconfig=str(plane.kubeconfig),
            user_agent="stories",
            requests_per_second=1000,
            burst=1000,
        ) as api,
        Prometheus(
            pods_of(api), envoy_metrics_url=gateway.metrics_url, program=programs["prometheus"]
        ) as prometheus,
    ):
        await install(api, crds().values())
        yield Stage(
            programs=programs,
            plane=plane,
            gateway=gateway,
            prometheus=prometheus,
            api=api,
            controller_kubeconfig=await role.granted(plane, logs, routers=routers),
        )


def pods_of(api: Cluster) -> Pods:
    """Give the pods of a cluster, whenever they are asked for."""

    async def pods() -> list[Manifest]:
        return [pod async for page, _ in api.pages(POD, "") for pod in page]

    return pods


async def install(api: Cluster, definitions: Iterable[Manifest]) -> None:
    """Create CRDs, and wait until they are served."""
    for definition in definitions:
        await api.create(definition, CRD)
        name = definition["metadata"]["name"]
        await until(partial(_established, api, name), f"{name} is established")


async def _established(api: Cluster, name: str) -> bool:
    status = (await api.read(CRD, "", name)).get("status") or {}
    return any(
        each["type"] == "Established" and each["status"] == "True"
        for each in status.get("conditions") or ()
    )


class RealWorld(World):
    """A namespace on the stage, and a controller for all of them, while the context is open."""

    patience = 3.0

    def __init__(self, stage: Stage, *, router: str, namespace: str, directory: Path) -> None:
        super().__init__(
            router=router,
            namespace=namespace,
            directory=directory,
            requests_per_second=100.0,
            drain="3s",
        )
        self._stage = stage

    async def _start(self) -> None:
        self.api = self._stage.api
        self.kubeconfig = self._stage.plane.kubeconfig
        await self.api.create(manifests.namespace(self.namespace), NAMESPACE)
        self._stack.push_async_callback(self._leave)
        self.mesh, self._metrics = await self._stack.enter_async_context(
            self._stage.proxy(self.router, self.directory)
        )
        for item, kind in self._entrance.always:
            await self.create(item, kind)

    async def _leave(self) -> None:
        """Let the namespace go, also where no controller is left to finish its Canary."""
        kind = canary_kind(self.group)
        try:
            patch: Manifest = {"metadata": {"finalizers": []}}
            await self.api.merge_patch(kind, self.namespace, manifests.APP, patch)
            await self.api.delete(kind, self.namespace, manifests.APP)
        except NotFound:
            await asyncio.sleep(0)  # the story has deleted it
        await self.api.delete(NAMESPACE, "", self.namespace)

    @property
    def controller_kubeconfig(self) -> Path:
        """The chart's account, with the chart's roles."""
        return self._stage.controller_kubeconfig

    @property
    def _entrance(self) -> Entrance:
        place = Place(namespace=self.namespace, parent=self._stage.gateway.parent)
        return entrance(self.router, place)

    @property
    def service(self) -> Mapping[str, Any]:
        """Fields that lead the gateway to the app."""
        return self._entrance.service

    def controller_flags(self) -> Sequence[str]:
        """Give where metrics are, and where the chart's roles allow a Lease."""
        return (
            *("--metrics-server", self._metrics),
            *("--lease-namespace", role.NAMESPACE, "--lease-name", self._stage.lease),
        )

    async def expose_app(self) -> None:
        """Give the app a Service and a route through the gateway, as its users would."""
        await super().expose_app()
        for item, kind in self._entrance.exposed:
            await self.create(item, kind)
