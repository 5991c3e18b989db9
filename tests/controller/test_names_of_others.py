"""Names that change to what others have, or while a run goes on: nobody else is touched or stranded."""

from typing import Any

from canary.api.kinds import SERVICE, Kind, Manifest
from tests.controller.running import CANARY, VIRTUAL_SERVICE, World, until
from tests.controller.test_former_names import absent, formers, leads_to, users_route, users_service

RENAMED = {"spec": {"service": {"name": "shop"}}}


async def spec_of(world: World, kind: Kind, name: str) -> Any:
    found = await world.read(kind, name)
    return None if found is None else (found["spec"], found["metadata"].get("annotations"))


def named(manifest: Manifest, name: str) -> Manifest:
    """Give an object another name, and everything in it that refers to it."""
    (host,) = manifest["spec"].get("hosts") or (None,)
    manifest["metadata"]["name"] = name
    if host:
        manifest["spec"]["hosts"] = [name]
        manifest["spec"]["http"][0]["route"][0]["destination"]["host"] = name
    else:
        manifest["spec"]["selector"] = {"app": name}
    return manifest


def target(name: str) -> Manifest:
    return {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}


async def command(world: World, verb: str) -> None:
    annotations = {f"tidegate.dev/{verb}": "me"}
    await world.patch(CANARY, "podinfo", {"metadata": {"annotations": annotations}})


async def until_weight(world: World, weight: int, name: str = "podinfo") -> None:
    async def there() -> bool:
        return await world.weight(name) == weight

    await until(there, f"{name} routes {weight} %")


async def halfway(world: World) -> None:
    """Bring a Canary to 50 % of a release, at a gate that only people open."""
    gate = {"type": "confirm-promotion", "name": "by-hand"}
    analysis = {"stepWeights": [50], "webhooks": [gate]}
    await world.create_canary(analysis=analysis)
    await world.until_phase("Initialized")
    await world.release()
    await world.until_phase("WaitingPromotion")
    assert await world.weight() == 50


async def test_a_run_that_is_rolled_back_under_a_taken_name_takes_the_former_route_along(
    world: World,
):
    await world.create_app()
    taken = named(users_service(), "shop-primary")
    await world.api.create(taken, SERVICE)
    async with world.running_controller():
        await halfway(world)
        before = await spec_of(world, SERVICE, "shop-primary")
        await world.patch(CANARY, "podinfo", RENAMED)
        await until(lambda: formers(world), "the former name is remembered")
        await command(world, "abort")
        await world.until_phase("Failed")
        await until_weight(world, 0)
        assert await spec_of(world, SERVICE, "shop-primary") == before


async def test_a_canary_that_takes_the_name_of_another_is_invalid_however_old_it_is(world: World):
    await world.create_app()
    async with world.running_controller():
        await world.create_canary()
        await world.until_phase("Initialized")
        await world.create_app("shop")
        await world.api.create(named(users_service(), "shop"), SERVICE)
        await world.create_canary(
            "shop",
            service={"port": 80},
            targetRef=target("shop"),
        )
        await world.until_phase("Initialized", name="shop")
        await world.patch(CANARY, "podinfo", RENAMED)
        await world.until_condition("Invalid", "True")
        assert await leads_to(world, "shop") == {"app": "shop-primary"}
        # The other goes on.
        await world.release("shop")
        await world.until_phase("Succeeded", name="shop")
        assert await leads_to(world, "shop") == {"app": "shop-primary"}
        assert await world.weight() == 0


async def test_a_run_goes_on_where_a_name_of_another_canary_is_asked_for(world: World):
    await world.create_app()
    async with world.running_controller():
        await world.create_app("shop")
        await world.create_canary(
            "shop",
            service={"port": 80},
            targetRef=target("shop"),
        )
        await world.until_phase("Initialized", name="shop")
        await halfway(world)
        await world.patch(CANARY, "podinfo", RENAMED)
        await world.until_condition("Invalid", "True")
        await command(world, "abort")
        await world.until_phase("Failed")
        await until_weight(world, 0)


async def test_former_names_written_by_hand_touch_nothing_of_another_canary(world: World):
    await world.create_app()
    await world.create_app("shop")
    await world.api.create(named(users_service(), "shop"), SERVICE)
    await world.api.create(named(users_route(), "shop"), VIRTUAL_SERVICE)
    async with world.running_controller():
        await world.create_canary()
        await world.create_canary(
            "shop",
            service={"port": 80},
            targetRef=target("shop"),
        )
        await world.until_phase("Initialized")
        await world.until_phase("Initialized", name="shop")
        before = [
            await spec_of(world, SERVICE, name) for name in ("shop", "shop-primary", "shop-canary")
        ]
        route = await spec_of(world, VIRTUAL_SERVICE, "shop")
        mark = world.mark
        former = [{"service": "shop", "provider": "istio", "since": "2026-01-01T00:00:00Z"}]
        await world.patch(
            CANARY, "podinfo", {"status": {"formerNames": former}}, subresource="status"
        )
        await until(lambda: absent_formers(world), "they are forgotten")
        written = [
            each
            for each in world.requests(mark)
            if each.verb in {"patch", "update", "delete"} and each.resource != "canaries"
        ]
        assert written == []
        assert [
            await spec_of(world, SERVICE, name) for name in ("shop", "shop-primary", "shop-canary")
        ] == before
        assert await spec_of(world, VIRTUAL_SERVICE, "shop") == route


async def absent_formers(world: World) -> bool:
    return not await formers(world)


async def test_at_rest_with_a_former_apex_service_nothing_is_asked(world: World):
    await world.create_app()
    async with world.running_controller():
        await world.create_canary()
        await world.until_phase("Initialized")
        await world.patch(CANARY, "podinfo", RENAMED)
        await until(lambda: absent(world, SERVICE, "podinfo-primary", "podinfo-canary"), "gone")
        await until(lambda: world.events("NamesChanged"), "it is told")

        async def settled() -> bool:
            return not (await world.status()).get("notices")

        await until(settled, "all is told")
        await world.create_app("other")
        mark = world.mark
        # While another Canary is worked on, this one asks for nothing.
        await world.create_canary("other", targetRef=target("other"), service={"port": 80})
        await world.until_phase("Initialized", name="other")
        asked = {each.name for each in world.requests(mark) if each.verb != "watch"}
        assert not asked & {"podinfo", "podinfo-primary", "shop", "shop-primary", "shop-canary"}


async def test_a_name_changed_and_changed_back_at_once_leaves_the_route_as_it_was(world: World):
    await world.create_app()
    async with world.running_controller():
        await halfway(world)
        await world.patch(CANARY, "podinfo", RENAMED)
        await world.patch(CANARY, "podinfo", {"spec": {"service": {"name": "podinfo"}}})
        await until(lambda: absent(world, SERVICE, "shop-primary", "shop-canary"), "gone")
        await world.patch(CANARY, "podinfo", RENAMED)
        await until(lambda: formers(world), "noted")
        await world.patch(CANARY, "podinfo", {"spec": {"service": {"name": "podinfo"}}})
        await until(lambda: absent(world, SERVICE, "shop-primary", "shop-canary"), "gone")
        await until(lambda: absent(world, VIRTUAL_SERVICE, "shop"), "gone")
        assert await world.weight() == 50
        assert await leads_to(world, "podinfo-primary") == {"app": "podinfo-primary"}
        await command(world, "approve")
        await world.until_phase("Succeeded")
