"""A router that is the apex service: its selector is the traffic, and one writer has it at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from canary.api.kinds import DEPLOYMENT, SERVICE, Manifest
from tests.controller.running import CANARY, DEMO, VIRTUAL_SERVICE, World, until
from tidegate_embedded.apiserver.storage import Event

PRIMARY, TARGET = {"app": "podinfo-primary"}, {"app": "podinfo"}
THEIRS = {"app": "podinfo", "tier": "web"}


def users_service() -> Manifest:
    spec = {"selector": THEIRS, "ports": [{"name": "web", "port": 80, "targetPort": 8080}]}
    metadata = {"name": "podinfo", "namespace": DEMO, "labels": {"team": "shop"}}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


@contextmanager
def selected(world: World, name: str = "podinfo") -> Iterator[list[Any]]:
    """Note what a service selects, each time that this changes."""
    found: list[Any] = []

    def note(key: object, event: Event) -> None:
        service = event.stored.object
        if key != ("", "services") or service["metadata"]["name"] != name:
            return
        if not found or found[-1] != service["spec"]["selector"]:
            found.append(service["spec"]["selector"])

    unsubscribe = world.server.storage.subscribe(note)
    try:
        yield found
    finally:
        unsubscribe()


async def initialised(world: World, **spec: Any) -> None:
    analysis = {"stepWeights": None, "iterations": 2}
    await world.create_canary(provider="kubernetes", analysis=analysis, **spec)
    await world.until_phase("Initialized")
    await world.until_condition("Ready", "True")


async def selector(world: World, name: str = "podinfo") -> Any:
    service = await world.read(SERVICE, name)
    return None if service is None else service["spec"]["selector"]


async def gone(world: World) -> bool:
    return await world.read(CANARY, "podinfo") is None


async def test_an_app_is_released_by_the_selector_alone_which_leads_to_one_side_at_a_time(
    world: World,
):
    await world.create_app()
    async with world.running_controller():
        with selected(world) as history:
            await initialised(world)
            assert await world.objects(VIRTUAL_SERVICE) == []
            await world.release()
            status = await world.until_phase("Succeeded")
        assert status["history"][0]["outcome"] == "Promoted"
        assert history == [PRIMARY, TARGET, PRIMARY]
        mark = world.mark
        await until(lambda: world.events("Promoted"), "the promotion is told")
        assert [each.resource for each in world.requests(mark) if each.resource == "services"] == []


async def test_a_service_that_was_there_is_led_to_the_primary_once_and_given_back_with_its_canary(
    world: World,
):
    await world.create_app()
    await world.api.create(users_service(), SERVICE)
    async with world.running_controller():
        with selected(world) as history:
            await initialised(world)
            await world.release()
            await world.until_phase("Succeeded")
            await world.api.delete(CANARY, DEMO, "podinfo")
            await until(lambda: gone(world), "the Canary is gone")
        assert history == [PRIMARY, TARGET, PRIMARY, THEIRS]
        service = await world.read(SERVICE, "podinfo")
        assert service is not None
        assert service["metadata"]["labels"] == {"team": "shop"}
        assert "annotations" not in service["metadata"]
        assert service["spec"]["ports"][0]["targetPort"] == 8080


async def test_a_service_of_ours_leads_to_the_target_when_its_canary_goes(world: World):
    await world.create_app()
    async with world.running_controller():
        await initialised(world)
        await world.api.delete(CANARY, DEMO, "podinfo")
        await until(lambda: gone(world), "the Canary is gone")
        assert await selector(world) == TARGET
        target = await world.read(DEPLOYMENT, "podinfo")
        assert target is not None
        assert target["spec"]["replicas"] == 2


@pytest.mark.parametrize("theirs", [{"app": "somebody-elses"}, TARGET], ids=["away", "canary"])
async def test_a_selector_that_is_edited_is_put_back_and_told(world: World, theirs: Any):
    await world.create_app()
    async with world.running_controller():
        await initialised(world)
        patch = {"spec": {"selector": theirs}}
        await world.patch_as("kubectl-edit", SERVICE, "podinfo", patch)
        (event,) = await until(lambda: world.events("ServiceChanged"), "it is told")
        assert event["message"] == (
            "kubectl-edit changed spec.selector.app of Service podinfo; it is put back"
        )
        await until(lambda: leads_to_primary(world), "the selector is put back")


async def test_a_service_that_is_deleted_is_made_again_where_the_traffic_is(world: World):
    await world.create_app()
    async with world.running_controller():
        await initialised(world)
        await world.api.delete(SERVICE, DEMO, "podinfo")
        await until(lambda: leads_to_primary(world), "the service is made again")


async def test_a_selector_is_put_back_also_where_the_target_is_gone(world: World):
    await world.create_app()
    async with world.running_controller():
        await initialised(world)
        await world.api.delete(DEPLOYMENT, DEMO, "podinfo")
        await world.patch_as("kubectl-edit", SERVICE, "podinfo", {"spec": {"selector": TARGET}})
        await until(lambda: leads_to_primary(world), "the selector is put back")


async def test_a_former_service_follows_the_traffic_of_the_new_one(world: World):
    await world.create_app()
    await world.api.create(users_service(), SERVICE)
    async with world.running_controller():
        await initialised(world)
        await world.patch(CANARY, "podinfo", {"spec": {"service": {"name": "shop"}}})
        await until(lambda: leads_to_primary(world, "shop"), "the new service leads to the primary")
        with selected(world) as former, selected(world, "shop") as new:
            await world.release()
            await world.until_phase("Succeeded")
            assert new == [TARGET, PRIMARY]
            assert former == [TARGET, PRIMARY]
            await world.api.delete(CANARY, DEMO, "podinfo")
            await until(lambda: gone(world), "the Canary is gone")
        assert await selector(world) == THEIRS
        assert await selector(world, "shop") == TARGET


async def test_a_route_takes_over_from_the_selector_and_hands_back(world: World):
    await world.create_app()
    async with world.running_controller():
        with selected(world) as history:
            await initialised(world)
            await world.patch(CANARY, "podinfo", {"spec": {"provider": "istio"}})
            await until(lambda: routed_to_primary(world), "a route leads to the primary")
            await world.patch(CANARY, "podinfo", {"spec": {"provider": "kubernetes"}})
            await until(lambda: without_route(world), "the route is gone")
        assert history == [PRIMARY]


async def leads_to_primary(world: World, name: str = "podinfo") -> bool:
    return await selector(world, name) == PRIMARY


async def routed_to_primary(world: World) -> bool:
    return await world.weight() == 0


async def without_route(world: World) -> bool:
    return await world.read(VIRTUAL_SERVICE, "podinfo") is None
