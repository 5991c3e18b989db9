"""The controller's server: health and readiness that tell the truth, and metrics."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from canary.controller.metrics import Metrics
from canary.errors import CanaryError
from canary.serving import LONGEST_SILENCE_SECONDS, Server
from tidegate_embedded.network import free_port


class Controller:
    """What the server is told of the controller."""

    def __init__(self) -> None:
        self.silence = 0.0
        self.obstacles: list[str] = []
        self.accepted: list[str] = []

    def page(self, accept: str) -> tuple[bytes, str]:
        self.accepted.append(accept)
        return Metrics(version="1.2.3", router="istio").page(accept)

    def server(self, host: str | None = "127.0.0.1", port: int = 0) -> Server:
        return Server(
            host=host,
            port=port,
            silence=lambda: self.silence,
            obstacles=lambda: self.obstacles,
            page=self.page,
        )


@pytest.fixture
def controller() -> Controller:
    return Controller()


@asynccontextmanager
async def served(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    await server.start()
    try:
        address = f"http://127.0.0.1:{server.port}"
        async with httpx.AsyncClient(base_url=address, trust_env=False) as client:
            yield client
    finally:
        await server.stop()


async def test_it_is_healthy_while_the_controller_does_its_rounds(controller: Controller) -> None:
    async with served(controller.server()) as client:
        assert (await client.get("/healthz")).status_code == 200
        controller.silence = LONGEST_SILENCE_SECONDS
        assert (await client.get("/healthz")).status_code == 200
        controller.silence = LONGEST_SILENCE_SECONDS + 1
        answer = await client.get("/healthz")
    assert (answer.status_code, answer.text) == (503, "nothing was done for 61 s\n")


async def test_it_is_ready_when_nothing_is_in_the_way_and_says_what_is(
    controller: Controller,
) -> None:
    controller.obstacles = ["canaries.tidegate.dev: not listed yet", "no connection"]
    async with served(controller.server()) as client:
        answer = await client.get("/readyz")
        assert answer.status_code == 503
        assert answer.text == "canaries.tidegate.dev: not listed yet\nno connection\n"
        controller.obstacles = []
        assert (await client.get("/readyz")).status_code == 200


async def test_it_is_healthy_while_it_is_not_ready(controller: Controller) -> None:
    controller.obstacles = ["not yet"]
    async with served(controller.server()) as client:
        assert (await client.get("/healthz")).status_code == 200


async def test_it_shows_metrics_in_the_format_that_is_accepted(controller: Controller) -> None:
    async with served(controller.server()) as client:
        plain = await client.get("/metrics")
        other = await client.get("/metrics", headers={"Accept": "application/openmetrics-text"})
    assert 'tidegate_info{router="istio",version="1.2.3"} 1.0' in plain.text
    assert plain.headers["Content-Type"].startswith("text/plain")
    assert other.headers["Content-Type"].startswith("application/openmetrics-text")


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [
        ("gzip", True),
        ("deflate, GZIP;q=0.5", True),
        ("gzip;q=0", False),
        ("gzip; q=0.0, br", False),
        ("br", False),
        ("", False),
    ],
)
async def test_metrics_are_packed_for_a_reader_that_takes_them_so(
    controller: Controller, accepted: str, packed: bool
) -> None:
    async with served(controller.server()) as client:
        answer = await client.get("/metrics", headers={"Accept-Encoding": accepted})
    assert ("Content-Encoding" in answer.headers) is packed
    assert (answer.num_bytes_downloaded < len(answer.content)) is packed
    assert 'tidegate_info{router="istio",version="1.2.3"} 1.0' in answer.text


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/", 404), ("POST", "/healthz", 405)]
)
async def test_nothing_else_is_served(
    controller: Controller, method: str, path: str, status: int
) -> None:
    async with served(controller.server()) as client:
        assert (await client.request(method, path)).status_code == status


async def test_no_host_is_every_address(controller: Controller) -> None:
    async with served(controller.server(host=None)) as client:
        assert (await client.get("/healthz")).status_code == 200


async def test_it_can_stop_twice_and_start_again(controller: Controller) -> None:
    server = controller.server(port=free_port())
    for _ in range(2):
        async with served(server) as client:
            assert (await client.get("/healthz")).status_code == 200
        await server.stop()


async def test_a_port_that_the_system_chooses_is_known_while_it_listens(
    controller: Controller,
) -> None:
    server = controller.server()
    async with served(server):
        assert server.port > 0
    assert server.port == 0


async def test_a_port_that_is_taken_is_named(controller: Controller) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(CanaryError, match=f"127.0.0.1:{port}.*free port"):
            await controller.server(port=port).start()
