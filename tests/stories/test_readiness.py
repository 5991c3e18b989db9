"""Stories of sides that cannot serve, with real requests: traffic goes to the other side, and back."""

from collections.abc import Mapping

import pytest

from canary.api.kinds import DEPLOYMENT
from canary.demo.manifests import APP
from canary.demo.world import World
from tests.stories.telling import (
    BY_HAND,
    QUICK,
    given_a_canary,
    given_a_run_at_20,
    then_at_rest,
    then_nothing_was_lost,
    until_told,
    until_waiting,
    when_pods_say,
)
from tidegate_embedded.load import Load

pytestmark = [pytest.mark.story, pytest.mark.asyncio(loop_scope="session")]


async def then_nothing_more_is_lost(load: Load) -> None:
    """From now on every request is answered by a pod."""
    before = load.stats()
    await load.reaches(before.requests + 200)
    assert load.stats().lost == before.lost, load.stats().losses


def kept(status: Mapping[str, object]) -> object:
    """Give the weight of the step that is come back to; None where traffic is as it says."""
    run = status["run"]
    assert isinstance(run, Mapping)
    return run.get("stepWeight")


async def test_traffic_leaves_a_side_that_is_not_ready_and_comes_back(world: World) -> None:
    # Given a run at 20 % that waits at a gate for a person, and may fail many checks
    await given_a_canary(world, webhooks=[BY_HAND], threshold=1000)
    async with world.traffic() as load:
        await given_a_run_at_20(world)
        await until_waiting(world, "TrafficGate")
        # When the canary's pods lose readiness, without a crash
        await when_pods_say(world, APP, ready=False)
        # Then the primary serves everybody, and the run says what it comes back to
        status = await world.until_routed(0)
        assert (status["phase"], kept(status)) == ("Progressing", 20)
        await then_nothing_more_is_lost(load)
        # When they are ready again, then their traffic is back
        await when_pods_say(world, APP, ready=True)
        assert kept(await world.until_routed(20)) is None
        await until_waiting(world, "TrafficGate")
        # When the primary's pods lose readiness behind the gate
        await when_pods_say(world, f"{APP}-primary", ready=False)
        # Then the canary serves everybody
        status = await world.until_routed(100)
        assert (status["phase"], kept(status)) == ("Progressing", 20)
        await then_nothing_more_is_lost(load)
        # When they are ready again, then the step goes on where it was
        await when_pods_say(world, f"{APP}-primary", ready=True)
        assert kept(await world.until_routed(20)) is None
        await then_nothing_more_is_lost(load)
        await world.annotate("abort")
        await world.until_phase("Failed", seconds=120)
        await then_at_rest(world, "1.0")
    await until_told(
        world, "CanaryNotServing", "TrafficRestored", "PrimaryNotServing", "TrafficReturned"
    )


async def test_an_app_that_is_recreated_is_promoted_without_a_lost_request(world: World) -> None:
    # Given an app whose update ends all pods before the first new one begins
    await world.create_app("1.0")
    strategy = {"type": "Recreate", "rollingUpdate": None}
    await world.patch(DEPLOYMENT, APP, {"spec": {"strategy": strategy}})
    await world.start_controller()
    await world.create_canary(analysis=QUICK)
    await world.until_phase("Initialized", seconds=120)
    async with world.traffic() as load:
        # When a good version is released
        await world.release("2.0")
        # Then the canary serves while the primary has no pod, and nobody notices
        status = await world.until_phase("Succeeded", seconds=90)
        assert status["history"][0]["outcome"] == "Promoted"
        await then_at_rest(world, "2.0")
        await load.reaches(100)
        then_nothing_was_lost(load)
    await until_told(world, "TrafficMoved")
