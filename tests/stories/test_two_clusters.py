"""The story of an app in one real cluster whose routes are in another, which Istio reads."""

from pathlib import Path
from typing import Any

import pytest

from canary.api.annotations import OWNER
from canary.api.kinds import DEPLOYMENT, NAMESPACE
from canary.demo.manifests import APP
from canary.demo.world import World
from canary.routers.istio import VIRTUAL_SERVICE
from tests.delivery import role
from tests.stories.telling import (
    BY_HAND,
    QUICK,
    given_a_run_at_20,
    then_nothing_was_lost,
    then_share,
    until_waiting,
    when_the_canary_is_deleted,
)
from tests.testbed.two_clusters import CLUSTER, RELEASE, TwoClusters, two_clusters
from tests.testbed.world import RealWorld, Stage

pytestmark = [pytest.mark.story, pytest.mark.asyncio(loop_scope="session")]

PLACE = "elsewhere"
ROUTES = f"/apis/networking.istio.io/v1/namespaces/{PLACE}/virtualservices"


async def replicas(world: World) -> list[int]:
    found = [await world.read(DEPLOYMENT, name) or {} for name in (APP, f"{APP}-primary")]
    return [each["spec"]["replicas"] for each in found]


async def metadata_there(two: TwoClusters) -> dict[str, Any]:
    """Read the route's metadata as that cluster has it."""
    async with two.routes.client() as client:
        answer = (await client.get(f"{ROUTES}/{APP}")).raise_for_status()
    return dict(answer.json()["metadata"])


async def test_releases_of_one_cluster_are_routed_in_another_and_stand_still_while_that_is_away(
    stage: Stage, tmp_path: Path
) -> None:
    async with (
        two_clusters(stage, PLACE, tmp_path) as two,
        RealWorld(two.stage, router="istio", namespace=PLACE, directory=tmp_path) as world,
    ):
        mark = stage.plane.audited_bytes
        # Given an app in one cluster, and its user's route in the other
        await world.create_app("1.0")
        await world.expose_app()
        users = await metadata_there(two)
        before = await world.read(VIRTUAL_SERVICE, APP) or {}
        await world.until(world.answers, "the app answers")
        async with world.traffic() as load:
            await world.start_controller(*two.flags)
            await world.create_canary(analysis=QUICK | {"webhooks": [BY_HAND]})
            await world.until_phase("Initialized", seconds=120)
            # When a good version is released
            await given_a_run_at_20(world)
            # Then Envoy splits as the route there says, whose mark names the Canary here
            await then_share(world, load, 20)
            system = await world.api.read(NAMESPACE, "", "kube-system")
            canary = (await world.canary())["metadata"]["uid"]
            taken = await metadata_there(two)
            assert taken["annotations"][OWNER] == "/".join(
                (CLUSTER, system["metadata"]["uid"], PLACE, APP, canary)
            )
            assert "ownerReferences" not in taken
            await until_waiting(world, "TrafficGate")
            asked = two.routes.audit()
            # When the API server of the routes dies, and the next step is approved
            await two.routes.kill("kube-apiserver")
            await until_waiting(world, "Routing")
            sides = await replicas(world)
            await world.annotate("approve")
            # Then nothing moves
            await then_share(world, load, 20)
            assert (await world.status())["canaryWeight"] == 20
            assert await replicas(world) == sides
            # When it is back, then the run goes on, and the version is promoted
            await two.routes.start("kube-apiserver")
            # Until it is ready, it knows no role, and refuses everything.
            ready = two.routes.audited_bytes
            await world.until_routed(60)
            await until_waiting(world, "TrafficGate")
            await world.annotate("approve")
            status = await world.until_phase("Succeeded", seconds=120)
            assert [each["outcome"] for each in status["history"]] == ["Promoted"]
            assert load.stats().failed == 0, load.stats().failures
            # When a bad version is released, then it is rolled back
            await world.release("3.0", ERROR_RATE="1")
            await until_waiting(world, "TrafficGate")
            await world.annotate("approve")
            status = await world.until_phase("Failed", seconds=120)
            assert status["history"][0]["outcome"] == "RolledBack"
            await world.until_routed(0)
            # When the Canary is deleted, then the route is its user's again, and the app serves
            await when_the_canary_is_deleted(world)
            await load.reaches(100)
            then_nothing_was_lost(load)
        after = await world.read(VIRTUAL_SERVICE, APP) or {}
        assert after["spec"] == before["spec"]
        assert (await metadata_there(two)).get("annotations") == users.get("annotations")
        # And the controller has asked for nothing that the chart's two roles do not hold
        here = list(role.asked(stage.plane.audit(since=mark), role.account(RELEASE)))
        asked += two.routes.audit(since=ready)
        there = list(role.asked(asked, role.account(role.routes_account(RELEASE))))
        assert {each.right.resource for each in there} == {"virtualservices", "destinationrules"}
        assert here
        assert role.refused([*here, *there]) == []
        rules = role.rules_of(role.routes_role_objects(release=RELEASE))
        # A route of its user's is neither made nor removed.
        spared = {(each.resource, each.verb) for each in role.unused(rules, there)}
        assert spared == {("virtualservices", "create"), ("virtualservices", "delete")}
