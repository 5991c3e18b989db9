"""Routes and Services that somebody else changes: put back once, told once, and never a storm."""

from typing import Any

import pytest

from canary.api.kinds import SERVICE, Kind
from tests.controller.running import VIRTUAL_SERVICE, World, until


async def initialised(world: World, **spec: Any) -> None:
    await world.create_canary(**spec)
    await world.until_phase("Initialized")
    await world.until_condition("Ready", "True")


async def route_by_hand(world: World) -> None:
    """Send half of the traffic to the canary, as somebody who edits the route does."""
    route = await world.read(VIRTUAL_SERVICE, "podinfo")
    assert route is not None
    for destination in route["spec"]["http"][0]["route"]:
        destination["weight"] = 50
    patch = {"spec": {"http": route["spec"]["http"]}}
    await world.patch_as("kubectl-edit", VIRTUAL_SERVICE, "podinfo", patch)


async def routed_to_primary(world: World) -> bool:
    return await world.weight() == 0


def writes(world: World, mark: int) -> list[str]:
    return [each.verb for each in world.requests(mark) if each.resource == "virtualservices"]


async def test_a_route_that_is_edited_is_put_back_and_told_once_and_then_contested(world: World):
    await world.create_app()
    async with world.running_controller():
        await initialised(world)
        await route_by_hand(world)
        await until(lambda: routed_to_primary(world), "the route is put back")
        (event,) = await until(lambda: world.events("RouteChanged"), "it is told")
        assert event["type"] == "Warning"
        assert event["message"] == (
            "kubectl-edit changed spec.http[0].route[0].weight, spec.http[0].route[1].weight "
            "of VirtualService podinfo; it is put back"
        )
        mark = world.mark
        await route_by_hand(world)
        (event,) = await until(lambda: world.events("Contested"), "the fight is told")
        assert "kubectl-edit keeps changing spec.http[0].route[0].weight" in event["message"]
        for number in range(20):
            note = {"metadata": {"labels": {"fight": str(number)}}}
            await world.patch_as("kubectl-edit", VIRTUAL_SERVICE, "podinfo", note)
        message = await world.until_condition("Stalled", "True")
        assert "VirtualService podinfo to be left alone" in message
        assert writes(world, mark) == []
        assert len(await world.events("RouteChanged")) == 1


async def test_what_is_contested_is_put_back_after_a_while(world: World):
    await world.create_app()
    async with world.running_controller():
        await initialised(world)
        for reason in ("RouteChanged", "Contested"):
            await route_by_hand(world)
            await until(lambda told=reason: world.events(told), f"{reason} is told")
        await until(lambda: routed_to_primary(world), "the route is put back again")
        assert len(await world.events("Contested")) == 1


SELECTOR = {"spec": {"selector": {"app": "somebody-elses"}}}


@pytest.mark.parametrize("name", ["podinfo", "podinfo-primary", "podinfo-canary"])
async def test_a_service_that_is_edited_is_put_back_and_told(world: World, name: str):
    await world.create_app()
    async with world.running_controller():
        await initialised(world)
        before = await world.read(SERVICE, name)
        assert before is not None
        await world.patch_as("argocd-controller", SERVICE, name, SELECTOR)

        async def back() -> bool:
            service = await world.read(SERVICE, name)
            return service is not None and service["spec"] == before["spec"]

        await until(back, "the selector is put back")
        (event,) = await until(lambda: world.events("ServiceChanged"), "it is told")
        assert event["message"] == (
            f"argocd-controller changed spec.selector.app of Service {name}; it is put back"
        )


@pytest.mark.parametrize(
    ("kind", "name", "reason"),
    [
        (VIRTUAL_SERVICE, "podinfo", "RouteChanged"),
        (SERVICE, "podinfo-primary", "ServiceChanged"),
    ],
    ids=["route", "service"],
)
async def test_what_is_deleted_is_made_again_and_told(
    world: World, kind: Kind, name: str, reason: str
):
    await world.create_app()
    async with world.running_controller():
        await initialised(world)
        await world.api.delete(kind, world.namespace, name)
        await until(lambda: world.read(kind, name), "it is made again")
        (event,) = await until(lambda: world.events(reason), "it is told")
        assert event["message"] == f"someone deleted {kind.kind} {name}; it is made again"


async def test_what_others_add_and_what_a_run_writes_is_no_change(world: World):
    await world.create_app()
    async with world.running_controller():
        await initialised(world)
        for kind, name in ((VIRTUAL_SERVICE, "podinfo"), (SERVICE, "podinfo")):
            note = {"metadata": {"annotations": {"example.com/owner": "us"}}}
            await world.patch_as("kubectl-annotate", kind, name, note)
        await world.release()
        await world.until_phase("Succeeded")
        await until(lambda: world.events("Promoted"), "the run is told")
        told = {each["reason"] for each in await world.events()}
        assert not told & {"RouteChanged", "ServiceChanged", "Contested"}
        assert "repairs" not in await world.status() or (await world.status())["repairs"] == []
