"""An embedded API server, a proxy before it that can fail, and a connection through the proxy."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest

from canary.cluster.cluster import Cluster
from tests.controller.faults import Proxy, kubeconfig, proxied
from tests.controller.running import World
from tidegate_embedded.apiserver import EmbeddedApiServer


class Rests(list[float]):
    """Waits, which take no time here."""

    async def sleep(self, seconds: float) -> None:
        self.append(seconds)


class Connect(Protocol):
    def __call__(self, **options: Any) -> Any: ...


@pytest.fixture
async def server() -> AsyncIterator[EmbeddedApiServer]:
    async with EmbeddedApiServer() as server:
        yield server


@pytest.fixture
async def proxy(server: EmbeddedApiServer) -> AsyncIterator[Proxy]:
    async with proxied(server.url) as proxy:
        yield proxy


@pytest.fixture
def rests() -> Rests:
    return Rests()


@pytest.fixture
def connect(proxy: Proxy, rests: Rests, tmp_path: Path) -> Connect:
    """Connect through the proxy."""

    @asynccontextmanager
    async def connected(**options: Any) -> AsyncIterator[Cluster]:
        options.setdefault("kubeconfig", str(kubeconfig(tmp_path / "kubeconfig", proxy.url)))
        async with Cluster.connect(**({"sleep": rests.sleep} | options)) as cluster:
            yield cluster

    return connected


@pytest.fixture
async def cluster(connect: Connect) -> AsyncIterator[Cluster]:
    async with connect() as cluster:
        yield cluster


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path) as world:
        yield world
