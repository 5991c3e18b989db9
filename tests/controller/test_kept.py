"""A target that is kept: its own pods are the primary, and the canary is a Deployment beside it."""

from typing import Any

import pytest

from canary.api.kinds import DEPLOYMENT, POD, REPLICA_SET, SERVICE, Manifest
from canary.api.status import CanaryStatus
from canary.api.validation import parse_canary
from canary.controller.differences import release_changes
from canary.demo import manifests
from canary.demo.manifests import APP
from canary.errors import NotFound
from tests.controller.running import CANARY, VIRTUAL_SERVICE, World, until

GATE = {"webhooks": [{"type": "confirm-traffic-increase", "name": "by-hand"}]}
LAST_GATE = {"webhooks": [{"type": "confirm-promotion", "name": "by-hand"}]}
BESIDE = f"{APP}-canary"


async def initialised(world: World, *, analysis: Any = None, **spec: Any) -> None:
    await world.create_app()
    await until(lambda: runs(world, ["1", "1"]), "the app runs")
    await under_a_canary(world, analysis=analysis, **spec)


async def under_a_canary(world: World, *, analysis: Any = None, **spec: Any) -> None:
    await world.create_canary(keepTarget=True, analysis=analysis, **spec)
    await world.until_phase("Initialized")
    await world.until_condition("Ready", "True")
    await until(lambda: paused(world), "it is held")


async def deployment(world: World, name: str = APP) -> Manifest:
    found = await world.read(DEPLOYMENT, name)
    return found or {"spec": {}}


async def paused(world: World) -> bool:
    return bool((await deployment(world))["spec"].get("paused"))


async def runs(world: World, tags: list[str], name: str = APP) -> bool:
    """Tell whether the pods of a Deployment run these versions, and are ready."""
    return await tags_of(world, name) == tags


async def tags_of(world: World, name: str = APP) -> list[str]:
    """Give the versions of the ready pods of a Deployment."""
    sets = {
        each["metadata"]["name"]
        for each in await world.objects(REPLICA_SET)
        if each["metadata"]["ownerReferences"][0]["name"] == name
    }
    return sorted(
        pod["spec"]["containers"][0]["image"].rpartition(":")[2]
        for pod in await world.objects(POD)
        if pod["metadata"]["ownerReferences"][0]["name"] in sets
        and "deletionTimestamp" not in pod["metadata"]
        and is_ready(pod)
    )


def is_ready(pod: Manifest) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


async def gated(world: World, reason: str = "TrafficGate") -> None:
    async def held() -> bool:
        waits = (await world.status()).get("waitingFor") or {}
        return waits.get("reason") == reason

    await until(held, f"held at {reason}")


async def approve(world: World) -> None:
    await world.patch(CANARY, APP, {"metadata": {"annotations": {"tidegate.dev/approve": "me"}}})


async def deleted(world: World) -> None:
    await world.api.delete(CANARY, world.namespace, APP)

    async def gone() -> bool:
        return await world.read(CANARY, APP) is None

    await until(gone, "the Canary is gone")


async def selector(world: World, name: str) -> Any:
    service = await world.read(SERVICE, name)
    return None if service is None else service["spec"]["selector"]


async def test_it_is_taken_over_without_a_copy_and_without_a_restart(world: World):
    await world.create_app()
    await until(lambda: runs(world, ["1", "1"]), "the app runs")
    before = await deployment(world)
    pods = {pod["metadata"]["uid"] for pod in await world.objects(POD)}
    async with world.running_controller():
        await under_a_canary(world)
        after = await deployment(world)
        assert [each["metadata"]["name"] for each in await world.objects(DEPLOYMENT)] == [APP]
        assert {pod["metadata"]["uid"] for pod in await world.objects(POD)} == pods
        assert after["spec"] == before["spec"] | {"paused": True}
        kept = ("labels", "annotations", "ownerReferences", "finalizers")
        assert [after["metadata"].get(each) for each in kept] == [
            before["metadata"].get(each) for each in kept
        ]
        assert await selector(world, APP) == {"app": APP}
        assert await selector(world, f"{APP}-primary") == {"app": APP}
        assert await selector(world, BESIDE) == {"app": BESIDE}


async def test_its_sides_are_not_compared_where_its_template_is_all_that_is_known_of_both(
    world: World,
):
    await world.create_app()
    spec = parse_canary(await world.create_canary(keepTarget=True)).spec
    with pytest.raises(NotFound, match="compare its revisions there"):
        await release_changes(world.api, world.namespace, APP, spec, CanaryStatus())


async def test_a_good_release_runs_beside_it_and_then_in_it(world: World):
    async with world.running_controller():
        await initialised(world, analysis=LAST_GATE)
        await world.release()
        await gated(world, "PromotionGate")
        assert await tags_of(world) == ["1", "1"]
        assert await tags_of(world, BESIDE) == ["2", "2"]
        assert await world.weight() == 100
        await approve(world)
        status = await world.until_phase("Succeeded")
        assert status["history"][0]["outcome"] == "Promoted"
        assert await tags_of(world) == ["2", "2"]
        assert await world.weight() == 0
        await until(lambda: runs(world, [], BESIDE), "the canary is parked")
        await until(lambda: paused(world), "it is held again")
        # And so does the next one.
        await world.release(tag="3")
        await gated(world, "PromotionGate")
        assert await tags_of(world) == ["2", "2"]
        assert await tags_of(world, BESIDE) == ["3", "3"]
        await approve(world)
        await world.until_phase("Succeeded")
        assert await tags_of(world) == ["3", "3"]


async def test_a_sick_release_never_reaches_its_pods_and_the_next_one_begins_a_run(world: World):
    async with world.running_controller():
        await initialised(world)
        await world.release(tag="image-pull")
        status = await world.until_phase("Failed")
        assert status["history"][0]["outcome"] == "RolledBack"
        found = await deployment(world)
        assert found["spec"]["paused"]
        assert found["spec"]["template"]["spec"]["containers"][0]["image"].endswith(":image-pull")
        # What its user scales runs what is promoted.
        await world.patch(DEPLOYMENT, APP, {"spec": {"replicas": 3}})
        await until(lambda: runs(world, ["1"] * 3), "its new pod runs what is promoted")
        await world.release(tag="2")
        await world.until_phase("Succeeded")
        assert await tags_of(world) == ["2"] * 3


async def test_a_return_to_what_its_pods_run_ends_the_run_with_nothing_to_do(world: World):
    async with world.running_controller():
        await initialised(world, analysis=GATE)
        await world.release()
        await gated(world)
        await world.release(tag="1")
        status = await world.until_phase("Succeeded")
        assert status["history"][0]["outcome"] == "Cancelled"
        await until(lambda: runs(world, [], BESIDE), "the canary is parked")
        assert await tags_of(world) == ["1", "1"]
        assert await paused(world)


async def test_a_release_that_is_edited_in_the_middle_begins_anew_and_leaves_its_pods_alone(
    world: World,
):
    async with world.running_controller():
        await initialised(world, analysis=GATE)
        await world.release()
        await gated(world)
        await approve(world)
        await until(lambda: weighs(world, 50), "the canary has half")
        await world.release(tag="3")
        await gated(world)
        assert await tags_of(world) == ["1", "1"]
        assert await tags_of(world, BESIDE) == ["3", "3"]
        await approve_until(world, "Succeeded")
        assert await tags_of(world) == ["3", "3"]


async def approve_until(world: World, phase: str) -> None:
    """Open each gate that shuts until a phase is there."""

    async def there() -> bool:
        status = await world.status()
        if (status.get("waitingFor") or {}).get("reason") == "TrafficGate":
            await approve(world)
        return bool(status.get("phase") == phase)

    await until(there, phase)


async def weighs(world: World, weight: int) -> bool:
    return await world.weight() == weight


async def test_a_canary_that_is_deleted_at_rest_leaves_it_as_its_user_had_it(world: World):
    await world.create_app()
    await until(lambda: runs(world, ["1", "1"]), "the app runs")
    before = await deployment(world)
    async with world.running_controller():
        await under_a_canary(world)
        await deleted(world)
        assert (await deployment(world))["spec"] == before["spec"]
        assert await selector(world, APP) == {"app": APP}
        await world.release()
        await until(lambda: runs(world, ["2", "2"]), "it rolls by itself")


async def test_a_canary_that_is_deleted_after_a_rollback_leaves_it_paused_and_says_so(world: World):
    async with world.running_controller():
        await initialised(world)
        await world.release(tag="image-pull")
        await world.until_phase("Failed")
        await deleted(world)
        assert await paused(world)
        assert await tags_of(world) == ["1", "1"]
        assert await world.read(VIRTUAL_SERVICE, APP) is None
        (event,) = await until(lambda: world.events("TargetLeftPaused"), "it is told")
        assert f"kubectl rollout resume deployment/{APP}" in event["message"]
        # A new Canary neither rolls it out nor takes it for what is promoted.
        await world.create_canary(keepTarget=True)
        await until(lambda: says(world, "write back the template"), "it is held")
        assert await tags_of(world) == ["1", "1"]
        await world.release(tag="1")
        await world.until_phase("Initialized")
        assert await tags_of(world) == ["1", "1"]


async def says(world: World, words: str) -> bool:
    conditions = (await world.status()).get("conditions") or ()
    return any(words in each["message"] for each in conditions)


async def test_a_canary_that_is_deleted_in_a_run_gives_its_pods_all_traffic(world: World):
    async with world.running_controller():
        await initialised(world, analysis=GATE)
        await world.release()
        await gated(world)
        await approve(world)
        await until(lambda: weighs(world, 50), "the canary has half")
        await deleted(world)
        assert await world.read(VIRTUAL_SERVICE, APP) is None
        assert await selector(world, APP) == {"app": APP}
        assert await paused(world)

        async def gone() -> bool:
            return await world.read(DEPLOYMENT, BESIDE) is None

        await until(gone, "the canary is gone")
        assert await tags_of(world) == ["1", "1"]


async def test_a_promotion_goes_on_where_a_controller_that_died_has_left_it(world: World):
    async with world.running_controller():
        await initialised(world, analysis=LAST_GATE)
        await world.release()
        await gated(world, "PromotionGate")
        await approve(world)
        await world.until_phase("Promoting")
    async with world.running_controller():
        status = await world.until_phase("Succeeded")
        assert status["history"][0]["outcome"] == "Promoted"
        assert await tags_of(world) == ["2", "2"]
        await until(lambda: paused(world), "it is held again")


async def test_what_its_user_writes_while_it_is_promoted_is_held_and_has_a_run_of_its_own(
    world: World,
):
    async with world.running_controller():
        await initialised(world, analysis=LAST_GATE)
        await world.release()
        await gated(world, "PromotionGate")
        await approve(world)

        async def resumed() -> bool:
            return not await paused(world)

        await until(resumed, "it is let go")
        await world.release(tag="image-pull")
        await until(lambda: paused(world), "it is held at once")
        status = await world.until_phase("Failed")
        outcomes = [each["outcome"] for each in status["history"][:2]]
        assert outcomes == ["RolledBack", "Superseded"]
        await world.release(tag="3")
        await gated(world, "PromotionGate")
        await approve(world)
        await world.until_phase("Succeeded")
        assert await tags_of(world) == ["3", "3"]


async def test_one_that_someone_lets_go_is_held_again(world: World):
    async with world.running_controller():
        await initialised(world)
        await world.patch(DEPLOYMENT, APP, {"spec": {"paused": None}})
        await until(lambda: paused(world), "it is held again")
        assert await tags_of(world) == ["1", "1"]


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"keepTarget": False}, id="is not kept"),
        pytest.param({"targetRef": {"name": "other"}}, id="is another"),
    ],
)
async def test_it_stays_kept_and_its_own_primary(world: World, changed: Any):
    async with world.running_controller():
        await initialised(world)
        await world.patch(CANARY, APP, {"spec": changed})
        told = await world.until_condition("Ready", "False")
        assert "delete the Canary and create it again" in told
        assert await paused(world)
        assert [each["metadata"]["name"] for each in await world.objects(DEPLOYMENT)] == [APP]


async def test_one_that_is_not_kept_does_not_become_so(world: World):
    await world.create_app()
    async with world.running_controller():
        await world.create_canary()
        await world.until_phase("Initialized")
        await world.patch(CANARY, APP, {"spec": {"keepTarget": True}})
        told = await world.until_condition("Ready", "False")
        assert "set it back to false" in told
        assert not await paused(world)


async def test_a_name_that_another_has_is_not_taken_for_its_canary(world: World):
    await world.create_app()
    other = manifests.deployment("9", name=BESIDE, namespace=world.namespace)
    await world.api.create(other, DEPLOYMENT)
    async with world.running_controller():
        await world.create_canary(keepTarget=True)
        await until(lambda: says(world, f"{BESIDE} exists already"), "it is told")
        assert (await deployment(world, BESIDE))["metadata"]["generation"] == 1


async def test_it_is_switched_by_the_selector_alone_too(world: World):
    async with world.running_controller():
        switch = {"stepWeights": None, "iterations": 2}
        await initialised(world, provider="kubernetes", analysis=switch)
        await world.release()
        status = await world.until_phase("Succeeded")
        assert status["history"][0]["outcome"] == "Promoted"
        assert await tags_of(world) == ["2", "2"]
        assert await selector(world, APP) == {"app": APP}


async def test_one_whose_pods_all_end_before_the_new_ones_begin_has_its_traffic_carried(
    world: World,
):
    app = manifests.deployment("1", namespace=world.namespace)
    app["spec"]["strategy"] = {"type": "Recreate"}
    await world.api.create(app, DEPLOYMENT)
    await until(lambda: runs(world, ["1", "1"]), "the app runs")
    async with world.running_controller():
        await under_a_canary(world)
        await world.release()
        status = await world.until_phase("Succeeded")
        assert status["history"][0]["outcome"] == "Promoted"
        assert await tags_of(world) == ["2", "2"]
        assert await paused(world)
