"""A story of a route that a real gateway refuses; in the embedded world nobody says such a thing."""

from pathlib import Path

import pytest

from canary.api.meta import GROUP
from canary.controller.canaries import canary_kind
from canary.demo.manifests import APP
from tests.stories.telling import BY_HAND, given_a_canary, then_at_rest, until_waiting
from tests.testbed.world import RealWorld, Stage

pytestmark = [pytest.mark.story, pytest.mark.asyncio(loop_scope="session")]


async def test_no_weight_is_moved_on_a_route_that_the_gateway_refuses(
    stage: Stage, tmp_path: Path
) -> None:
    async with RealWorld(
        stage, router="gatewayapi", namespace="refused", directory=tmp_path
    ) as world:
        # Given a run that waits at its first step
        await given_a_canary(world, webhooks=[BY_HAND])
        await world.release("2.0")
        await until_waiting(world, "TrafficGate")
        # When somebody attaches the route to a listener that there is not
        found = world.service["gatewayRefs"]
        lost = [{**each, "sectionName": "nowhere"} for each in found]
        await world.patch(canary_kind(GROUP), APP, {"spec": {"service": {"gatewayRefs": lost}}})
        # Then the weight is held, with the gateway's own words
        held = await until_waiting(world, "RouteRefused")
        assert held["canaryWeight"] == 0
        said = held["waitingFor"]["message"]
        assert "reports Accepted=False for parent " in said
        assert ": NoMatchingParent: " in said
        assert "istio.io/gateway-controller" in held["waitingFor"]["message"]
        # When the listener is the right one again
        await world.patch(canary_kind(GROUP), APP, {"spec": {"service": {"gatewayRefs": found}}})
        # Then the run is where it was, and goes on
        await until_waiting(world, "TrafficGate")
        await world.annotate("promote")
        await world.until_phase("Succeeded", seconds=120)
        await then_at_rest(world, "2.0")
