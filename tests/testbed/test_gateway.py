"""A real Istio over a real API server, with Envoy from PyPI as its gateway.

The addresses of pods are this machine's only inside a network of their own:
`python -m tests.testbed.namespace python -m pytest tests/testbed/test_gateway.py`.
"""

import asyncio
import math
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from analysis.builtin import builtin
from analysis.model import ProviderSpec, Sample
from analysis.providers.prometheus import PrometheusProvider
from tests.testbed.build import found_programs
from tests.testbed.control_plane import NAMES, ControlPlane
from tests.testbed.gateway import IstioGateway
from tests.testbed.ingress import GATEWAY
from tests.testbed.istiod import ISTIO_NAMESPACE, Istiod, apply
from tidegate_embedded.load import Load
from tidegate_embedded.pods import server
from tidegate_embedded.process import last_lines, start_program, stop_program
from tidegate_embedded.prometheus import Prometheus

pytestmark = [pytest.mark.control_plane, pytest.mark.asyncio(loop_scope="module")]

DEADLINE_SECONDS = 180.0
REQUESTS = 600
NAMESPACE = "test"
PORT, CONTAINER_PORT = 80, 9898
#: Names that a Deployment and a DaemonSet would give, by the Service that leads there.
PODS = {
    "podinfo-primary": ("10.244.7.1", "podinfo-primary-5c7d9fbb84-b4n6z"),
    "podinfo-canary": ("10.244.7.2", "podinfo-6d9f7c8b5-x7k2p"),
}
CANARY = f"outbound|{PORT}||podinfo-canary.{NAMESPACE}.svc.cluster.local"
Route = Callable[[int, int], tuple[str, dict[str, Any]]]


def collection(plural: str, group: str = "") -> str:
    root = f"/apis/{group}" if group else "/api/v1"
    return f"{root}/namespaces/{NAMESPACE}/{plural}"


def virtual_service(primary: int, canary: int) -> tuple[str, dict[str, Any]]:
    sides = (("podinfo-primary", primary), ("podinfo-canary", canary))
    routes = [{"destination": {"host": host}, "weight": weight} for host, weight in sides]
    spec = {
        "hosts": ["istio.test"],
        "gateways": [f"{ISTIO_NAMESPACE}/{GATEWAY}"],
        "http": [{"route": routes}],
    }
    item = {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "spec": spec}
    return collection("virtualservices", "networking.istio.io/v1"), item


def http_route(primary: int, canary: int) -> tuple[str, dict[str, Any]]:
    sides = (("podinfo-primary", primary), ("podinfo-canary", canary))
    backends = [{"name": host, "port": PORT, "weight": weight} for host, weight in sides]
    spec = {
        "hostnames": ["gatewayapi.test"],
        "parentRefs": [{"name": GATEWAY, "namespace": ISTIO_NAMESPACE}],
        "rules": [{"backendRefs": backends}],
    }
    item = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "spec": spec}
    return collection("httproutes", "gateway.networking.k8s.io/v1"), item


ROUTES: dict[str, Route] = {"istio": virtual_service, "gatewayapi": http_route}


class World:
    """What the tests share: the API, the gateway, and Prometheus over them."""

    def __init__(self, client: httpx.AsyncClient, gateway: IstioGateway, prometheus: str) -> None:
        self.client = client
        self.gateway = gateway
        self.prometheus = prometheus

    async def route(self, router: str, primary: int, canary: int) -> None:
        path, item = ROUTES[router](primary, canary)
        await apply(self.client, item, "podinfo", path=path)
        await self.gateway.settled()

    async def endpoints(self, service: str, *addresses: str) -> None:
        item = {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"labels": {"kubernetes.io/service-name": service}},
            "addressType": "IPv4",
            "ports": [{"name": "http", "port": CONTAINER_PORT}],
            "endpoints": [{"addresses": [ip], "conditions": {"ready": True}} for ip in addresses],
        }
        path = collection("endpointslices", "discovery.k8s.io/v1")
        await apply(self.client, item, f"{service}-1", path=path)

    def load(self, router: str) -> Load:
        return Load(self.gateway.url, host=f"{router}.test", rate=300)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """A canary whose requests all fail, beside a primary whose requests all succeed."""
    programs = found_programs((*NAMES, "istiod", "prometheus"))
    if programs is None:
        pytest.skip("not everything is built: python -m tests.testbed.build")
    if not local("10.244.254.1"):
        pytest.skip("run it in a network of its own: python -m tests.testbed.namespace")
    logs = tmp_path_factory.mktemp("gateway")
    async with AsyncExitStack() as context:
        enter = context.enter_async_context
        plane = await enter(ControlPlane(programs, logs=logs))
        istiod = await enter(Istiod(programs, plane, logs=logs))
        gateway = await enter(IstioGateway(plane, istiod, logs=logs))
        client = await enter(plane.client())
        await apply(client, {"apiVersion": "v1", "kind": "Namespace"}, NAMESPACE)
        for service, (address, pod) in PODS.items():
            error_rate = "1" if service == "podinfo-canary" else "0"
            await enter(serving(address, logs / f"{pod}.log", ERROR_RATE=error_rate, HOSTNAME=pod))
        prometheus = await enter(
            Prometheus(pods, envoy_metrics_url=gateway.metrics_url, program=programs["prometheus"])
        )
        made = World(client, gateway, prometheus.url)
        for service, (address, _) in PODS.items():
            ports = [{"name": "http", "port": PORT, "targetPort": CONTAINER_PORT}]
            item = {"apiVersion": "v1", "kind": "Service", "spec": {"ports": ports}}
            await apply(client, item, service, path=collection("services"))
            await made.endpoints(service, address)
        yield made


def local(address: str) -> bool:
    """Tell whether an address is this machine's."""
    with socket.socket() as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


@asynccontextmanager
async def serving(address: str, log: Path, **environment: str) -> AsyncIterator[None]:
    process = await start_program(
        Path(sys.executable),
        "-c",
        # Its standard input is this one's, which stays open as long as this one lives.
        SERVES,
        str(server.__file__),
        address,
        str(CONTAINER_PORT),
        log=log,
        environment={**os.environ, **environment},
    )
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not await answers(address):
                assert process.returncode is None, last_lines(log)
                await asyncio.sleep(0.05)
        yield
    finally:
        await stop_program(process, grace_seconds=5)


#: The server ends when its input is closed; `start_program` gives it none, so it gets a pipe that
#: nobody closes but the end of the process itself.
SERVES = """
import os, runpy, sys
os.dup2(os.pipe()[0], 0)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


async def answers(address: str) -> bool:
    try:
        _, writer = await asyncio.open_connection(address, CONTAINER_PORT)
    except OSError:
        return False
    writer.close()
    return True


async def pods() -> list[dict[str, Any]]:
    """Give the pods as the API would."""
    ports = [{"containerPort": CONTAINER_PORT}]
    return [
        {
            "metadata": {"namespace": NAMESPACE, "name": name},
            "spec": {"containers": [{"ports": ports}]},
            "status": {"podIP": address},
        }
        for address, name in PODS.values()
    ]


@pytest.mark.parametrize("router", ROUTES)
async def test_requests_are_split_as_the_object_in_the_api_says(world: World, router: str) -> None:
    for primary, canary in ((80, 20), (30, 70), (100, 0), (0, 100)):
        await world.route(router, primary, canary)
        before = (await world.gateway.counters()).get(CANARY)
        async with world.load(router) as load:
            stats = await load.reaches(REQUESTS)
        stats = load.stats()
        sent = (await world.gateway.counters())[CANARY].total - (before.total if before else 0)
        share = canary / 100
        error = math.sqrt(REQUESTS * share * (1 - share))
        assert abs(sent - stats.requests * share) <= 6 * error
        assert stats.lost == 0, stats.losses
        assert stats.by_cluster.get(CANARY, 0) == sent


@pytest.mark.parametrize("router", ROUTES)
async def test_the_built_in_queries_find_what_they_ask_for(world: World, router: str) -> None:
    await world.route(router, 50, 50)
    provider = PrometheusProvider(ProviderSpec(type="prometheus", address=world.prometheus))
    values = {"target": "podinfo", "namespace": NAMESPACE, "interval": "10s"}
    primary = values | {"target": "podinfo-primary"}
    try:
        async with world.load(router):
            success, duration = "request-success-rate", "request-duration"
            assert await asked(provider, written(builtin(success, router), values)) == 0
            assert await asked(provider, written(builtin(success, router), primary)) == 100
            assert 0 < await asked(provider, written(builtin(duration, router), values)) < 10_000
    finally:
        await provider.close()


@pytest.mark.parametrize("router", ROUTES)
async def test_no_request_is_lost_while_endpoints_come_and_go(world: World, router: str) -> None:
    await world.route(router, 100, 0)
    address, _ = PODS["podinfo-primary"]
    other = "10.244.7.3"
    async with serving(other, Path(os.devnull)), world.load(router) as load:
        for addresses in ((address, other), (other,), (address, other), (address,)):
            await world.endpoints("podinfo-primary", *addresses)
            await world.gateway.settled()
            await load.reaches(100)
    stats = load.stats()
    assert stats.failed == 0, stats.failures


def written(template: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        template = template.replace(f"{{{{ {name} }}}}", value)
    return template


async def asked(provider: PrometheusProvider, query: str) -> float:
    """Ask until there is a number: rates need two scrapes, and the rules come after them."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            outcome = await provider.query(query, datetime.now(UTC), timedelta(seconds=10))
            if isinstance(outcome, Sample) and outcome.value == outcome.value:
                return outcome.value
            await asyncio.sleep(0.2)
