"""S16 in a cluster: beside objects of any shape a sound Canary is released, and no defect is logged."""

import logging
from random import Random
from typing import Any

import pytest

from canary.api.kinds import DEPLOYMENT, Manifest
from canary.api.raw import part
from canary.controller.policies import DELIVERY_POLICY
from canary.controller.reading import CanaryReader
from canary.controller.templates import alert_provider_kind, metric_template_kind
from canary.demo import manifests
from canary.demo.embedded import CRD, NAMESPACE
from tests.controller.running import CANARY, World, until
from tests.security.mutants import annotations, mutants
from tests.security.test_a_bad_object_stops_only_itself import stored, writable

STRANGERS = "strangers"
ANYTHING = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
KINDS = {
    "Canary": CANARY,
    "MetricTemplate": metric_template_kind("tidegate.dev"),
    "AlertProvider": alert_provider_kind("tidegate.dev"),
    "DeliveryPolicy": DELIVERY_POLICY,
}
COUNTS = {"Canary": 40, "MetricTemplate": 15, "AlertProvider": 15, "DeliveryPolicy": 10}


async def without_schemas(world: World) -> None:
    """Have CRDs that take anything, as those of an older version or of another hand may."""
    for kind in KINDS.values():
        name = f"{kind.plural}.{kind.group}"
        crd = await world.api.read(CRD, "", name)
        for version in crd["spec"]["versions"]:
            version["schema"] = {"openAPIV3Schema": ANYTHING}
        await world.api.merge_patch(CRD, "", name, {"spec": crd["spec"]})


def an_object(kind: str, mutant: Any, number: int, chance: Random) -> Manifest:
    """Give a mutant under a name of its own, for a target of that name."""
    name = f"mutant-{number}"
    obj = stored(mutant, number) | {"kind": kind}
    obj["metadata"] = {"name": name, "namespace": STRANGERS}
    if kind == "Canary":
        obj["metadata"]["annotations"] = annotations(chance)
        target = part(obj.get("spec"), "targetRef")
        if part(target, "name") == "podinfo":
            target["name"] = name
    return obj


@pytest.mark.parametrize("seed", range(2))
async def test_a_sound_canary_is_released_and_every_other_has_a_status(
    world: World, seed: int, caplog: pytest.LogCaptureFixture
):
    chance, reader = Random(seed), CanaryReader("istio")
    await without_schemas(world)
    await world.api.create(manifests.namespace(STRANGERS), NAMESPACE)
    await world.create_app()
    objects = [
        obj
        for kind, count in COUNTS.items()
        for number, mutant in enumerate(mutants(kind, 1000 + seed, count))
        if writable(obj := an_object(kind, mutant, number, chance))
    ]
    canaries = [obj for obj in objects if obj["kind"] == "Canary"]
    for canary in canaries:
        name = canary["metadata"]["name"]
        if not reader.problems(canary) and canary["spec"]["targetRef"]["name"] == name:
            await world.api.create(
                manifests.deployment("1", name=name, namespace=STRANGERS), DEPLOYMENT
            )
    with caplog.at_level(logging.INFO):
        async with world.running_controller() as controller:
            for obj in objects[::2]:
                await world.api.create(obj, KINDS[obj["kind"]])
            await world.create_canary()
            await world.until_phase("Initialized")
            for obj in objects[1::2]:
                await world.api.create(obj, KINDS[obj["kind"]])
            await world.release()
            await world.until_phase("Succeeded")
            for canary in canaries:
                name = canary["metadata"]["name"]
                await until(lambda name=name: has_a_status(world, name), f"{name} has a status")
            assert controller.obstacles() == []
    # A defect is logged with its traceback.
    assert [each.getMessage() for each in caplog.records if each.exc_info] == []


async def has_a_status(world: World, name: str) -> bool:
    """Tell whether a Canary has a phase, or a condition that says what is wrong with it."""
    status = (await world.api.read(CANARY, STRANGERS, name)).get("status") or {}
    return bool(status.get("conditions") or status.get("phase"))
