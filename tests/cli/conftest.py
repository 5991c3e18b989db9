"""A cluster and a Prometheus for commands, over real HTTP."""

import signal
from collections.abc import AsyncIterator, Iterator
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from canary.api.kinds import Kind
from canary.api.meta import GROUP
from canary.api.schema import crds
from canary.cluster.cluster import Cluster
from canary.controller.canaries import canary_kind
from tests.definitions import define
from tidegate_embedded.apiserver import EmbeddedApiServer

TEMPLATES = Kind(
    group=GROUP, versions=("v1beta1",), kind="MetricTemplate", plural="metrictemplates"
)
CANARY = {
    "apiVersion": f"{GROUP}/v1beta1",
    "kind": "Canary",
    "metadata": {"name": "podinfo", "namespace": "default"},
    "spec": {
        "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "podinfo"},
        "service": {"port": 80},
        "analysis": {
            "stepWeight": 10,
            "metrics": [
                {"name": "request-success-rate", "thresholdRange": {"min": 99}},
                {
                    "name": "orders",
                    "templateRef": {"name": "orders"},
                    "thresholdRange": {"max": 500},
                },
            ],
        },
    },
}

START = datetime(2026, 3, 1, 14, tzinfo=UTC)
FAILS = range(10, 15)
"""The minutes in which the success rate is below the bound, from the start."""
GATE: dict[str, Any] = {
    "interval": "1m",
    "threshold": 3,
    "maxWeight": 50,
    "stepWeight": 10,
    "metrics": [{"name": "request-success-rate", "thresholdRange": {"min": 99}}],
}


@dataclass(frozen=True, slots=True)
class PastStore:
    """Where the store is, and what it was asked."""

    address: str
    queries: list[str]


def a_gate(**analysis: object) -> dict[str, Any]:
    """Build a Canary whose checks fail in the minutes in which the store's past was bad."""
    canary = deepcopy(CANARY)
    canary["spec"]["analysis"] = GATE | analysis
    return canary


def success_rate(moment: float) -> str:
    """Give the success rate at a moment."""
    return "90" if int((moment - START.timestamp()) // 60) in FAILS else "99.9"


@pytest.fixture
async def server() -> AsyncIterator[EmbeddedApiServer]:
    async with EmbeddedApiServer() as server:
        yield server


@pytest.fixture
def kubeconfig(server: EmbeddedApiServer, tmp_path: Path) -> Path:
    return server.kubeconfig(tmp_path / "kubeconfig")


@pytest.fixture
async def cluster(server: EmbeddedApiServer, kubeconfig: Path) -> AsyncIterator[Cluster]:
    async with Cluster.connect(kubeconfig=str(kubeconfig)) as cluster:
        await define(server, cluster, crds().values())
        await cluster.create(CANARY, canary_kind(GROUP))
        yield cluster


@pytest.fixture
async def prometheus() -> AsyncIterator[str]:
    async def query_range(request: web.Request) -> web.Response:
        asked = await request.post() if request.method == "POST" else request.query
        start = float(str(asked["start"]))
        values = [[start + 60 * minute, str(98 + minute % 3)] for minute in range(30)]
        result = [{"metric": {}, "values": values}]
        return web.json_response(
            {"status": "success", "data": {"resultType": "matrix", "result": result}}
        )

    application = web.Application()
    application.router.add_route("*", "/api/v1/query_range", query_range)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    yield f"http://{host}:{port}"
    await runner.cleanup()


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Let processes take Ctrl-C, as from a terminal; what a shell starts beside ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
async def store() -> AsyncIterator[PastStore]:
    """A Prometheus whose success rate is 99.9 %, and 90 % in a few minutes."""
    queries: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked = await request.post() if request.method == "POST" else request.query
        if "broken" in str(asked["query"]):
            return web.json_response({"status": "error", "errorType": "bad_data"}, status=400)
        queries.append(str(asked["query"]))
        at, end, step = (float(str(asked[name])) for name in ("start", "end", "step"))
        values = []
        while at <= end:
            values.append([at, success_rate(at)])
            at += step
        result = [{"metric": {}, "values": values}]
        return web.json_response(
            {"status": "success", "data": {"resultType": "matrix", "result": result}}
        )

    application = web.Application()
    application.router.add_route("*", "/api/v1/query_range", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    yield PastStore(f"http://{host}:{port}", queries)
    await runner.cleanup()


@pytest.fixture
async def stored(cluster: Cluster) -> Cluster:
    """A cluster whose Canary judges a success rate."""
    spec = {"spec": a_gate()["spec"]}
    await cluster.merge_patch(canary_kind(GROUP), "default", "podinfo", spec)
    return cluster
