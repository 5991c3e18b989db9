"""Autoscalers of every kind: what their user changes reaches the primary's, at rest and in a run."""

from typing import Any

import pytest

from canary.api.kinds import AUTOSCALER
from canary.demo.embedded import CRD
from canary.demo.manifests import APP
from canary.scalers import SCALERS, Scaler, installed_scaler
from tests.case import case_of
from tests.controller.keda import definition
from tests.controller.running import CANARY, DEMO, World, until
from tests.controller.test_keda import GATE, approve

SCALER = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler"}


def scaler(kind: str) -> Scaler:
    found = installed_scaler(kind)
    assert found is not None
    return found


async def bounds(world: World, kind: str) -> Any:
    """Give the least and the greatest number of replicas of the primary's autoscaler."""
    copy = await world.read(scaler(kind).kind, f"{APP}-primary")
    return None if copy is None else (scaler(kind).minimum(copy), scaler(kind).maximum(copy))


async def until_bounds(world: World, kind: str, expected: tuple[int, int]) -> None:
    async def there() -> bool:
        return await bounds(world, kind) == expected

    await until(there, f"the primary's {kind} is within {expected}")


async def edit(world: World, kind: str, most: int) -> None:
    """Change the greatest number of replicas of the user's own."""
    field = "maxReplicas" if kind == "HorizontalPodAutoscaler" else "maxReplicaCount"
    await world.patch(scaler(kind).kind, APP, {"spec": {field: most}})


@pytest.mark.parametrize("kind", ["HorizontalPodAutoscaler", "ScaledObject"])
async def test_a_change_of_the_users_reaches_the_primarys_at_rest_and_in_a_run(
    world: World, kind: str
):
    await world.api.create(definition(), CRD)
    await world.create_app(replicas=3)
    written = case_of(SCALERS, kind).written
    metadata = {"name": APP, "namespace": DEMO}
    await world.api.create(written | {"metadata": metadata}, scaler(kind).kind)
    reference = {"apiVersion": written["apiVersion"], "kind": kind, "name": APP}
    async with world.running_controller():
        await world.create_canary(autoscalerRef=reference, analysis=GATE)
        await world.until_phase("Initialized")
        await until_bounds(world, kind, (2, 4))
        await edit(world, kind, 5)
        await until_bounds(world, kind, (2, 5))
        await world.release()
        # The primary is held at its size meanwhile.
        await until_bounds(world, kind, (3, 5))
        await edit(world, kind, 6)
        await until_bounds(world, kind, (3, 6))
        override = {"primaryScalerReplicas": {"minReplicas": 1, "maxReplicas": 9}}
        await world.patch(CANARY, APP, {"spec": {"autoscalerRef": override}})
        await until_bounds(world, kind, (3, 9))
        await approve(world)
        await world.until_phase("Succeeded")
        await until_bounds(world, kind, (1, 9))


async def test_an_autoscaler_that_does_not_exist_is_reported(world: World):
    await world.create_app()
    async with world.running_controller():
        await world.create_canary(autoscalerRef={**SCALER, "name": APP})
        message = await world.until_condition("Stalled", "True")
        assert "HorizontalPodAutoscaler podinfo does not exist" in message
        await until(lambda: world.events("AutoscalerMissing"), "it is told")
        scaled = {"apiVersion": "apps/v1", "kind": "Deployment", "name": APP}
        spec = {"scaleTargetRef": scaled, "maxReplicas": 3}
        metadata = {"name": "podinfo", "namespace": DEMO}
        behavior = {"scaleDown": {"stabilizationWindowSeconds": 60}}
        whole = {"metadata": metadata, "spec": {**spec, "behavior": behavior}}
        await world.api.create({**SCALER, **whole}, AUTOSCALER)
        await world.until_condition("Stalled", "False")

        async def copied() -> bool:
            copy = await world.read(AUTOSCALER, "podinfo-primary")
            return copy is not None and "behavior" in copy["spec"]

        await until(copied, "the primary scales")
        await world.patch(AUTOSCALER, "podinfo", {"spec": {"behavior": None}})

        async def taken_away() -> bool:
            copy = await world.read(AUTOSCALER, "podinfo-primary")
            return copy is not None and "behavior" not in copy["spec"]

        await until(taken_away, "what is taken away from the target's is taken from the primary's")
        await world.patch(CANARY, "podinfo", {"spec": {"autoscalerRef": None}})

        async def gone() -> bool:
            return await world.read(AUTOSCALER, "podinfo-primary") is None

        await until(gone, "the primary's autoscaler goes with the reference")

        async def forgotten() -> bool:
            return not (await world.status()).get("autoscaler")

        await until(forgotten, "nothing of it is remembered")
        assert await world.read(AUTOSCALER, "podinfo") is not None
