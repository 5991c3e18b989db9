"""The story of a release that goes from one release of the controller to another, under traffic."""

import pytest

from canary.api.meta import GROUP
from canary.controller.canaries import canary_kind
from canary.demo.manifests import APP
from canary.demo.tidegate import TidegateProcess
from canary.demo.world import World
from tests.stories.telling import (
    BY_HAND,
    QUICK,
    given_a_run_at_20,
    then_nothing_was_lost,
    then_share,
    until_waiting,
)

pytestmark = [pytest.mark.story, pytest.mark.asyncio(loop_scope="session")]

CANARY = canary_kind(GROUP)
LABEL = "tidegate.dev/controller"


async def start_another(world: World, *flags: str) -> TidegateProcess:
    """Start a second controller beside the first."""
    process = await TidegateProcess.started(
        *("--kubeconfig", str(world.controller_kubeconfig)),
        *("--router", world.router),
        *world.controller_flags(),
        *flags,
        log=world.directory / "tidegate-next.log",
    )
    await world.until(process.ready, "the second controller is ready", seconds=120)
    return process


async def test_a_run_is_moved_to_another_controller_by_a_label_and_no_request_is_lost(
    world: World,
) -> None:
    # Given two releases of the controller side by side, and a run at its first step under one
    await world.create_app("1.0")
    await world.start_controller("--selector", f"{LABEL}!=next")
    other = ("--selector", f"{LABEL}=next", "--lease-name", "tidegate-next")
    coming = await start_another(world, *other)
    try:
        await world.create_canary(analysis=QUICK | {"webhooks": [BY_HAND]})
        await world.until_phase("Initialized", seconds=120)
        async with world.traffic() as load:
            await given_a_run_at_20(world)
            # When its Canary is moved to the other by its label, and the first one ends
            await world.patch(CANARY, APP, {"metadata": {"labels": {LABEL: "next"}}})
            await world.kill_controller()
            # Then the run goes on at its weight under the other, and is promoted
            await then_share(world, load, 20)
            await until_waiting(world, "TrafficGate")
            await world.annotate("approve")
            await world.until_routed(60)
            await then_share(world, load, 60)
            await until_waiting(world, "TrafficGate")
            await world.annotate("approve")
            status = await world.until_phase("Succeeded", seconds=120)
            assert [each["outcome"] for each in status["history"]] == ["Promoted"]
            then_nothing_was_lost(load)
    finally:
        await coming.stop()
