"""What someone else changes of what tidegate keeps: put back, reported once, and never a storm."""

from time import monotonic
from typing import Any

import pytest

from canary.api.kinds import AUTOSCALER, DEPLOYMENT, SERVICE, Kind, Manifest
from canary.core.upkeep import PAUSE
from tests.controller.running import DEMO, VIRTUAL_SERVICE, World, until


async def initialised(world: World, **spec: Any) -> None:
    await world.create_canary(**spec)
    await world.until_phase("Initialized")
    await world.until_condition("Ready", "True")


AUTOSCALER_REF = {
    "apiVersion": "autoscaling/v2",
    "kind": "HorizontalPodAutoscaler",
    "name": "podinfo",
}


def autoscaler() -> Manifest:
    """Give the target's autoscaler, as a user writes it."""
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "podinfo"}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "podinfo", "namespace": DEMO},
        "spec": {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 4},
    }


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
        mark, began = world.mark, monotonic()
        await route_by_hand(world)
        message = await world.until_condition("Stalled", "True")
        assert "VirtualService podinfo to be left alone" in message
        (event,) = await until(lambda: world.events("Contested"), "the fight is told")
        assert "kubectl-edit keeps changing spec.http[0].route[0].weight" in event["message"]
        for number in range(20):
            note = {"metadata": {"labels": {"fight": str(number)}}}
            await world.patch_as("kubectl-edit", VIRTUAL_SERVICE, "podinfo", note)
        written = len(writes(world, mark))
        # Once in every pause it is put back; none has passed here unless the machine is very busy.
        assert written <= (monotonic() - began) // PAUSE.total_seconds()
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


@pytest.mark.parametrize(
    ("kind", "name", "reason"),
    [
        (VIRTUAL_SERVICE, "podinfo", "RouteChanged"),
        (SERVICE, "podinfo", "ServiceChanged"),
        (SERVICE, "podinfo-canary", "ServiceChanged"),
        (AUTOSCALER, "podinfo-primary", "AutoscalerChanged"),
        (DEPLOYMENT, "podinfo-primary", "PrimaryChanged"),
    ],
    ids=["route", "apex", "service", "autoscaler", "primary"],
)
async def test_what_loses_its_owner_is_owned_again_and_told_and_then_contested(
    world: World, kind: Kind, name: str, reason: str
):
    await world.create_app()
    await world.api.create(autoscaler(), AUTOSCALER)
    async with world.running_controller():
        await initialised(world, autoscalerRef=AUTOSCALER_REF)
        before = await world.read(kind, name)
        assert before is not None
        nobody: dict[str, Any] = {"metadata": {"ownerReferences": None}}
        await world.patch_as("velero", kind, name, nobody)

        async def owned() -> bool:
            found = await world.read(kind, name)
            owners = found and found["metadata"].get("ownerReferences")
            return bool(owners == before["metadata"]["ownerReferences"])

        await until(owned, "it is owned again")
        after = await world.read(kind, name)
        assert after is not None
        assert after["metadata"].get("annotations") == before["metadata"].get("annotations")
        assert after["spec"] == before["spec"]
        (event,) = await until(lambda: world.events(reason), "it is told")
        # The API server does not say who only took something away.
        assert event["message"] == (
            f"someone changed metadata.ownerReferences of {kind.kind} {name}; it is put back"
        )
        await world.patch_as("velero", kind, name, nobody)
        (event,) = await until(lambda: world.events("Contested"), "the fight is told")
        assert "someone keeps changing metadata.ownerReferences" in event["message"]
        assert f"{kind.kind} {name} to be left alone" in await world.until_condition(
            "Stalled", "True"
        )
        assert len(await world.events(reason)) == 1
        assert not await world.events("NameTaken")


async def test_an_autoscaler_that_is_edited_is_put_back_and_told_once_and_then_contested(
    world: World,
):
    await world.create_app()
    await world.api.create(autoscaler(), AUTOSCALER)
    async with world.running_controller():
        await initialised(world, autoscalerRef=AUTOSCALER_REF)
        edit = {"spec": {"maxReplicas": 9}}
        await world.patch_as("keda-operator", AUTOSCALER, "podinfo-primary", edit)

        async def back() -> bool:
            found = await world.read(AUTOSCALER, "podinfo-primary")
            return found is not None and found["spec"]["maxReplicas"] == 4

        await until(back, "the autoscaler is put back")
        (event,) = await until(lambda: world.events("AutoscalerChanged"), "it is told")
        assert event["message"] == (
            "keda-operator changed spec.maxReplicas of HorizontalPodAutoscaler podinfo-primary; "
            "it is put back"
        )
        await world.patch_as("keda-operator", AUTOSCALER, "podinfo-primary", edit)
        (event,) = await until(lambda: world.events("Contested"), "the fight is told")
        assert "keda-operator keeps changing spec.maxReplicas" in event["message"]
        mark = world.mark
        for number in range(20):
            note = {"metadata": {"labels": {"fight": str(number)}}}
            await world.patch_as("keda-operator", AUTOSCALER, "podinfo-primary", note)
        await world.until_condition("Stalled", "True")
        # Its owner's change of the target's own autoscaler is no fight.
        await world.patch_as("kubectl-edit", AUTOSCALER, "podinfo", {"spec": {"maxReplicas": 5}})
        assert not [
            each
            for each in world.requests(mark)
            if each.resource == "horizontalpodautoscalers" and each.name == "podinfo-primary"
        ]
        assert len(await world.events("AutoscalerChanged")) == 1


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
