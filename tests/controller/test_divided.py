"""A target whose pods are primary and canary in one: a StatefulSet, divided by its partition."""

from typing import Any

from canary.api.kinds import POD, STATEFUL_SET, Manifest
from canary.demo import manifests
from canary.demo.manifests import APP
from tests.controller.running import CANARY, World, until

REFERENCE = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": APP}
GATE = {"webhooks": [{"type": "confirm-traffic-increase", "name": "by-hand"}]}
HELD = 2**31 - 1


def stateful_set(tag: str, **spec: Any) -> Manifest:
    app = manifests.deployment(tag)
    kept = {key: app["spec"][key] for key in ("selector", "template")}
    return app | {"kind": "StatefulSet", "spec": {**kept, "serviceName": APP, "replicas": 3, **spec}}


async def initialised(world: World, *, analysis: Any = None, **spec: Any) -> None:
    await world.api.create(stateful_set("1", **spec), STATEFUL_SET)
    await until(lambda: serves(world, 3), "its pods are ready")
    steps = {"stepWeights": [20, 60], **(analysis or {})}
    await world.create_canary(
        targetRef=REFERENCE, provider="kubernetes:replicas", analysis=steps
    )
    await world.until_phase("Initialized")
    await until(lambda: partition_is(world, HELD), "every pod is held")


async def serves(world: World, replicas: int) -> bool:
    found = await world.read(STATEFUL_SET, APP)
    status = (found or {}).get("status") or {}
    return bool(status.get("availableReplicas") == replicas)


async def partition_is(world: World, partition: int) -> bool:
    found = await world.read(STATEFUL_SET, APP)
    assert found is not None
    return bool(found["spec"]["updateStrategy"]["rollingUpdate"].get("partition") == partition)


async def release(world: World, tag: str) -> None:
    await world.patch(STATEFUL_SET, APP, {"spec": {"template": manifests.pod_template(tag)}})


async def images(world: World) -> list[str]:
    """Give the tags that the pods run, by ordinal; none while one is missing."""
    pods = {pod["metadata"]["name"]: pod for pod in await world.objects(POD)}
    names = sorted(name for name, pod in pods.items() if "deletionTimestamp" not in pod["metadata"])
    return [pods[name]["spec"]["containers"][0]["image"].rpartition(":")[2] for name in names]


async def run(world: World, tags: list[str]) -> None:
    async def so() -> bool:
        return await images(world) == tags

    await until(so, f"the pods run {tags}")


async def until_gate(world: World) -> Any:
    async def held() -> Any:
        status = await world.status()
        return (status.get("waitingFor") or {}).get("reason") == "TrafficGate" and status

    return await until(held, "held at its gate")


async def approve(world: World) -> None:
    await world.patch(CANARY, APP, {"metadata": {"annotations": {"tidegate.dev/approve": "me"}}})


async def test_a_release_takes_ordinals_in_steps_and_all_when_it_is_promoted(world: World):
    async with world.running_controller():
        await initialised(world, analysis=GATE)
        await release(world, "2")
        await until_gate(world)
        assert await images(world) == ["1", "1", "1"]
        await approve(world)
        await run(world, ["1", "1", "2"])
        status = await until_gate(world)
        assert status["canaryWeight"] == 20
        assert status["shares"] == {"asked": 20, "possible": 33, "seen": 33}
        assert await images(world) == ["1", "1", "2"]
        await approve(world)
        await run(world, ["1", "2", "2"])
        await approve(world)
        status = await world.until_phase("Succeeded")
    assert status["history"][0]["outcome"] == "Promoted"
    await run(world, ["2", "2", "2"])
    await until(lambda: partition_is(world, HELD), "every pod is held again")
