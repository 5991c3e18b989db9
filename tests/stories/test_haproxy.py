"""The story of an app behind HAProxy, told by a small reader of its annotation for a real HAProxy."""

import pytest

from canary.api.kinds import SERVICE
from canary.demo.manifests import APP
from canary.demo.world import World
from canary.routers.haproxy import ACL
from canary.routers.ingresses import INGRESS
from tests.stories.telling import (
    BY_HAND,
    QUICK,
    then_nothing_was_lost,
    then_one_is_promoted_and_one_rolled_back,
    when_the_canary_is_deleted,
)
from tests.stories.test_nginx import REFERENCE, ingress

pytestmark = [pytest.mark.story, pytest.mark.asyncio(loop_scope="session")]


@pytest.mark.parametrize("world", ["haproxy"], indirect=True)
async def test_behind_haproxy_releases_are_promoted_rolled_back_and_given_up_without_a_lost_request(
    world: World,
) -> None:
    # Given an app behind its Ingress, and then under a Canary
    await world.create_app("1.0")
    await world.expose_app()
    host = f"{APP}.{world.namespace}.svc.cluster.local"
    users = await world.create(ingress(world.namespace, host, "haproxy"), INGRESS)
    await world.until(world.answers, "the app answers", seconds=120)
    async with world.traffic() as load:
        await world.start_controller()
        await world.create_canary(ingressRef=REFERENCE, analysis=QUICK | {"webhooks": [BY_HAND]})
        await world.until_phase("Initialized", seconds=120)
        # When versions are released, then a good one is promoted, and a bad one is rolled back
        await then_one_is_promoted_and_one_rolled_back(world, load)

        async def takes_nothing() -> bool:
            beside = await world.read(SERVICE, f"{APP}-canary-haproxy")
            return beside is not None and beside["metadata"]["annotations"][ACL] == "rand(100) lt 0"

        await world.until(takes_nothing, "no client meets it any longer")
        # When the Canary is deleted, then its objects go, and the app serves by itself
        await when_the_canary_is_deleted(world)
        assert await world.read(INGRESS, "web-canary") is None
        assert await world.read(SERVICE, f"{APP}-canary-haproxy") is None
        await load.reaches(100)
    then_nothing_was_lost(load)
    assert (await world.read(INGRESS, "web") or {})["spec"] == users["spec"]
    assert load.stats().by_version.keys() == {"1.0", "2.0", "3.0"}
