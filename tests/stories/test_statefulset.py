"""Stories of an app whose pods have names of their own: a StatefulSet."""

import pytest

from canary.api.kinds import POD, SERVICE, STATEFUL_SET
from canary.api.meta import GROUP
from canary.api.status import CanaryStatus
from canary.api.validation import parse_canary
from canary.controller.canaries import canary_kind
from canary.controller.differences import release_changes
from canary.demo import manifests
from canary.demo.manifests import APP
from canary.demo.world import World
from tests.stories.telling import QUICK

pytestmark = [pytest.mark.story, pytest.mark.asyncio(loop_scope="session")]

REFERENCE = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": APP}
HELD = 2**31 - 1


async def until_pods(world: World, *tags: str) -> None:
    """Wait until the pods, by ordinal, run these versions and are ready."""

    async def run() -> bool:
        pods = {
            pod["metadata"]["name"]: pod
            async for page, _ in world.api.pages(POD, world.namespace)
            for pod in page
            if "deletionTimestamp" not in pod["metadata"]
        }
        found = (pods.get(f"{APP}-{number}") for number in range(len(tags)))
        images = [pod["spec"]["containers"][0]["image"] if pod else "" for pod in found]
        target = await world.read(STATEFUL_SET, APP) or {}
        ready = (target.get("status") or {}).get("availableReplicas") == len(tags)
        return ready and [each.rpartition(":")[2] for each in images] == list(tags)

    await world.until(run, f"the pods run {tags}", seconds=120)


async def until_partition(world: World, partition: int) -> None:
    async def so() -> bool:
        found = await world.read(STATEFUL_SET, APP) or {}
        rolling = found["spec"]["updateStrategy"]["rollingUpdate"]
        return bool(rolling.get("partition") == partition)

    await world.until(so, f"its partition is {partition}", seconds=120)


async def test_an_app_with_ordinals_is_released_taken_back_and_given_back(world: World) -> None:
    # Given an app that is a StatefulSet, with a Service of its user's, under a Canary
    await world.create(
        {
            "apiVersion": "apps/v1",
            "kind": "StatefulSet",
            "metadata": {"name": APP, "namespace": world.namespace},
            "spec": {
                "serviceName": APP,
                "replicas": 3,
                "selector": {"matchLabels": {"app": APP}},
                "template": manifests.pod_template("1.0"),
            },
        },
        STATEFUL_SET,
    )
    await until_pods(world, "1.0", "1.0", "1.0")
    await world.start_controller()
    by_hand = {"webhooks": [{"type": "confirm-promotion", "name": "by-hand"}]}
    canary = manifests.canary(
        "kubernetes:replicas",
        namespace=world.namespace,
        targetRef=REFERENCE,
        analysis=QUICK | {"metrics": []} | by_hand,
    )
    await world.create(canary, canary_kind(GROUP))
    await world.until_phase("Initialized", seconds=120)
    # Then its pods are held where they are, and nothing is made beside it
    await until_partition(world, HELD)
    assert await world.read(STATEFUL_SET, f"{APP}-primary") is None
    assert await world.read(SERVICE, f"{APP}-canary") is None
    # When a good version is released, then the highest ordinals get it first, and in the end all
    template = manifests.pod_template("2.0")
    await world.patch(STATEFUL_SET, APP, {"spec": {"template": template}})
    await world.until_phase("WaitingPromotion", seconds=120)
    await until_pods(world, "1.0", "2.0", "2.0")
    assert (await world.status())["shares"] == {"asked": 60, "possible": 67, "seen": 67}
    # And what it changes is told beside the revision of the pods that are held
    found = await release_changes(
        world.api, world.namespace, APP, parse_canary(canary).spec, CanaryStatus()
    )
    images = [f"example.test/{APP}:{tag}" for tag in ("1.0", "2.0")]
    assert [str(each) for each in found.changes] == [f"image {APP}: {' → '.join(images)}"]
    await world.annotate("approve")
    status = await world.until_phase("Succeeded", seconds=120)
    assert status["history"][0]["outcome"] == "Promoted"
    await until_pods(world, "2.0", "2.0", "2.0")
    await until_partition(world, HELD)
    # When a version is released that does not come up, then its pod is taken back
    template = manifests.pod_template("image-pull")
    await world.patch(STATEFUL_SET, APP, {"spec": {"template": template}})
    status = await world.until_phase("Failed", seconds=120)
    assert status["history"][0]["outcome"] == "RolledBack"
    await until_pods(world, "2.0", "2.0", "2.0")
    # When its user returns to what is promoted and the Canary is deleted, then it rolls by itself
    template = manifests.pod_template("2.0")
    await world.patch(STATEFUL_SET, APP, {"spec": {"template": template}})
    await world.until_phase("Succeeded", seconds=120)
    await world.api.delete(canary_kind(GROUP), world.namespace, APP)
    await until_partition(world, 0)
    await until_pods(world, "2.0", "2.0", "2.0")
