"""Stories of a Deployment that its user keeps: paused at rest, with a canary beside it."""

import pytest

from canary.api.kinds import DEPLOYMENT, POD, SERVICE, Manifest
from canary.api.meta import GROUP
from canary.controller.canaries import canary_kind
from canary.controller.events import EVENT
from canary.demo import manifests
from canary.demo.manifests import APP
from canary.demo.world import World
from tests.stories.telling import QUICK

pytestmark = [pytest.mark.story, pytest.mark.asyncio(loop_scope="session")]

BESIDE = f"{APP}-canary"


async def until_pods(world: World, *tags: str, app: str = APP) -> None:
    """Wait until the pods with an app's label run these versions and are ready."""

    async def run() -> bool:
        pods = [
            pod
            async for page, _ in world.api.pages(POD, world.namespace)
            for pod in page
            if pod["metadata"]["labels"].get("app") == app
            and "deletionTimestamp" not in pod["metadata"]
        ]
        images = sorted(
            pod["spec"]["containers"][0]["image"].rpartition(":")[2] for pod in pods if ready(pod)
        )
        return len(pods) == len(tags) and images == sorted(tags)

    await world.until(run, f"the pods of {app} run {tags}", seconds=120)


def ready(pod: Manifest) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


async def until_paused(world: World, *, paused: bool = True) -> None:
    async def so() -> bool:
        found = await world.read(DEPLOYMENT, APP) or {}
        return bool(found["spec"].get("paused")) is paused

    await world.until(so, "it is paused" if paused else "it is resumed", seconds=120)


async def until_told(world: World, reason: str, words: str) -> None:
    """Wait for an event with a reason that has these words."""

    async def told() -> bool:
        found = [
            event async for page, _ in world.api.pages(EVENT, world.namespace) for event in page
        ]
        return any(each["reason"] == reason and words in each["message"] for each in found)

    await world.until(told, f"{reason}: {words}", seconds=120)


async def release(world: World, tag: str) -> None:
    template = manifests.pod_template(tag)
    await world.patch(DEPLOYMENT, APP, {"spec": {"template": template}})


async def uids(world: World) -> set[str]:
    return {
        pod["metadata"]["uid"]
        async for page, _ in world.api.pages(POD, world.namespace)
        for pod in page
    }


async def test_a_deployment_that_is_kept_is_released_taken_back_and_given_back(
    world: World,
) -> None:
    # Given an app with a Service of its user's, under a Canary that keeps it
    app = manifests.deployment("1.0", namespace=world.namespace)
    await world.create(app, DEPLOYMENT)
    await until_pods(world, "1.0", "1.0")
    before, pods = await world.read(DEPLOYMENT, APP), await uids(world)
    await world.start_controller()
    by_hand = {"webhooks": [{"type": "confirm-promotion", "name": "by-hand"}]}
    canary = manifests.canary(
        "istio",
        namespace=world.namespace,
        keepTarget=True,
        analysis=QUICK | {"metrics": [], "stepWeightRestart": 30} | by_hand,
    )
    await world.create(canary, canary_kind(GROUP))
    await world.until_phase("Initialized", seconds=120)
    # Then it is paused, nothing else of it is changed, and no pod is restarted or added
    await until_paused(world)
    after = await world.read(DEPLOYMENT, APP)
    assert before is not None
    assert after is not None
    assert after["spec"] == before["spec"] | {"paused": True}
    assert await uids(world) == pods
    service = await world.read(SERVICE, APP) or {}
    assert service["spec"]["selector"] == {"app": APP}
    # When a good version is released, then it runs beside the pods that serve, and in the end in them
    await release(world, "2.0")
    await world.until_phase("WaitingPromotion", seconds=120)
    await until_pods(world, "1.0", "1.0")
    await until_pods(world, "2.0", "2.0", app=BESIDE)
    # When a newer one takes its place, then its pods go when their traffic has left, part by part
    await release(world, "2.1")
    await until_told(world, "TrafficReturning", f"before {BESIDE} gets the newer revision")
    await until_pods(world, "2.1", "2.1", app=BESIDE)
    await until_pods(world, "1.0", "1.0")
    status = await world.until_phase("WaitingPromotion", seconds=120)
    assert status["history"][0]["outcome"] == "Superseded"
    await world.annotate("approve")
    status = await world.until_phase("Succeeded", seconds=120)
    assert status["history"][0]["outcome"] == "Promoted"
    await until_pods(world, "2.1", "2.1")
    await until_pods(world, app=BESIDE)
    await until_paused(world)
    # When a version does not come up, then no pod that serves has seen it, nor has one that is added
    await release(world, "image-pull")
    status = await world.until_phase("Failed", seconds=120)
    assert status["history"][0]["outcome"] == "RolledBack"
    await world.patch(DEPLOYMENT, APP, {"spec": {"replicas": 3}})
    await until_pods(world, "2.1", "2.1", "2.1")
    # When the Canary is deleted, then it stays paused, says so, and goes on serving
    await world.api.delete(canary_kind(GROUP), world.namespace, APP)
    await until_told(world, "TargetLeftPaused", "stays paused")

    async def gone() -> bool:
        return await world.read(DEPLOYMENT, BESIDE) is None

    await world.until(gone, "the canary is gone", seconds=120)
    await until_paused(world)
    await until_pods(world, "2.1", "2.1", "2.1")
    # And it rolls when its user says so
    await release(world, "3.0")
    await world.patch(DEPLOYMENT, APP, {"spec": {"paused": None}})
    await until_pods(world, "3.0", "3.0", "3.0")
