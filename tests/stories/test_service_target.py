"""A story of a target that is a Service: it leads to pods that tidegate knows nothing of."""

import pytest

from canary.api.kinds import DEPLOYMENT, SERVICE
from canary.api.meta import GROUP
from canary.controller.canaries import canary_kind
from canary.demo import manifests
from canary.demo.manifests import APP
from canary.demo.world import World
from tests.stories.telling import BY_HAND, QUICK, then_nothing_was_lost, until_waiting

pytestmark = [pytest.mark.story, pytest.mark.asyncio(loop_scope="session")]

REFERENCE = {"apiVersion": "v1", "kind": "Service", "name": APP}
#: The pods behind the Service, by the color of their Deployment.
ERRORS = {"blue": "0", "green": "0", "red": "1"}


async def lead(world: World, color: str) -> None:
    """Have the user's Service lead to the pods of another color."""
    await world.patch(SERVICE, APP, {"spec": {"selector": {"app": f"{APP}-{color}"}}})


async def leads_to(world: World, side: str) -> str:
    """Name the pods that a side leads to."""
    service = await world.read(SERVICE, f"{APP}-{side}") or {}
    return str(service["spec"]["selector"]["app"])


async def test_where_a_service_leads_is_released_and_rolled_back_and_its_pods_are_left_alone(
    world: World,
) -> None:
    # Given a Service in front of some of the pods, under a Canary
    for color, rate in ERRORS.items():
        app = manifests.deployment(
            color,
            name=f"{APP}-{color}",
            namespace=world.namespace,
            behaviour={"ERROR_RATE": rate},
        )
        await world.create(app, DEPLOYMENT)
    await world.expose_app()
    await lead(world, "blue")
    await world.start_controller()
    # Proxies may take a while to learn where a Service leads: what they still send to the pods of
    # before is no ground for the next step, which a person gives.
    await world.create_canary(targetRef=REFERENCE, analysis=QUICK | {"webhooks": [BY_HAND]})
    await world.until_phase("Initialized", seconds=120)
    async with world.traffic() as load:
        # When it leads to good ones, then they are promoted
        await lead(world, "green")
        for _ in range(3):
            await until_waiting(world, "TrafficGate")
            await world.annotate("approve")
        status = await world.until_phase("Succeeded", seconds=120)
        assert status["history"][0]["outcome"] == "Promoted"
        assert await leads_to(world, "primary") == f"{APP}-green"
        # When it leads to bad ones, then the good ones go on to serve
        await lead(world, "red")
        await until_waiting(world, "TrafficGate")
        await world.annotate("approve")
        status = await world.until_phase("Failed", seconds=120)
        assert status["history"][0]["outcome"] == "RolledBack"
        await world.until_routed(0)
        assert await leads_to(world, "primary") == f"{APP}-green"
        assert await leads_to(world, "canary") == f"{APP}-red"
        # When it is led back and the Canary goes, then it serves by itself
        await lead(world, "green")
        await world.until_phase("Succeeded", seconds=120)
        await world.api.delete(canary_kind(GROUP), world.namespace, APP)

        async def alone() -> bool:
            return await world.read(SERVICE, f"{APP}-primary") is None

        await world.until(alone, "the sides are gone", seconds=120)
    then_nothing_was_lost(load)
    for color in ERRORS:
        pods = await world.read(DEPLOYMENT, f"{APP}-{color}") or {}
        assert pods["spec"]["replicas"] == 2
