"""Figures of routes: how long it takes from the acknowledged write of weights until Envoy has them.

Istiod and its gateway's Envoy are real. Each write has a weight of its own, so that Envoy's dump of
its routes tells which writes it has; since when, it tells by the clock that writes are timed by.
"""

import asyncio
import itertools
import statistics
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from canary.api.kinds import SERVICE, Manifest
from canary.cluster.cluster import Cluster
from canary.demo import manifests
from canary.demo.embedded import NAMESPACE
from tests.bench.figures import Figure, p99
from tests.bench.telling import background
from tests.controller.running import VIRTUAL_SERVICE, until
from tests.testbed.build import provide_programs
from tests.testbed.control_plane import NAMES, ControlPlane
from tests.testbed.gateway import IstioGateway
from tests.testbed.ingress import GATEWAY
from tests.testbed.istiod import ISTIO_NAMESPACE, Istiod
from tests.testbed.traffic import actual
from tidegate_embedded.mesh.world import cluster_name
from tidegate_embedded.network import free_port

PLACE = "routes"
"""The namespace of all of it."""
WHOLE = 1_000_000
"""The sum of a route's weights: so many writes of one can be told apart."""
LOOK_SECONDS = 0.05
"""Istiod tells Envoy less often than that."""
ARRIVED_SECONDS = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often routes are written."""

    rate: int
    together: bool = False
    """Whether the writes of a second are made at once."""

    def due(self, number: int) -> float:
        """Tell after how many seconds a write is due."""
        return number // self.rate if self.together else number / self.rate

    def __str__(self) -> str:
        gathered = ", together" if self.together else ""
        return f"route writes, {self.rate} a second{gathered}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mesh:
    """An istiod, and the paces to be measured with it."""

    paces: Sequence[Pace]
    settings: Mapping[str, str]
    """Of istiod, where they are not its own."""

    def __str__(self) -> str:
        return "".join(f", {name}={value}" for name, value in self.settings.items())


MESHES = (
    Mesh(
        paces=(Pace(rate=1), Pace(rate=10), Pace(rate=50), Pace(rate=50, together=True)),
        settings={},
    ),
    Mesh(paces=(Pace(rate=50),), settings={"PILOT_DEBOUNCE_MAX": "1s"}),
)


class Routes:
    """VirtualServices that are written in turn, and what Envoy has of them."""

    def __init__(self, api: Cluster, gateway: IstioGateway, count: int) -> None:
        self._api = api
        self._gateway = gateway
        self._writes = {f"app-{number:04}": 0 for number in range(count)}
        self._turns = itertools.cycle(self._writes)
        self._writing = {name: asyncio.Lock() for name in self._writes}
        self._awaited: dict[str, dict[int, float]] = {name: {} for name in self._writes}
        """By route and number of a write: when it was acknowledged."""
        self.seconds: list[float] = []
        """From each write's acknowledgement until Envoy had it, or a later one of that route."""

    async def create(self) -> None:
        """Create them, each between two Services, and wait until Envoy has all."""
        for name in self._writes:
            for side in _sides(name):
                await self._api.create(_service(side), SERVICE)
            await self._api.create(_route(name), VIRTUAL_SERVICE)
        await self._gateway.settled()

    async def write(self) -> None:
        """Write the weights of the route whose turn it is."""
        name = next(self._turns)
        async with self._writing[name]:
            self._writes[name] += 1
            patch = {"spec": {"http": _http(name, self._writes[name])}}
            await self._api.merge_patch(VIRTUAL_SERVICE, PLACE, name, patch)
            self._awaited[name][self._writes[name]] = time.time()

    async def follow(self) -> None:
        """See what arrives in Envoy."""
        while True:
            for each in await self._gateway.routes():
                since = datetime.fromisoformat(each["last_updated"]).timestamp()
                for host, splits in actual([each["route_config"]], ()).splits.items():
                    shares = dict(itertools.chain(*splits))
                    name = host.partition(".")[0]
                    self._arrive(name, shares.get(_cluster(name), Fraction()) * WHOLE, since)
            await asyncio.sleep(LOOK_SECONDS)

    def _arrive(self, name: str, latest: Fraction, since: float) -> None:
        """Take it that Envoy has a write of a route, and all before it."""
        awaited = self._awaited[name]
        for number in [each for each in awaited if each <= latest]:
            self.seconds.append(max(since - awaited.pop(number), 0))


@asynccontextmanager
async def routed(
    plane: ControlPlane, istiod: Istiod, api: Cluster, count: int, logs: Path
) -> AsyncIterator[Routes]:
    """Have routes that istiod tells a gateway of."""
    gateway = IstioGateway(plane, istiod, address="127.0.0.1", port=free_port(), logs=logs)
    async with gateway:
        routes = Routes(api, gateway, count)
        await api.create(manifests.namespace(PLACE), NAMESPACE)
        await routes.create()
        async with background(routes.follow()):
            yield routes


async def measure(directory: Path, count: int, seconds: int) -> list[Figure]:
    """Write routes at every pace, each for so many seconds."""
    programs = await asyncio.to_thread(provide_programs, (*NAMES, "istiod"))
    figures: list[Figure] = []
    for each in MESHES:
        async with (
            ControlPlane(programs, logs=directory) as plane,
            Istiod(programs, plane, logs=directory, settings=each.settings) as istiod,
            Cluster.connect(
                kubeconfig=str(plane.kubeconfig),
                user_agent="somebody",
                requests_per_second=10_000,
                burst=10_000,
            ) as api,
            routed(plane, istiod, api, count, directory) as routes,
        ):
            for pace in each.paces:
                figures += await _paced(routes, istiod, pace, seconds, f"{pace}{each}")
    return figures


async def _paced(
    routes: Routes, istiod: Istiod, pace: Pace, seconds: int, what: str
) -> list[Figure]:
    """Write routes at a pace, and wait until Envoy has all."""
    routes.seconds.clear()
    count, pushes, began = pace.rate * seconds, await pushed(istiod), time.monotonic()
    async with asyncio.TaskGroup() as group:
        for number in range(count):
            await asyncio.sleep(max(began + pace.due(number) - time.monotonic(), 0))
            group.create_task(routes.write())
    arrived = routes.seconds
    await until(lambda: len(arrived) == count, f"{what}: Envoy has all", seconds=ARRIVED_SECONDS)
    median = statistics.median(arrived)
    return [
        Figure(name=f"{what}: until Envoy has it, median of {count}", value=f"{median:.2f} s"),
        Figure(name=f"{what}: until Envoy has it, p99", value=f"{p99(arrived):.2f} s"),
        Figure(
            name=f"{what}: pushes of routes by istiod",
            value=f"{await pushed(istiod) - pushes} for {count} writes",
        ),
    ]


async def pushed(istiod: Istiod) -> int:
    """Ask istiod how often it has told a proxy of routes."""
    async with httpx.AsyncClient(trust_env=False) as client:
        page = (await client.get(istiod.metrics_url)).raise_for_status().text
    return sum(
        int(sample.value)
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name.startswith("pilot_xds_pushes") and sample.labels.get("type") == "rds"
    )


def _sides(name: str) -> tuple[str, str]:
    return f"{name}-primary", f"{name}-canary"


def _cluster(name: str) -> str:
    """Give what Envoy calls the canary's side of a route."""
    return cluster_name((PLACE, _sides(name)[1]), manifests.PORT)


def _service(name: str) -> Manifest:
    metadata = {"name": name, "namespace": PLACE}
    spec = {"ports": [{"name": "http", "port": manifests.PORT}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def _route(name: str) -> Manifest:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": name, "namespace": PLACE},
        "spec": {
            "hosts": [f"{name}.test"],
            "gateways": [f"{ISTIO_NAMESPACE}/{GATEWAY}"],
            "http": _http(name, 0),
        },
    }


def _http(name: str, number: int) -> list[Manifest]:
    """Write the weights of a route's write."""
    weights = zip(_sides(name), (WHOLE - number, number), strict=True)
    routes = [{"destination": {"host": host}, "weight": weight} for host, weight in weights]
    return [{"route": routes}]
