"""A story of a canary that is compared with a baseline of its own age."""

from typing import Any

import pytest

from canary.api.kinds import DEPLOYMENT, SERVICE
from canary.api.meta import GROUP
from canary.controller.canaries import canary_kind
from canary.demo.manifests import APP
from canary.demo.world import World
from tests.stories.telling import (
    BY_HAND,
    given_a_canary,
    then_at_rest,
    then_nothing_was_lost,
    until_told,
    until_waiting,
)

pytestmark = [pytest.mark.story, pytest.mark.asyncio(loop_scope="session")]

BASELINE = f"{APP}-baseline"
PROOF = {
    "name": "request-success-rate",
    "judge": "sequential",
    "compareWith": "baseline",
    "minRequests": 20,
    "onNoData": "hold",
}


async def then_none_is_left(world: World) -> None:
    """The baseline is gone, with its service."""

    async def gone() -> bool:
        found = [await world.read(kind, BASELINE) for kind in (DEPLOYMENT, SERVICE)]
        return found == [None, None]

    await world.until(gone, "the baseline is gone", seconds=120)


def judged(status: Any) -> str:
    (metric,) = status["metrics"]
    return str(metric["message"])


async def test_a_baseline_stands_beside_the_canary_for_the_time_of_its_run(world: World) -> None:
    # Given a canary that is compared with a baseline, each step of which is approved by hand
    await given_a_canary(
        world, metrics=[PROOF], threshold=1000, stepWeights=[20, 40], webhooks=[BY_HAND]
    )
    assert await world.read(DEPLOYMENT, BASELINE) is None
    async with world.traffic() as load:
        # When a good version is released, then the promoted one runs beside it, as large as it
        await world.release("2.0")
        await until_waiting(world, "TrafficGate")
        found, target = await world.read(DEPLOYMENT, BASELINE), await world.read(DEPLOYMENT, APP)
        assert found is not None
        assert target is not None
        assert found["spec"]["replicas"] == target["spec"]["replicas"] > 0
        (container,) = found["spec"]["template"]["spec"]["containers"]
        assert container["image"].endswith(":1.0")
        # and gets the canary's weight of the primary's, which is judged by it
        await world.annotate("approve")
        status = await world.until_routed(20)
        assert status["weights"]["baseline"] == 20
        routed = await world.routed()
        assert routed is not None
        assert (routed.weight, routed.baseline) == (20, 20)
        await until_waiting(world, "TrafficGate")
        assert "of the baseline's" in judged(await world.status())
        # When the run is promoted, then nothing of it is left
        await world.annotate("promote")
        await world.until_phase("Succeeded", seconds=120)
        await then_at_rest(world, "2.0")
        await then_none_is_left(world)
        # When a bad one is released, it is proven worse than the baseline, and so is its end
        await world.release("3.0", ERROR_RATE="0.5")
        await until_waiting(world, "TrafficGate")
        await world.annotate("approve")
        status = await world.until_phase("Failed", seconds=120)
        assert "proven worse than the baseline (evidence" in status["history"][0]["message"]
        await then_at_rest(world, "2.0")
        await then_none_is_left(world)
        then_nothing_was_lost(load)
    await until_told(world, "RolledBack")
    # When a baseline is lost, then another one is made, and has the traffic that it had
    await world.release("4.0")
    await until_waiting(world, "TrafficGate")
    await world.annotate("approve")
    await world.until_routed(20)
    lost = await world.read(DEPLOYMENT, BASELINE)
    assert lost is not None
    await world.api.delete(DEPLOYMENT, world.namespace, BASELINE)

    async def again() -> bool:
        made, led = await world.read(DEPLOYMENT, BASELINE), await world.routed()
        new = made is not None and made["metadata"]["uid"] != lost["metadata"]["uid"]
        return new and led is not None and led.baseline == 20

    await world.until(again, "there is a baseline again", seconds=120)
    # When the Canary is deleted in the middle of its run, then the baseline goes with it
    await world.api.delete(canary_kind(GROUP), world.namespace, APP)
    await then_none_is_left(world)
