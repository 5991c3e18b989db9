"""Stories of an app that runs on every node: a DaemonSet."""

import pytest

from canary.api.kinds import DAEMON_SET
from canary.api.meta import GROUP
from canary.controller.canaries import canary_kind
from canary.demo import manifests
from canary.demo.manifests import APP
from canary.demo.world import World
from tests.stories.telling import QUICK, then_nothing_was_lost

pytestmark = [pytest.mark.story, pytest.mark.asyncio(loop_scope="session")]

REFERENCE = {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": APP}


async def until_pods(world: World, count: int) -> None:
    """Wait until the target has no pod any more, or one on some node."""

    async def there() -> bool:
        target = await world.read(DAEMON_SET, APP) or {}
        status = target.get("status") or {}
        observed = status.get("observedGeneration") == target["metadata"]["generation"]
        pods = status.get("currentNumberScheduled", 0) + status.get("numberMisscheduled", 0)
        return observed and bool(pods) == bool(count)

    await world.until(there, f"the target has {count} pods", seconds=120)


async def test_an_app_on_every_node_is_released_parked_and_given_back(world: World) -> None:
    # Given an app that is a DaemonSet, under a Canary
    template = manifests.pod_template("1.0")
    await world.create(
        {
            "apiVersion": "apps/v1",
            "kind": "DaemonSet",
            "metadata": {"name": APP, "namespace": world.namespace},
            "spec": {"selector": {"matchLabels": {"app": APP}}, "template": template},
        },
        DAEMON_SET,
    )
    await world.start_controller()
    await world.create_canary(targetRef=REFERENCE, analysis=QUICK)
    await world.until_phase("Initialized", seconds=120)
    # Then its primary serves, and its own pods are gone without a new revision
    await until_pods(world, 0)
    revision = (await world.status())["lastAppliedSpec"]
    async with world.traffic() as load:
        # When a good version is released
        template = manifests.pod_template("2.0")
        await world.patch(DAEMON_SET, APP, {"spec": {"template": template}})
        # Then it is promoted, and parked again
        status = await world.until_phase("Succeeded", seconds=120)
        assert status["history"][0]["outcome"] == "Promoted"
        assert status["lastAppliedSpec"] not in {"", revision}
        await until_pods(world, 0)
        primary = await world.read(DAEMON_SET, f"{APP}-primary") or {}
        image = primary["spec"]["template"]["spec"]["containers"][0]["image"]
        assert image.endswith(":2.0")
        # When a bad version is released, then it is rolled back
        template = manifests.pod_template("3.0", behaviour={"ERROR_RATE": "1"})
        await world.patch(DAEMON_SET, APP, {"spec": {"template": template}})
        status = await world.until_phase("Failed", seconds=120)
        assert status["history"][0]["outcome"] == "RolledBack"
        await until_pods(world, 0)
        then_nothing_was_lost(load)
        # When the Canary is deleted, then the app serves by itself again
        await world.patch(DAEMON_SET, APP, {"spec": {"template": manifests.pod_template("2.0")}})
        await world.api.delete(canary_kind(GROUP), world.namespace, APP)

        async def given_back() -> bool:
            return await world.read(DAEMON_SET, f"{APP}-primary") is None

        await world.until(given_back, "the primary is gone", seconds=120)
        await until_pods(world, 1)
    target = await world.read(DAEMON_SET, APP) or {}
    assert not target["spec"]["template"]["spec"].get("nodeSelector")
