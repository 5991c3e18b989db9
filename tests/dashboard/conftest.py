"""A dashboard on a laptop, over real HTTP, beside a cluster with Canaries of every kind."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from canary.api.meta import GROUP
from canary.api.schema import crds
from canary.api.status import CanaryStatus, write_status
from canary.cli.examining import Examined, State
from canary.cluster.cluster import Cluster
from canary.controller.canaries import canary_kind
from canary.dashboard.process import Laptop, on_laptop
from canary.demo import manifests
from canary.demo.embedded import NAMESPACE
from tests.cli.leases import create_lease
from tests.controller.running import until
from tests.dashboard.browsing import FLAGS, PATIENCE_MS, find_chromium, use_packages
from tests.definitions import define
from tests.views.fleet import MANIFESTS
from tidegate_embedded.apiserver import EmbeddedApiServer

CANARY = canary_kind(GROUP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A dashboard, the cluster that it shows, and a browser that was let in."""

    laptop: Laptop
    cluster: Cluster
    browser: aiohttp.ClientSession

    async def get(self, path: str, **options: object) -> aiohttp.ClientResponse:
        return await self.browser.get(f"{self.laptop.address}{path}", **options)

    async def read(self, path: str) -> str:
        answer = await self.get(path)
        assert answer.status == 200, await answer.text()
        return await answer.text()

    async def change(self, name: str, status: CanaryStatus) -> None:
        """Have the controller write another status."""
        patch = {"status": write_status(status)}
        await self.cluster.merge_patch(CANARY, "web", name, patch, subresource="status")


@pytest.fixture
async def server() -> AsyncIterator[EmbeddedApiServer]:
    async with EmbeddedApiServer() as server:
        yield server


@pytest.fixture
async def kubeconfig(server: EmbeddedApiServer, tmp_path: Path) -> Path:
    return server.kubeconfig(tmp_path / "kubeconfig")


@pytest.fixture
async def cluster(server: EmbeddedApiServer, kubeconfig: Path) -> AsyncIterator[Cluster]:
    """A cluster with all Canaries of the fleet in the namespace `web`, and a controller's Lease."""
    async with Cluster.connect(kubeconfig=str(kubeconfig)) as cluster:
        await define(server, cluster, crds().values())
        await cluster.create(manifests.namespace("web"), NAMESPACE)
        for each in MANIFESTS:
            await cluster.create({**each, "metadata": each["metadata"] | {"uid": ""}}, CANARY)
            await cluster.merge_patch(
                *(CANARY, "web", each["metadata"]["name"], {"status": each["status"]}),
                subresource="status",
            )
        await create_lease(cluster, datetime.now(UTC), seconds=3600)
        yield cluster


async def examine(_cluster: Cluster) -> AsyncIterator[Examined]:
    """Find something good, something bad, and something that cannot be told."""
    for state in State:
        yield Examined(state=state, what="controller", message=f"what is {state}")


@pytest.fixture
async def laptop(cluster: Cluster) -> AsyncIterator[Laptop]:
    async with on_laptop(cluster, user="alice", examine=examine) as laptop:
        await until(lambda: laptop.fleet.synced)
        yield laptop


@asynccontextmanager
async def let_in(laptop: Laptop, cluster: Cluster) -> AsyncIterator[Opened]:
    """Let a browser in."""
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as browser:
        async with browser.get(laptop.invitation()) as answer:
            assert answer.status == 200, await answer.text()
        yield Opened(laptop=laptop, cluster=cluster, browser=browser)


@pytest.fixture
async def opened(laptop: Laptop, cluster: Cluster) -> AsyncIterator[Opened]:
    async with let_in(laptop, cluster) as opened:
        yield opened


@pytest.fixture
async def chromium() -> AsyncIterator[Any]:
    use_packages()
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=find_chromium(), args=list(FLAGS), timeout=PATIENCE_MS
        )
        yield browser
        await browser.close()
