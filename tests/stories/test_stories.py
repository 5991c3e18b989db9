"""Stories: what users do, and what they see, with real pods, a real Envoy and real requests.

Each is told in given, when and then. Time decides nothing: a story waits for what it speaks of.
`lost` are requests that no pod has answered; there must never be one.
"""

from typing import Any

import pytest

from canary.api.kinds import DEPLOYMENT, Kind
from canary.api.meta import GROUP
from canary.controller.canaries import canary_kind
from canary.demo.manifests import APP, ROUTERS
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
    until_seen_as,
    until_told,
    until_waiting,
)

pytestmark = [pytest.mark.story, pytest.mark.asyncio(loop_scope="session")]

VIRTUAL_SERVICE = Kind(
    group="networking.istio.io",
    versions=("v1",),
    kind="VirtualService",
    plural="virtualservices",
)
METRIC_TEMPLATE = Kind(
    group=GROUP, versions=("v1beta1",), kind="MetricTemplate", plural="metrictemplates"
)


@pytest.mark.acceptance("A01")
@pytest.mark.parametrize("world", [*ROUTERS, "contour"], indirect=True)
async def test_a_running_app_is_initialised_without_a_failed_request(
    world: World,
) -> None:
    # Given an app with a Service of its own, and clients that call it all the while
    await world.create_app("1.0")
    await world.expose_app()

    await world.until(world.answers, "the app answers")
    async with world.traffic() as load:
        await load.reaches(20)
        # When a Canary is made for it
        await world.start_controller()
        await world.create_canary(analysis=QUICK)
        await world.until_phase("Initialized", seconds=120)
        # Then the primary serves, and no request has failed
        await then_at_rest(world, "1.0")
        await load.reaches(100)
        assert load.stats().failed == 0, load.stats().failures


@pytest.mark.acceptance("A02")
@pytest.mark.parametrize("world", [*ROUTERS, "contour"], indirect=True)
async def test_a_good_release_is_promoted_at_the_weights_asked_for(world: World) -> None:
    # Given a canary whose every step waits for a person
    await given_a_canary(world, webhooks=[BY_HAND])
    async with world.traffic() as load:
        # When a good version is released
        await world.release("2.0")
        # Then each step is taken when it is approved, and Envoy splits as the status says
        for weight in (20, 60):
            await until_waiting(world, "TrafficGate")
            await world.annotate("approve")
            await world.until_routed(weight)
            await then_share(world, load, weight)
        await until_waiting(world, "TrafficGate")
        await world.annotate("approve")
        # And the version is promoted, without a failed request
        status = await world.until_phase("Succeeded", seconds=120)
        assert status["history"][0]["outcome"] == "Promoted"
        assert status["history"][0]["images"] == f"{APP}:1.0 → {APP}:2.0"
        await then_at_rest(world, "2.0")
        await load.reaches(100)
        assert load.stats().failed == 0, load.stats().failures
    await until_told(world, "Promoted")


@pytest.mark.acceptance("A03")
@pytest.mark.parametrize("world", [*ROUTERS, "contour"], indirect=True)
async def test_a_bad_release_is_rolled_back_on_its_error_rate(world: World) -> None:
    await given_a_canary(world)
    async with world.traffic() as load:
        # When a version is released that fails every request
        await world.release("2.0", ERROR_RATE="1")
        # Then it is rolled back, with its success rate as the reason
        status = await world.until_phase("Failed", seconds=120)
        assert "success rate" in status["history"][0]["message"]
        assert status["canaryWeight"] == 0
        await then_at_rest(world, "1.0")
        then_nothing_was_lost(load)
    await until_told(world, "RolledBack")


async def test_a_slow_release_is_rolled_back_on_its_latency(world: World) -> None:
    duration = {"name": "request-duration", "interval": "2s", "thresholdRange": {"max": 900}}
    await given_a_canary(world, metrics=[duration])
    async with world.traffic() as load:
        await world.release("2.0", LATENCY_MS="2000")
        status = await world.until_phase("Failed", seconds=120)
        assert "duration" in status["history"][0]["message"]
        await then_at_rest(world, "1.0")
        then_nothing_was_lost(load)


async def test_a_release_that_crashes_is_rolled_back_with_the_pods_own_words(
    world: World,
) -> None:
    await given_a_canary(world)
    async with world.traffic() as load:
        await world.release("2.0", READY_AFTER="never", CRASH="after:0.1s")
        status = await world.until_phase("Failed", seconds=120)
        assert status["history"][0]["reason"] == "CrashLoopBackOff"
        assert APP in status["history"][0]["message"]
        # No metric was asked, and no traffic was sent to it.
        assert status["metrics"] == []
        assert load.stats().failed == 0


@pytest.mark.acceptance("A05")
async def test_a_newer_revision_restarts_the_run(world: World) -> None:
    await given_a_canary(world, webhooks=[BY_HAND])
    async with world.traffic() as load:
        first = await given_a_run_at_20(world)
        # When a newer version comes
        await world.release("3.0")
        # Then the run starts again from nothing, and what is promoted is the newer version
        await world.until_routed(0)
        await world.annotate("promote")
        status = await world.until_phase("Succeeded", seconds=120)
        assert [run["outcome"] for run in status["history"]] == ["Promoted", "Superseded"]
        assert status["lastPromotedSpec"] != first["lastAppliedSpec"]
        await then_at_rest(world, "3.0")
        then_nothing_was_lost(load)


@pytest.mark.acceptance("A06")
async def test_a_return_to_the_promoted_revision_cancels_the_run(world: World) -> None:
    await given_a_canary(world, webhooks=[BY_HAND])
    async with world.traffic() as load:
        await given_a_run_at_20(world)
        # When the target returns to what the primary runs
        await world.release("1.0")
        # Then the run is cancelled, and nothing is promoted
        status = await world.until_phase("Succeeded", seconds=120)
        assert status["history"][0]["outcome"] == "Cancelled"
        await then_at_rest(world, "1.0")
        then_nothing_was_lost(load)


async def test_a_gate_holds_until_its_webhook_opens_it(world: World, receiver: Receiver) -> None:
    gate = {"type": "confirm-promotion", "name": "qa", "url": f"{receiver.url}/gate"}
    done = {"type": "post-rollout", "name": "done", "url": f"{receiver.url}/done"}
    receiver.status, receiver.body = 403, "the test plan is not through"
    async with world.traffic():
        await given_a_canary(world, webhooks=[gate, done])
        await world.release("2.0")
        # Given a run held at its gate, which says why
        status = await world.until_phase("WaitingPromotion", seconds=120)
        assert "the test plan is not through" in status["waitingFor"]["message"]
        # When the webhook opens it
        receiver.status = 200
        # Then the version is promoted, and the last hook is told so
        await world.until_phase("Succeeded", seconds=120)

        async def told() -> bool:
            return bool(receiver.sent("/done"))

        await world.until(told, "the post-rollout hook is called")
        [body] = receiver.sent("/done")
        assert body["phase"] == "Succeeded"
        assert all(headers.get("Idempotency-Key") for _, _, headers in receiver.calls)


@pytest.mark.acceptance("A07", "H05")
async def test_a_failed_revision_is_retried_by_command(world: World, receiver: Receiver) -> None:
    check = {"type": "pre-rollout", "name": "smoke", "url": f"{receiver.url}/smoke"}
    receiver.status, receiver.body = 500, "the database is being moved"
    async with world.traffic():
        await given_a_canary(world, webhooks=[check])
        # Given a revision that failed for a reason that has passed
        await world.release("2.0")
        status = await world.until_phase("Failed", seconds=120)
        assert "the database is being moved" in status["history"][0]["message"]
        await until_seen_as(world, "Degraded", "Failed")
        receiver.status = 200
        # When somebody retries it
        await world.annotate("retry", "alice: the database is back")
        # Then the same revision is run again, and promoted; who asked is on record
        status = await world.until_phase("Succeeded", seconds=120)
        assert status["commands"][0]["value"] == "alice: the database is back"
        await until_seen_as(world, "Healthy", "Current")
        await then_at_rest(world, "2.0")


async def test_a_route_edited_by_hand_is_repaired_with_the_weights_of_the_run(
    world: World,
) -> None:
    await given_a_canary(world, webhooks=[BY_HAND])
    async with world.traffic() as load:
        await given_a_run_at_20(world)
        # When somebody sends half of the traffic to the canary by hand
        route = await world.read(VIRTUAL_SERVICE, APP)
        assert route is not None
        intended = weights_of(route)
        for destination, weight in zip(route["spec"]["http"][0]["route"], (50, 50), strict=True):
            destination["weight"] = weight
        await world.patch(VIRTUAL_SERVICE, APP, {"spec": {"http": route["spec"]["http"]}})

        # Then the route is back at the weights of the run, not at 100/0
        async def repaired() -> bool:
            return weights_of(await world.read(VIRTUAL_SERVICE, APP)) == intended

        await world.until(repaired, "the route is repaired")
        assert sorted(intended) == [20, 80]
        assert (await world.status())["canaryWeight"] == 20
        then_nothing_was_lost(load)


@pytest.mark.acceptance("A04")
async def test_a_missing_template_holds_the_start_of_a_run_and_an_outage_of_its_store_the_weight(
    world: World, receiver: Receiver
) -> None:
    template = {
        "apiVersion": f"{GROUP}/v1beta1",
        "kind": "MetricTemplate",
        "metadata": {"name": "orders", "namespace": world.namespace},
        "spec": {
            "provider": {"type": "prometheus", "address": receiver.url},
            "query": 'orders{app="{{ target }}"}',
        },
    }
    metric = {"name": "orders", "templateRef": {"name": "orders"}, "thresholdRange": {"min": 50}}
    # Given a release whose metric names a template that does not exist
    await given_a_canary(world, metrics=[metric])
    await world.release("2.0")
    held = await until_waiting(world, "ReferenceBroken")
    # Then nothing is begun
    assert held["phase"] == "Initialized"
    # When the template is there, and its store is down
    receiver.status, receiver.body = 503, "upgrading"
    await world.create(template, METRIC_TEMPLATE)
    # Then the run begins by itself, and its weight is held
    held = await until_waiting(world, "AnalysisInconclusive")
    assert held["canaryWeight"] == 20
    assert held["failedChecks"] == 0
    # When the store is back
    receiver.status = 200
    # Then the run goes on to its end
    status = await world.until_phase("Succeeded", seconds=120)
    assert status["metrics"][0]["value"] == 100


@pytest.mark.acceptance("A14")
@pytest.mark.parametrize("world", ROUTERS, indirect=True)
async def test_a_deleted_canary_gives_the_target_its_traffic_back(world: World) -> None:
    # Given an app that was called before there was a Canary
    await world.expose_app()
    await given_a_canary(world)
    async with world.traffic() as load:
        await load.reaches(50)
        # When the Canary is deleted under traffic
        await world.api.delete(canary_kind(GROUP), world.namespace, APP)

        async def gone() -> bool:
            try:
                await world.canary()
            except NotFound:
                return await world.read(DEPLOYMENT, f"{APP}-primary") is None
            return False

        await world.until(gone, "the Canary and its primary are gone", seconds=120)
        # Then the target serves what the primary served, and no request has failed
        target = await world.read(DEPLOYMENT, APP)
        assert target is not None
        assert target["spec"]["replicas"] == 2
        await load.reaches(100)
        assert load.stats().failed == 0, load.stats().failures


@pytest.mark.acceptance("A11")
async def test_a_controller_that_is_killed_goes_on_where_it_was(world: World) -> None:
    await given_a_canary(world, webhooks=[BY_HAND])
    async with world.traffic() as load:
        before = await given_a_run_at_20(world)
        # When the controller is killed in the middle of a run, and started again
        await world.kill_controller()
        await then_share(world, load, 20)
        await world.start_controller()
        # Then the run goes on at the same weight and the same revision, and repeats no step
        await until_waiting(world, "TrafficGate")
        status = await world.status()
        assert status["canaryWeight"] == 20
        assert status["run"]["id"] == before["run"]["id"]
        await world.annotate("promote")
        await world.until_phase("Succeeded", seconds=120)
        await then_at_rest(world, "2.0")
        then_nothing_was_lost(load)
    reasons = await until_told(world, "Promoted")
    assert reasons.count("RunStarted") == 1
    assert reasons.count("Promoted") == 1


def weights_of(route: dict[str, Any] | None) -> list[int]:
    """Give the weights of a VirtualService, in their order."""
    assert route is not None
    return [each.get("weight", 100) for each in route["spec"]["http"][0]["route"]]


async def test_a_judge_that_waits_for_a_proof_promotes_the_good_and_rolls_back_the_bad(
    world: World,
) -> None:
    # Given a canary that only a proof rolls back, and a bound in shadow that nothing keeps
    proof = {
        "name": "request-success-rate",
        "judge": "sequential",
        "minRequests": 20,
        "onNoData": "hold",
    }
    shadow = {
        "name": "request-duration",
        "interval": "2s",
        "thresholdRange": {"max": 0.001},
        "shadow": True,
    }
    await given_a_canary(world, metrics=[proof, shadow], threshold=1000)
    async with world.traffic() as load:
        # When a good version is released, it is promoted, whatever the shadow says
        await world.release("2.0")
        status = await world.until_phase("Succeeded", seconds=120)
        judged = {each["name"]: each for each in status["metrics"]}
        assert judged["request-success-rate"]["judge"] == "sequential"
        unkept = judged["request-duration"]
        assert (unkept["verdict"], unkept["shadow"]) == ("fail", True)
        await then_at_rest(world, "2.0")
        # When a bad one is released, it is rolled back as soon as that is proven
        await world.release("3.0", ERROR_RATE="0.5")
        status = await world.until_phase("Failed", seconds=120)
        assert "proven worse than the primary (evidence" in status["history"][0]["message"]
        assert status["failedChecks"] == 1
        await then_at_rest(world, "2.0")
        then_nothing_was_lost(load)
    await until_told(world, "RolledBack")


async def test_a_judge_that_compares_values_rolls_back_what_is_worse_than_the_primary(
    world: World,
) -> None:
    # Given a canary whose success rate is compared with the primary's as Kayenta does
    ranks = {
        "name": "request-success-rate",
        "interval": "2s",
        "judge": "mann-whitney",
        # A proxy that is late to hear of new pods leads to those of the version before meanwhile, and
        # two values of them among so few are enough for the test to see no difference.
        "warmUp": "15s",
        "judgeOptions": {"direction": "decrease", "minPoints": "8"},
        "onNoData": "hold",
        "onInconclusive": "hold",
    }
    await given_a_canary(world, metrics=[ranks], threshold=1)
    async with world.traffic() as load:
        # When a good version is released, it is promoted
        await world.release("2.0")
        await world.until_phase("Succeeded", seconds=120)
        await then_at_rest(world, "2.0")
        # When one is released that fails half of its requests, it is rolled back
        await world.release("3.0", ERROR_RATE="0.5")
        status = await world.until_phase("Failed", seconds=120)
        assert "is lower than the primary's: mean " in status["history"][0]["message"]
        await then_at_rest(world, "2.0")
        then_nothing_was_lost(load)
    await until_told(world, "RolledBack")
