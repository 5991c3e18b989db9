"""What is done about a side that is lost, made smaller or updated: at once, and in the right order."""

from typing import Any

import pytest

from canary.api.kinds import AUTOSCALER, CONFIG_MAP, DEPLOYMENT, REPLICA_SET
from canary.demo.manifests import APP
from canary.targets.deployment import TEMPLATE_HASH
from tests.controller.running import CANARY, DEMO, VIRTUAL_SERVICE, World, until

PRIMARY = f"{APP}-primary"
GATE = {"webhooks": [{"name": "ok", "type": "confirm-promotion"}]}
RECREATE = {"spec": {"strategy": {"type": "Recreate", "rollingUpdate": None}}}


async def given_a_canary(world: World, replicas: int = 1, **spec: Any) -> None:
    await world.create_app()
    await world.patch(DEPLOYMENT, APP, {"spec": {"replicas": replicas}})
    await world.create_canary(**spec)
    await world.until_phase("Initialized")


async def until_replicas(world: World, name: str, replicas: int) -> None:
    async def there() -> bool:
        deployment = await world.read(DEPLOYMENT, name)
        return deployment is not None and deployment["spec"]["replicas"] == replicas

    await until(there, f"{name} has {replicas} replicas")


async def test_a_primary_that_is_deleted_at_rest_comes_back_as_large_as_it_was(world: World):
    async with world.running_controller():
        await given_a_canary(world)
        await world.patch(DEPLOYMENT, PRIMARY, {"spec": {"replicas": 5}})

        async def remembered() -> bool:
            return (await world.status())["primaryReplicas"] == 5

        await until(remembered, "its size is remembered")
        await world.api.delete(DEPLOYMENT, DEMO, PRIMARY)
        await until_replicas(world, PRIMARY, 5)


async def test_a_primary_that_is_lost_behind_a_gate_is_told_and_repaired(world: World):
    async with world.running_controller():
        await given_a_canary(world, replicas=2, analysis=GATE | {"stepWeights": [50]})
        await world.release()
        await world.until_phase("WaitingPromotion")
        mark = world.mark
        await world.patch(DEPLOYMENT, PRIMARY, {"spec": {"replicas": 0}})
        await until(lambda: world.events("TrafficReturned"), "the primary is back")
        await until_replicas(world, PRIMARY, 2)
        (lost,) = await world.events("PrimaryNotServing")
        assert lost["type"] == "Warning"
        writes = [e.resource for e in world.requests(mark) if e.verb in {"patch", "update"}]
        assert writes.index("canaries") < writes.index("virtualservices")

        async def back() -> bool:
            return await world.weight() == 50

        await until(back, "the traffic is back where the step has it")


async def test_traffic_leaves_a_primary_that_is_recreated_before_its_template_is_written(
    world: World,
):
    async with world.running_controller():
        await world.create_app()
        await world.patch(DEPLOYMENT, APP, RECREATE)
        await world.create_canary(analysis={"stepWeights": [50]})
        await world.until_phase("Initialized")
        mark = world.mark
        await world.release()
        await world.until_phase("Succeeded")
        writes = [
            (e.resource, e.name)
            for e in world.requests(mark)
            if e.verb in {"patch", "update"} and e.resource in {"deployments", "virtualservices"}
        ]
        before = writes[: writes.index(("deployments", PRIMARY))]
        assert before.count(("virtualservices", APP)) == 2
        (moved,) = await world.events("TrafficMoved")
        assert "takes its last pod" in moved["message"]
        route = await world.read(VIRTUAL_SERVICE, APP)
        assert route is not None
        assert await world.weight() == 0


@pytest.mark.acceptance("G02")
async def test_a_primary_with_an_autoscaler_begins_from_what_serves_and_shrinks_in_no_run(
    world: World,
):
    scaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": APP, "namespace": DEMO},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": APP},
            "minReplicas": 1,
            "maxReplicas": 5,
        },
    }
    await world.api.create(scaler, AUTOSCALER)
    reference = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": APP}
    async with world.running_controller():
        await given_a_canary(world, replicas=3, autoscalerRef=reference, analysis=GATE)

        async def minimum(number: int) -> bool:
            copy = await world.read(AUTOSCALER, PRIMARY)
            return copy is not None and copy["spec"]["minReplicas"] == number

        await until(lambda: minimum(1), "at rest it is the target's")
        await world.release()
        await world.until_phase("WaitingPromotion")
        await until(lambda: minimum(3), "in a run it is what the run began with")
        await world.patch(DEPLOYMENT, PRIMARY, {"spec": {"replicas": 1}})
        await until_replicas(world, PRIMARY, 3)
        await world.patch(
            CANARY, APP, {"metadata": {"annotations": {"tidegate.dev/approve": "me"}}}
        )
        await world.until_phase("Succeeded")
        await until(lambda: minimum(1), "at rest it is the target's again")
        await until_replicas(world, PRIMARY, 3)
        await world.api.delete(DEPLOYMENT, DEMO, PRIMARY)
        await until_replicas(world, PRIMARY, 3)


@pytest.mark.parametrize("tracked", [False, True], ids=["as it was", "with its configs"])
async def test_a_primary_that_is_deleted_during_a_run_is_made_of_what_the_target_was(
    world: World, tracked: bool
):
    metadata = {"name": "app", "namespace": DEMO}
    config = {"kind": "ConfigMap", "apiVersion": "v1", "metadata": metadata, "data": {"a": "1"}}
    await world.api.create(config, CONFIG_MAP)
    await world.create_app()
    if tracked:
        volume = {"name": "app", "configMap": {"name": "app"}}
        template = {"spec": {"volumes": [volume]}}
        await world.patch(DEPLOYMENT, APP, {"spec": {"template": template}})
    async with world.running_controller():
        await world.create_canary(analysis=GATE | {"stepWeights": [50]})
        await world.until_phase("Initialized")
        await world.release()
        await world.until_phase("WaitingPromotion")
        await world.api.delete(DEPLOYMENT, DEMO, PRIMARY)

        async def back() -> bool:
            primary = await world.read(DEPLOYMENT, PRIMARY)
            return primary is not None and await world.weight() == 50

        await until(lambda: world.events("TrafficReturned"), "the primary is back")
        await until(back, "the traffic is back where the step has it")
        primary = await world.read(DEPLOYMENT, PRIMARY)
        assert primary is not None
        template = primary["spec"]["template"]
        assert template["spec"]["containers"][0]["image"].endswith(":1")
        assert TEMPLATE_HASH not in template["metadata"]["labels"]
        assert primary["spec"]["replicas"] == 2


async def test_what_nobody_has_any_more_is_not_made_up(world: World):
    """The promoted revision is gone with its ReplicaSet: the canary serves on."""
    async with world.running_controller():
        await world.create_app()
        await world.create_canary(analysis=GATE | {"stepWeights": [50]})
        await world.until_phase("Initialized")
        await world.release()
        await world.until_phase("WaitingPromotion")
        for each in await world.objects(REPLICA_SET):
            owner = each["metadata"]["ownerReferences"][0]["name"]
            if owner == APP and not each["spec"]["replicas"]:
                await world.api.delete(REPLICA_SET, DEMO, each["metadata"]["name"])
        await world.api.delete(DEPLOYMENT, DEMO, PRIMARY)
        await until(lambda: world.events("PrimaryNotServing"), "its loss is told")

        async def at_canary() -> bool:
            return await world.weight() == 100

        await until(at_canary, "the canary serves")
        assert await world.read(DEPLOYMENT, PRIMARY) is None
        command = {"metadata": {"annotations": {"tidegate.dev/approve": "me"}}}
        await world.patch(CANARY, APP, command)
        await world.until_phase("Succeeded")
        primary = await world.read(DEPLOYMENT, PRIMARY)
        assert primary is not None
        assert primary["spec"]["replicas"] == 2


async def test_a_target_that_is_deleted_during_a_run_leaves_its_traffic_to_the_primary(
    world: World,
):
    async with world.running_controller():
        await given_a_canary(world, replicas=2, analysis=GATE | {"stepWeights": [50]})
        await world.release()
        await world.until_phase("WaitingPromotion")

        async def at(weight: int) -> bool:
            return await world.weight() == weight

        await world.api.delete(DEPLOYMENT, DEMO, APP)
        await until(lambda: at(0), "the primary serves")
        await until(lambda: world.events("TargetMissing"), "the run says what holds it")
        assert await world.events("CanaryNotServing")
        await world.create_app(tag="2")
        await until(lambda: at(50), "the traffic is back where the step has it")
