"""A controller that starts before its API server does."""

from itertools import islice
from pathlib import Path

import pytest

from canary.controller.handlers import _Backoffs
from tests.controller.faults import kubeconfig
from tests.controller.running import World, until
from tests.delivery.process import DEADLINE_SECONDS, Controller, running
from tidegate_embedded.apiserver import EmbeddedApiServer
from tidegate_embedded.network import free_port

pytestmark = pytest.mark.delivery

FLAGS = ("--lease-namespace", "default", "--metrics-server", "http://127.0.0.1:9")


async def looks_alive_and_not_ready(controller: Controller) -> str:
    """Look at both probes until they answer; give why it is not ready."""

    async def answers() -> bool:
        return await controller.probe("/healthz") is not None

    await until(answers, "the probes are answered", seconds=DEADLINE_SECONDS)
    alive, ready = await controller.probe("/healthz"), await controller.probe("/readyz")
    assert alive is not None
    assert ready is not None
    assert (alive.status_code, ready.status_code) == (200, 503), f"{alive.text}{ready.text}"
    return ready.text


async def test_it_waits_for_the_api_server_alive_and_not_ready_and_then_works(
    tmp_path: Path,
) -> None:
    # Given an address where no API server listens yet
    port = free_port()
    world = World(tmp_path)
    world.server = EmbeddedApiServer(port=port)
    config = kubeconfig(tmp_path / "kubeconfig", f"http://127.0.0.1:{port}")
    arguments = ("run", "--kubeconfig", str(config), *FLAGS)
    # When the controller is started
    async with running(arguments, log=tmp_path / "tidegate.log") as controller:
        # Then it is alive, and says what it waits for
        why = ""

        async def says_why() -> bool:
            nonlocal why
            why = await looks_alive_and_not_ready(controller)
            return f"127.0.0.1:{port}" in why

        await until(says_why, "it says what it waits for", seconds=DEADLINE_SECONDS)
        assert "canaries" in why
        # When the API server appears, it becomes ready, and does its work
        async with world:
            await controller.until_ready()
            await world.create_app()
            await world.create_canary()
            await world.until_phase("Initialized")


def test_kopf_asks_again_without_an_end_and_at_least_every_15_seconds() -> None:
    waits = list(islice(_Backoffs(), 10_000))
    assert (len(waits), waits[0], max(waits), waits[-1]) == (10_000, 1.0, 15.0, 15.0)
