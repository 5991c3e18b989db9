"""The story of a node that fails in the midst of a run, and of a cluster that has no room for its pods."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from canary.api.kinds import DEPLOYMENT, POD, Manifest
from canary.demo import manifests
from canary.demo.manifests import APP
from canary.demo.world import World
from tests.stories.telling import (
    BY_HAND,
    QUICK,
    given_a_run_at_20,
    then_at_rest,
    then_nothing_was_lost,
    then_share,
    until_waiting,
)
from tests.testbed.failing import EVICTED_SOON, cordoned, failed, names
from tests.testbed.world import RealWorld, Stage

pytestmark = [pytest.mark.story, pytest.mark.asyncio(loop_scope="session")]

#: No node has two pods of a side.
APART = {
    "maxSkew": 1,
    "topologyKey": "kubernetes.io/hostname",
    "whenUnsatisfiable": "DoNotSchedule",
    "nodeTaintsPolicy": "Honor",
    "labelSelector": {"matchLabels": {"app": APP}},
}


async def pods_of_the_canary(world: World) -> list[Manifest]:
    listed = [pod async for page, _ in world.api.pages(POD, world.namespace) for pod in page]
    return [pod for pod in listed if pod["metadata"]["labels"]["app"] == APP]


async def until_short(world: World) -> None:
    """Wait until a side lacks a pod, and the step that was approved waits for it."""

    async def short() -> bool:
        waits = (await world.status()).get("waitingFor") or {}
        return waits.get("reason") in {"CanaryNotReady", "PrimaryNotReady"}

    await world.until(short, "a side lacks a pod")


async def test_a_node_that_fails_holds_a_run_until_there_is_room_for_its_pods_and_no_request_is_lost(
    stage: Stage, tmp_path: Path
) -> None:
    async with (
        RealWorld(stage, router="istio", namespace="lost-node", directory=tmp_path) as world,
        stage.plane.client() as client,
    ):
        # Given a run at its first step, whose pods are on nodes of their own
        app = manifests.deployment("1.0", namespace=world.namespace)
        app["spec"]["template"]["spec"] |= {
            "tolerations": [EVICTED_SOON],
            "topologySpreadConstraints": [APART],
        }
        await world.create(app, DEPLOYMENT)
        await world.start_controller()
        await world.create_canary(analysis=QUICK | {"webhooks": [BY_HAND]})
        await world.until_phase("Initialized", seconds=120)
        async with world.traffic() as load:
            await given_a_run_at_20(world)
            await until_waiting(world, "TrafficGate")
            lost, kept = sorted(
                await pods_of_the_canary(world), key=lambda pod: str(pod["spec"]["nodeName"])
            )
            assert lost["spec"]["nodeName"] != kept["spec"]["nodeName"]
            # When one of their nodes fails, no other one has room, and the next step is approved
            async with AsyncExitStack() as no_room:
                await no_room.enter_async_context(cordoned(client, await names(client)))
                async with failed(client, lost["spec"]["nodeName"]):
                    await until_gone(world, lost)
                    await world.annotate("approve")
                    # Then the run waits for the pods that are lost, at its weight
                    await until_short(world)
                    await then_share(world, load, 20)
                    assert (await world.status())["canaryWeight"] == 20
                    # When there is room again, then the run goes on without the node that is lost
                    await no_room.aclose()
                    await world.until_routed(60)
                    await until_waiting(world, "TrafficGate")
                    await world.annotate("approve")
                    status = await world.until_phase("Succeeded", seconds=120)
            assert [each["outcome"] for each in status["history"]] == ["Promoted"]
            await then_at_rest(world, "2.0")
            then_nothing_was_lost(load)
            assert load.stats().failed == 0, load.stats().failures


async def until_gone(world: World, pod: Manifest) -> None:
    """Wait until a pod is evicted, and no more there."""

    async def gone() -> bool:
        return await world.read(POD, pod["metadata"]["name"]) is None

    await world.until(gone, "the pod on the failed node is gone")
