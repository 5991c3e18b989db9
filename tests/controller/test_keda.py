"""A ScaledObject of KEDA: copied for the primary, paused while the target is parked."""

from typing import Any

import pytest

from canary.api.kinds import DEPLOYMENT, SCALED_OBJECT
from canary.demo.embedded import CRD
from canary.demo.manifests import APP
from tests.controller.keda import PAUSED, REFERENCE, create_scaled_object, definition
from tests.controller.running import CANARY, DEMO, World, until

GATE = {
    "stepWeights": [50],
    "webhooks": [{"type": "confirm-promotion", "name": "by-hand"}],
}


async def annotations(world: World, name: str) -> dict[str, Any]:
    found = await world.read(SCALED_OBJECT, name)
    return {} if found is None else found["metadata"].get("annotations") or {}


async def approve(world: World) -> None:
    """Open the gate when the run waits at it."""

    async def at_the_gate() -> bool:
        wait = (await world.status()).get("waitingFor") or {}
        return wait.get("reason") == "PromotionGate"

    await until(at_the_gate, "the run waits at its gate")
    approval = {"metadata": {"annotations": {"tidegate.dev/approve": "tester"}}}
    await world.patch(CANARY, APP, approval)


async def until_paused(world: World, *, paused: bool) -> None:
    """Wait until the target's ScaledObject is paused, or is not."""

    async def there() -> bool:
        return ((await annotations(world, APP)).get(PAUSED) == "0") == paused

    await until(there, "paused" if paused else "scaling")


async def test_is_said_to_be_missing_without_keda_and_taken_up_when_keda_is_installed(
    world: World,
):
    await world.create_app()
    async with world.running_controller():
        await world.create_canary(autoscalerRef=REFERENCE)

        message = await world.until_condition("Stalled", "True")
        assert "ScaledObject is not installed in the cluster" in message
        await world.api.create(definition(), CRD)
        await create_scaled_object(world, "up")

        async def copied() -> bool:
            return await world.read(SCALED_OBJECT, f"{APP}-primary") is not None

        await until(copied, "the primary has a ScaledObject")
        await world.until_condition("Stalled", "False")


@pytest.mark.acceptance("G01")
async def test_scales_the_primary_and_leaves_the_parked_target_alone(world: World):
    await world.api.create(definition(), CRD)
    await world.create_app()
    await create_scaled_object(world, f'rate(requests{{app="{APP}"}}[1m])')
    async with world.running_controller():
        await world.create_canary(autoscalerRef=REFERENCE, revertOnDeletion=True)
        await world.until_phase("Initialized")
        await until_paused(world, paused=True)
        copy = await world.read(SCALED_OBJECT, f"{APP}-primary")
        assert copy is not None
        (trigger,) = copy["spec"]["triggers"]
        assert trigger["metadata"]["query"] == f'rate(requests{{app="{APP}-primary"}}[1m])'
        assert copy["spec"]["scaleTargetRef"]["name"] == f"{APP}-primary"
        assert PAUSED not in await annotations(world, f"{APP}-primary")

        await world.api.delete(CANARY, DEMO, APP)

        async def gone() -> bool:
            return await world.read(CANARY, APP) is None

        await until(gone, "the Canary is gone")
        await until_paused(world, paused=False)
        target = await world.read(DEPLOYMENT, APP)
        assert target is not None
        assert target["spec"]["replicas"] > 0


async def test_scales_the_target_during_a_run_and_again_when_the_canary_names_it_no_longer(
    world: World,
):
    await world.api.create(definition(), CRD)
    await world.create_app()
    await create_scaled_object(world, "up")
    async with world.running_controller():
        await world.create_canary(autoscalerRef=REFERENCE, analysis=GATE)
        await world.until_phase("Initialized")
        await until_paused(world, paused=True)
        await world.release()
        await until_paused(world, paused=False)
        await approve(world)
        await world.until_phase("Succeeded")
        await until_paused(world, paused=True)
        await world.patch(CANARY, APP, {"spec": {"autoscalerRef": None}})

        async def left() -> bool:
            return await world.read(SCALED_OBJECT, f"{APP}-primary") is None

        await until(left, "the primary's goes with the reference")
        assert PAUSED not in await annotations(world, APP)

        async def forgotten() -> bool:
            return not (await world.status()).get("autoscaler")

        await until(forgotten, "nothing of it is remembered")


async def test_one_that_takes_idle_pods_keeps_the_canary_at_its_size_until_it_is_parked(
    world: World,
):
    await world.api.create(definition(), CRD)
    await world.create_app()
    await create_scaled_object(world, "up")
    await world.patch(SCALED_OBJECT, APP, {"spec": {"minReplicaCount": 0}})
    async with world.running_controller():
        await world.create_canary(autoscalerRef=REFERENCE, analysis=GATE)
        await world.until_phase("Initialized")
        await until_paused(world, paused=True)
        await world.release()

        async def kept() -> bool:
            target = await world.read(DEPLOYMENT, APP) or {}
            held = (await annotations(world, APP)).get(PAUSED)
            return held not in {None, "0"} and held == str(target["spec"]["replicas"])

        await until(kept, "it keeps the canary's pods")
        await approve(world)
        await world.until_phase("Succeeded")
        await until_paused(world, paused=True)
        assert await annotations(world, APP) == {PAUSED: "0"}
