"""A target whose pods are primary and canary in one: a StatefulSet, divided by its partition."""

from typing import Any

import pytest

from canary.api.kinds import POD, SERVICE, STATEFUL_SET, Manifest
from canary.demo import manifests
from canary.demo.manifests import APP
from tests.controller.running import CANARY, World, until

REFERENCE = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": APP}
GATE = {"webhooks": [{"type": "confirm-traffic-increase", "name": "by-hand"}]}
HELD = 2**31 - 1


def stateful_set(tag: str, **spec: Any) -> Manifest:
    app = manifests.deployment(tag)
    kept = {key: app["spec"][key] for key in ("selector", "template")}
    return app | {
        "kind": "StatefulSet",
        "spec": {**kept, "serviceName": APP, "replicas": 3, **spec},
    }


async def initialised(world: World, *, analysis: Any = None, **spec: Any) -> None:
    await world.api.create(stateful_set("1", **spec), STATEFUL_SET)
    await until(lambda: serves(world, 3), "its pods are ready")
    await under_a_canary(world, analysis)


async def under_a_canary(world: World, analysis: Any = None) -> None:
    steps = {"stepWeights": [20, 60], **(analysis or {})}
    await world.create_canary(targetRef=REFERENCE, provider="kubernetes:replicas", analysis=steps)
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


def released(tag: str) -> Manifest:
    return {"spec": {"template": manifests.pod_template(tag)}}


async def release(world: World, tag: str) -> None:
    await world.patch_as("kubectl", STATEFUL_SET, APP, released(tag))


async def images(world: World) -> list[str]:
    """Give the tags that the pods run, by ordinal; none while one is missing."""
    pods = {pod["metadata"]["name"]: pod for pod in await world.objects(POD)}
    names = sorted(name for name, pod in pods.items() if "deletionTimestamp" not in pod["metadata"])
    return [pods[name]["spec"]["containers"][0]["image"].rpartition(":")[2] for name in names]


async def run(world: World, tags: list[str]) -> None:
    async def so() -> bool:
        return await images(world) == tags

    await until(so, f"the pods run {tags}")


async def until_gate(world: World, weight: int) -> Any:
    """Wait until the run is held before the step after a weight."""

    async def held() -> Any:
        status = await world.status()
        gated = (status.get("waitingFor") or {}).get("reason") == "TrafficGate"
        return gated and status["canaryWeight"] == weight and status

    return await until(held, f"held at its gate with {weight} %")


async def approve(world: World) -> None:
    await world.patch(CANARY, APP, {"metadata": {"annotations": {"tidegate.dev/approve": "me"}}})


async def stepped(world: World, weight: int, tags: list[str]) -> Any:
    """Open a gate, and wait until the pods of the step run and the next gate holds."""
    await approve(world)
    await run(world, tags)
    return await until_gate(world, weight)


async def test_a_release_takes_ordinals_in_steps_and_all_when_it_is_promoted(world: World):
    async with world.running_controller():
        await initialised(world, analysis=GATE)
        await release(world, "2")
        await until_gate(world, 0)
        assert await images(world) == ["1", "1", "1"]
        status = await stepped(world, 20, ["1", "1", "2"])
        assert status["shares"] == {"asked": 20, "possible": 33, "seen": 33}
        await stepped(world, 60, ["1", "2", "2"])
        await approve(world)
        status = await world.until_phase("Succeeded")
        assert status["history"][0]["outcome"] == "Promoted"
        await run(world, ["2", "2", "2"])
        await until(lambda: partition_is(world, HELD), "every pod is held again")


@pytest.mark.parametrize("policy", ["OrderedReady", "Parallel"])
async def test_a_pod_that_does_not_come_up_is_replaced_by_one_of_the_promoted_revision(
    world: World, policy: str
):
    async with world.running_controller():
        await initialised(world, podManagementPolicy=policy)
        await release(world, "image-pull")
        status = await world.until_phase("Failed")
        assert status["history"][0]["outcome"] == "RolledBack"
        await run(world, ["1", "1", "1"])
        await until(lambda: serves(world, 3), "all pods serve")
        # What the user has not taken back yet reaches no pod that is made anew.
        await world.patch(STATEFUL_SET, APP, {"spec": {"replicas": 4}})
        await run(world, ["1", "1", "1", "1"])
        await world.patch(STATEFUL_SET, APP, {"spec": {"replicas": 3}})
        await run(world, ["1", "1", "1"])
        # When it is mended
        await release(world, "2")
        await world.until_phase("Succeeded")
        await run(world, ["2", "2", "2"])


async def test_another_template_during_a_run_takes_the_pods_of_the_one_before_it_back(
    world: World,
):
    async with world.running_controller():
        await initialised(world, analysis=GATE)
        await release(world, "2")
        await until_gate(world, 0)
        await stepped(world, 20, ["1", "1", "2"])
        await stepped(world, 60, ["1", "2", "2"])
        await release(world, "3")
        await until_gate(world, 0)
        await run(world, ["1", "1", "1"])
        await stepped(world, 20, ["1", "1", "3"])
        # A return to what was promoted ends the run, and leaves no pod of it.
        await release(world, "1")
        status = await world.until_phase("Succeeded")
        assert status["history"][0]["outcome"] == "Cancelled"
        await run(world, ["1", "1", "1"])


async def test_what_somebody_rolled_out_to_every_pod_is_promoted_without_steps(world: World):
    async with world.running_controller():
        await initialised(world)
    everywhere = {"updateStrategy": {"rollingUpdate": {"partition": 0}}}
    await world.patch(STATEFUL_SET, APP, {"spec": everywhere})
    await release(world, "2")
    await run(world, ["2", "2", "2"])
    await until(lambda: serves(world, 3), "all pods serve")
    async with world.running_controller():
        status = await world.until_phase("Succeeded")
        assert status["history"][0]["outcome"] == "Promoted"
        await until(lambda: partition_is(world, HELD), "every pod is held again")


async def test_a_partition_that_someone_changes_is_put_back(world: World):
    async with world.running_controller():
        await initialised(world)
        changed = {"spec": {"updateStrategy": {"rollingUpdate": {"partition": 0}}}}
        await world.patch_as("helm", STATEFUL_SET, APP, changed)
        await until(lambda: partition_is(world, HELD), "every pod is held again")
        # A release of its user's is no such change.
        await world.patch_as("helm", STATEFUL_SET, APP, released("2"))
        await world.until_phase("Succeeded")
        await run(world, ["2", "2", "2"])

        async def told() -> bool:
            events = await world.events()
            return any("helm changed" in each["message"] for each in events)

        await until(told, "the change is told")


async def test_a_canary_that_is_deleted_leaves_the_statefulset_to_its_own_controller(
    world: World,
):
    async with world.running_controller():
        await initialised(world)
        await world.api.delete(CANARY, world.namespace, APP)

        async def gone() -> bool:
            return await world.read(CANARY, APP) is None

        await until(gone, "the Canary is gone")
        await until(lambda: partition_is(world, 0), "no pod is held")
        await release(world, "2")
        await run(world, ["2", "2", "2"])


async def test_nothing_is_made_beside_it_and_only_its_partition_is_written(world: World):
    await world.api.create(stateful_set("1"), STATEFUL_SET)
    await until(lambda: serves(world, 3), "its pods are ready")
    before = await world.read(STATEFUL_SET, APP)
    async with world.running_controller():
        await under_a_canary(world)
        assert await world.objects(SERVICE) == []
        assert [each["metadata"]["name"] for each in await world.objects(STATEFUL_SET)] == [APP]
    after = await world.read(STATEFUL_SET, APP)
    assert before is not None
    assert after is not None
    before["spec"]["updateStrategy"]["rollingUpdate"]["partition"] = HELD
    assert after["spec"] == before["spec"]
    kept = ("labels", "annotations", "ownerReferences", "finalizers")
    assert [after["metadata"].get(each) for each in kept] == [
        before["metadata"].get(each) for each in kept
    ]
