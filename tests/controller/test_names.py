"""Names of others: an object that was there before is never written, and outlives the Canary."""

from typing import Any

import pytest

from canary.api.kinds import AUTOSCALER, DEPLOYMENT, SERVICE, Kind, Manifest
from canary.demo import manifests
from tests.controller.running import CANARY, DEMO, World, until

RULE = Kind(
    group="networking.istio.io", versions=("v1",), kind="DestinationRule", plural="destinationrules"
)
REFERENCE = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": "podinfo"}
SCALER = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler"}
SCALED = {"apiVersion": "apps/v1", "kind": "Deployment"}


def foreign(api_version: str, kind: str, name: str, **fields: Any) -> Manifest:
    """Make an object that somebody else has created."""
    labels = {"app.kubernetes.io/managed-by": "Helm"}
    metadata = {"name": name, "namespace": DEMO, "labels": labels}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields}


def deployment() -> Manifest:
    manifest = manifests.deployment("7", name="podinfo-primary", replicas=1)
    manifest["metadata"]["labels"] = {"app.kubernetes.io/managed-by": "Helm"}
    return manifest


PORTS = {"selector": {"app": "other"}, "ports": [{"port": 80}]}
FOREIGN = {
    "a primary": (DEPLOYMENT, deployment()),
    "the primary's service": (SERVICE, foreign("v1", "Service", "podinfo-primary", spec=PORTS)),
    "the canary's service": (SERVICE, foreign("v1", "Service", "podinfo-canary", spec=PORTS)),
    "a rule": (
        RULE,
        foreign(
            "networking.istio.io/v1",
            "DestinationRule",
            "podinfo-primary",
            spec={"host": "podinfo-primary"},
        ),
    ),
    "an autoscaler": (
        AUTOSCALER,
        foreign(
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            "podinfo-primary",
            spec={"scaleTargetRef": {**SCALED, "name": "other"}, "maxReplicas": 2},
        ),
    ),
}


@pytest.mark.parametrize("what", FOREIGN)
async def test_of_somebody_else_hold_the_initialisation_and_the_object_stays_as_it_is(
    world: World, what: str
):
    kind, manifest = FOREIGN[what]
    await world.create_app()
    scaler = {"scaleTargetRef": {**SCALED, "name": "podinfo"}, "maxReplicas": 3}
    metadata = {"name": "podinfo", "namespace": DEMO}
    await world.api.create({**SCALER, "metadata": metadata, "spec": scaler}, AUTOSCALER)
    await world.api.create(manifest, kind)
    before = await world.read(kind, manifest["metadata"]["name"])
    async with world.running_controller():
        await world.create_canary(autoscalerRef=REFERENCE, revertOnDeletion=True)
        message = await world.until_condition("Stalled", "True")
        assert f"{kind.kind} demo/{manifest['metadata']['name']} exists already" in message
        assert "Helm" in message
        assert "rename or delete it" in message
        (event,) = await until(lambda: world.events("NameTaken"), "it is told")
        assert "exists already" in event["message"]
        assert (await world.status())["phase"] == "Initializing"
        await world.api.delete(CANARY, DEMO, "podinfo")

        async def gone() -> bool:
            return await world.read(CANARY, "podinfo") is None

        await until(gone, "the Canary has gone")
    after = await world.read(kind, manifest["metadata"]["name"])
    assert written(after) == written(before)


def written(obj: Manifest | None) -> Manifest:
    """Leave out what controllers of the cluster say of an object by themselves."""
    assert obj is not None
    metadata = {
        name: each
        for name, each in obj["metadata"].items()
        if name not in {"resourceVersion", "managedFields", "annotations"}
    }
    return {**obj, "metadata": metadata, "status": None}


async def test_that_become_free_let_the_initialisation_go_on(world: World):
    kind, manifest = FOREIGN["the primary's service"]
    await world.create_app()
    await world.api.create(manifest, kind)
    async with world.running_controller():
        await world.create_canary()
        await world.until_condition("Stalled", "True")
        await world.api.delete(kind, DEMO, manifest["metadata"]["name"])
        await world.until_phase("Initialized")


async def test_an_autoscaler_that_does_not_exist_is_reported(world: World):
    await world.create_app()
    async with world.running_controller():
        await world.create_canary(autoscalerRef=REFERENCE)
        message = await world.until_condition("Stalled", "True")
        assert "HorizontalPodAutoscaler podinfo does not exist" in message
        await until(lambda: world.events("AutoscalerMissing"), "it is told")
        scaler = {"scaleTargetRef": {**SCALED, "name": "podinfo"}, "maxReplicas": 3}
        metadata = {"name": "podinfo", "namespace": DEMO}
        behavior = {"scaleDown": {"stabilizationWindowSeconds": 60}}
        whole = {"metadata": metadata, "spec": {**scaler, "behavior": behavior}}
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
