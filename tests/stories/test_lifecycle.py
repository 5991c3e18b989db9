"""Stories of the life of a release beside its traffic: hooks, holds, deadlines, and what ends it."""

import pytest

from canary.api.kinds import DEPLOYMENT
from canary.api.meta import GROUP
from canary.controller.canaries import canary_kind
from canary.controller.policies import DELIVERY_POLICY
from canary.demo.manifests import APP
from canary.demo.world import World
from canary.errors import NotFound
from tests.stories.conftest import Receiver
from tests.stories.telling import (
    BY_HAND,
    QUICK,
    given_a_canary,
    given_a_run_at_20,
    then_at_rest,
    then_nothing_was_lost,
    then_share,
    until_running,
    until_seen_as,
    until_told,
    until_waiting,
    when_pods_say,
)

pytestmark = [pytest.mark.story, pytest.mark.asyncio(loop_scope="session")]

CANARY = canary_kind(GROUP)
#: The types of hooks that a run without a rollback calls, in the order of their first call.
IN_ORDER = (
    *("confirm-rollout", "pre-rollout", "confirm-traffic-increase", "rollout"),
    *("confirm-promotion", "post-rollout"),
)


@pytest.mark.acceptance("A02", "B05")
async def test_weights_go_up_by_a_step_and_promotion_and_rollback_go_on_by_steps_of_their_own(
    world: World,
) -> None:
    # Given weights that would go beyond the last one, and a promotion and a rollback in steps
    await world.create_app("1.0")
    await world.start_controller()
    await world.create_canary(
        analysis={
            "interval": "1s",
            "stepWeight": 30,
            "maxWeight": 50,
            "stepWeightPromotion": 50,
            "stepWeightRollback": 20,
            "metrics": [],
            "webhooks": [BY_HAND],
        }
    )
    await world.until_phase("Initialized", seconds=120)
    async with world.traffic() as load:
        # When a version is released
        await world.release("2.0")
        for weight in (30, 60):
            await until_waiting(world, "TrafficGate")
            await world.annotate("approve")
            await world.until_routed(weight)
        await until_waiting(world, "TrafficGate")
        await world.annotate("approve")
        # Then it is promoted, and the primary takes the traffic back in two steps
        await world.until_phase("Succeeded", seconds=120)
        await then_at_rest(world, "2.0")
        told = await until_told(world, "TrafficReturning", "Promoted")
        assert told.count("WeightAdvanced") == 2
        # When another one is refused after its first step
        await world.release("3.0")
        await until_waiting(world, "TrafficGate")
        await world.annotate("approve")
        await world.until_routed(30)
        await until_waiting(world, "TrafficGate")
        await world.annotate("reject", "alice: too slow")
        # Then the primary takes its traffic back in two steps as well
        status = await world.until_phase("Failed", seconds=120)
        assert "the primary serves 90 % of the traffic" in status["history"][0]["message"]
        await world.until_routed(0)
        await then_at_rest(world, "2.0")
        then_nothing_was_lost(load)
    await until_told(world, "RolledBack")


@pytest.mark.acceptance("A08")
async def test_a_fix_is_promoted_while_no_pod_of_the_primary_serves(world: World) -> None:
    await given_a_canary(world, metrics=[])
    # Given a primary of which no pod is ready any longer
    await when_pods_say(world, f"{APP}-primary", ready=False)
    # When a version is released that repairs it
    await world.release("2.0")
    # Then it is promoted, and answers everyone
    await world.until_phase("Succeeded", seconds=120)
    await then_at_rest(world, "2.0")
    await world.until(world.answers, "the app answers")


@pytest.mark.acceptance("A09")
async def test_a_promotion_that_fails_leaves_the_canary_serving_and_the_next_release_free(
    world: World,
) -> None:
    approval = {"type": "confirm-promotion", "name": "by-hand"}
    await given_a_canary(world, metrics=[], webhooks=[approval])
    async with world.traffic() as load:
        # Given a version whose pods are ready when somebody says so, and its canary's are
        await world.release("2.0", READY_AFTER="never")
        await until_running(world, APP)
        await when_pods_say(world, APP, ready=True)
        await until_waiting(world, "PromotionGate")
        # When it is promoted, and the primary's pods are not made ready before the deadline
        await world.patch(CANARY, APP, {"spec": {"progressDeadlineSeconds": 5}})
        await world.annotate("approve")
        # Then the run ends, and everyone is answered by the canary
        status = await world.until_phase("Failed", seconds=120)
        assert status["history"][0]["outcome"] == "PromotionFailed"
        status = await world.until_routed(100)
        assert (status["phase"], status["canaryWeight"]) == ("Failed", 100)
        await load.reaches(load.stats().requests + 200)
        # When a version is released that is ready by itself
        await world.patch(CANARY, APP, {"spec": {"progressDeadlineSeconds": 600}})
        await world.release("3.0")
        await until_waiting(world, "PromotionGate")
        await world.annotate("approve")
        # Then it is promoted, and in all this time no request was lost
        await world.until_phase("Succeeded", seconds=120)
        await then_at_rest(world, "3.0")
        then_nothing_was_lost(load)
    await until_told(world, "PromotionFailed", "Promoted")


@pytest.mark.acceptance("A10", "H05")
async def test_a_suspended_run_keeps_its_weight_and_says_so_once(world: World) -> None:
    await given_a_canary(world, webhooks=[BY_HAND])
    async with world.traffic() as load:
        before = await given_a_run_at_20(world)
        # When the Canary is suspended
        await world.patch(CANARY, APP, {"spec": {"suspend": True}})
        await until_told(world, "Suspended")
        await until_seen_as(world, "Suspended", "InProgress")
        # Then the traffic stays as it is, also over a restart of the controller
        await world.kill_controller()
        await world.start_controller()
        await then_share(world, load, 20)
        # When it is resumed
        await world.patch(CANARY, APP, {"spec": {"suspend": False}})
        # Then the run goes on where it was
        await until_waiting(world, "TrafficGate")
        await world.annotate("approve")
        status = await world.until_routed(60)
        assert status["run"]["id"] == before["run"]["id"]
        await world.annotate("promote")
        await world.until_phase("Succeeded", seconds=120)
        then_nothing_was_lost(load)
    told = await until_told(world, "Promoted")
    assert (told.count("Suspended"), told.count("RunStarted")) == (1, 1)


@pytest.mark.acceptance("A12")
async def test_without_analysis_a_release_is_promoted_as_soon_as_it_is_ready(
    world: World,
) -> None:
    await world.create_app("1.0")
    await world.start_controller()
    # Given a Canary whose metrics no release would pass
    hopeless = {"name": "request-success-rate", "thresholdRange": {"min": 101}}
    await world.create_canary(analysis=QUICK | {"metrics": [hopeless]}, skipAnalysis=True)
    await world.until_phase("Initialized", seconds=120)
    async with world.traffic() as load:
        # When a version is released that does not come up
        await world.release("2.0", READY_AFTER="never")
        await until_told(world, "RunStarted")
        # Then it is not promoted; and one that does, is
        await world.release("3.0")
        await world.until_phase("Succeeded", seconds=120)
        await then_at_rest(world, "3.0")
        then_nothing_was_lost(load)


@pytest.mark.acceptance("A13")
async def test_a_release_that_never_is_ready_ends_at_its_deadline_and_is_told(
    world: World, receiver: Receiver
) -> None:
    done = {"type": "post-rollout", "name": "done", "url": f"{receiver.url}/done"}
    await world.create_app("1.0")
    await world.start_controller()
    await world.create_canary(analysis=QUICK | {"webhooks": [done]})
    await world.until_phase("Initialized", seconds=120)
    # Given a deadline that is soon
    await world.patch(CANARY, APP, {"spec": {"progressDeadlineSeconds": 5}})
    async with world.traffic() as load:
        # When a version is released whose pods run and never are ready
        await world.release("2.0", READY_AFTER="never")
        # Then it is rolled back, without a request to it
        status = await world.until_phase("Failed", seconds=120)
        assert status["history"][0]["reason"] == "ProgressDeadlineExceeded"
        await then_at_rest(world, "1.0")
        assert load.stats().failed == 0

    async def told() -> bool:
        return [each["phase"] for each in receiver.sent("/done")] == ["Failed"]

    await world.until(told, "the post-rollout hook hears of it")
    await until_told(world, "RolledBack")


@pytest.mark.acceptance("A14")
async def test_who_wants_it_so_keeps_the_primary_and_its_route_after_the_deletion(
    world: World,
) -> None:
    await given_a_canary(world)
    await world.patch(CANARY, APP, {"spec": {"deletionPolicy": "orphan"}})
    async with world.traffic() as load:
        await load.reaches(50)
        # When the Canary is deleted
        await world.api.delete(CANARY, world.namespace, APP)

        async def gone() -> bool:
            try:
                await world.canary()
            except NotFound:
                return True
            return False

        await world.until(gone, "the Canary is gone", seconds=120)
        # Then the primary goes on serving, and no request has failed
        primary = await world.read(DEPLOYMENT, f"{APP}-primary")
        assert primary is not None
        assert primary["spec"]["replicas"] == 2
        await load.reaches(load.stats().requests + 100)
        # When it is made once more, then it takes over what is there
        await world.create_canary(analysis=QUICK)
        await world.until_phase("Initialized", seconds=120)
        await then_at_rest(world, "1.0")
        await load.reaches(load.stats().requests + 100)
        assert load.stats().failed == 0, load.stats().failures


@pytest.mark.acceptance("C01")
async def test_hooks_are_called_in_the_order_of_their_types_and_204_passes(
    world: World, receiver: Receiver
) -> None:
    hooks = [
        {"type": each, "name": each, "url": f"{receiver.url}/{each}", "metadata": {"team": "a"}}
        for each in reversed(IN_ORDER)
    ]
    receiver.status, receiver.body = 204, ""
    await given_a_canary(world, webhooks=hooks, metrics=[])
    # When a version is released
    await world.release("2.0")
    await world.until_phase("Succeeded", seconds=120)

    async def all_were_called() -> bool:
        return bool(receiver.sent(f"/{IN_ORDER[-1]}"))

    await world.until(all_were_called, "the last hook is called")
    # Then each hook was called, in the order of the types, with what it needs to know
    first = list(dict.fromkeys(path for path, _, _ in receiver.calls))
    assert first == [f"/{each}" for each in IN_ORDER]
    for _, body, _ in receiver.calls:
        assert (body["name"], body["namespace"]) == (APP, world.namespace)
        assert body["metadata"]["team"] == "a"
        assert body["images"].endswith(f"{APP}:2.0")


@pytest.mark.acceptance("C02")
async def test_what_is_approved_or_rejected_while_no_controller_runs_is_obeyed_once(
    world: World,
) -> None:
    # Given a namespace in which one run may be under way at a time
    policy = {
        "apiVersion": f"{GROUP}/v1beta1",
        "kind": DELIVERY_POLICY.kind,
        "metadata": {"name": "one", "namespace": world.namespace},
        "spec": {"maxConcurrent": 1},
    }
    await world.create(policy, DELIVERY_POLICY)
    await given_a_canary(world, webhooks=[BY_HAND])
    async with world.traffic() as load:
        await given_a_run_at_20(world)
        await until_waiting(world, "TrafficGate")
        assert await granted(world) == [f"{world.namespace}/{APP}"]
        # Given a controller that is gone while a person approves
        await world.kill_controller()
        await world.annotate("approve", "alice: go on")
        await world.start_controller()
        # Then the gate opens, once
        await world.until_routed(60)
        held = await until_waiting(world, "TrafficGate")
        assert held["canaryWeight"] == 60
        # When it is gone again, and another rejects
        await world.kill_controller()
        await world.annotate("reject", "bob: too slow")
        await world.start_controller()
        status = await world.until_phase("Failed", seconds=120)
        assert "bob: too slow" in status["history"][0]["message"]
        await then_at_rest(world, "1.0")
        # And the place is free for another run
        await world.until(lambda: nothing_granted(world), "no run has a place")
        then_nothing_was_lost(load)


async def granted(world: World) -> list[str]:
    """Name the Canaries whose runs have a place."""
    policy = await world.read(DELIVERY_POLICY, "one") or {}
    return [each["canary"] for each in (policy.get("status") or {}).get("running") or ()]


async def nothing_granted(world: World) -> bool:
    return not await granted(world)


@pytest.mark.acceptance("C03", "C04", "C05")
async def test_a_gate_that_stays_shut_ends_at_its_deadline_and_a_rollback_hook_ends_it_before(
    world: World, receiver: Receiver
) -> None:
    gate = {"type": "confirm-promotion", "name": "qa", "url": f"{receiver.url}/qa"}
    way_out = {"type": "rollback", "name": "way-out", "url": f"{receiver.url}/way-out"}
    receiver.status = 403
    hooks = [gate | {"deadline": "3s"}]
    async with world.traffic() as load:
        await given_a_canary(world, webhooks=hooks)
        # Given a release whose gate nothing opens, then its time ends it
        await world.release("2.0")
        status = await world.until_phase("Failed", seconds=120)
        assert status["history"][0]["reason"] == "GateDeadlineExceeded"
        await then_at_rest(world, "1.0")
        # Given another at the same gate, with a way out
        hooks = [gate, way_out]
        await world.patch(CANARY, APP, {"spec": {"analysis": {"webhooks": hooks}}})
        await world.release("3.0")
        await world.until_phase("WaitingPromotion", seconds=120)
        # When the hook for a rollback passes
        receiver.statuses["/way-out"] = 200
        # Then the release is rolled back
        status = await world.until_phase("Failed", seconds=120)
        assert "way-out" in status["history"][0]["message"]
        await then_at_rest(world, "1.0")
        then_nothing_was_lost(load)
    told = await until_told(world, "RolledBack", "GateBlocked")
    assert told.count("RolledBack") == 2
