"""The story of an app behind Contour, which the HTTPProxy of a virtual host includes."""

import pytest

from canary.demo.world import World
from tests.delivery import role
from tests.stories.telling import (
    BY_HAND,
    QUICK,
    then_nothing_was_lost,
    then_one_is_promoted_and_one_rolled_back,
    when_the_canary_is_deleted,
)
from tests.testbed.entrances import HTTP_PROXY
from tests.testbed.world import Stage

pytestmark = [pytest.mark.story, pytest.mark.asyncio(loop_scope="session")]


@pytest.mark.parametrize("world", ["contour"], indirect=True)
async def test_behind_contour_releases_are_promoted_rolled_back_and_given_up_without_a_lost_request(
    world: World, stage: Stage
) -> None:
    # Given an app behind its HTTPProxy, and then under a Canary
    await world.create_app("1.0")
    await world.expose_app()
    users = await world.read(HTTP_PROXY, "podinfo") or {}
    await world.until(world.answers, "the app answers", seconds=120)
    async with world.traffic() as load:
        await world.start_controller()
        await world.create_canary(analysis=QUICK | {"webhooks": [BY_HAND]})
        await world.until_phase("Initialized", seconds=120)
        # When versions are released, then a good one is promoted, and a bad one is rolled back
        await then_one_is_promoted_and_one_rolled_back(world, load)
        await world.until_routed(0)
        # When the Canary is deleted, then the HTTPProxy is its user's again, and the app serves
        await when_the_canary_is_deleted(world)
        await load.reaches(100)
    then_nothing_was_lost(load)
    proxy = await world.read(HTTP_PROXY, "podinfo") or {}
    assert proxy["spec"] == users["spec"]
    assert proxy["status"]["currentStatus"] == "valid"
    assert load.stats().by_version.keys() == {"1.0", "2.0", "3.0"}
    assert role.refused(role.asked(stage.plane.audit(), role.account())) == []
