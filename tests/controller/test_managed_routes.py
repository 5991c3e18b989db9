"""Managed routes: a controller writes the weights of rules in a route that its user keeps."""

from typing import Any

from canary.api.kinds import DEPLOYMENT, SERVICE, Manifest
from canary.demo.manifests import APP
from tests.controller.running import CANARY, DEMO, VIRTUAL_SERVICE, World, until

GATE = {"webhooks": [{"name": "by-hand", "type": "confirm-traffic-increase"}]}
MANAGED = [{"kind": "VirtualService", "name": "shop", "rules": [{"name": "api"}]}]
SIDES = (f"{APP}-primary", f"{APP}-canary")


def users(*route: tuple[str, int | None], name: str = "shop") -> Manifest:
    """Write a VirtualService of the user's, with one rule for the app and one that is not."""
    to = [
        {"destination": {"host": host}} | ({} if weight is None else {"weight": weight})
        for host, weight in route
    ]
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": name, "namespace": DEMO, "labels": {"team": "shop"}},
        "spec": {
            "hosts": ["shop.example.com"],
            "http": [
                {
                    "name": "static",
                    "match": [{"uri": {"prefix": "/static"}}],
                    "route": [{"destination": {"host": "assets"}}],
                },
                {"name": "api", "timeout": "3s", "route": to},
            ],
        },
    }


async def weights(world: World, name: str = "shop") -> dict[str, Any]:
    """Read the weights of the user's rule."""
    service = await world.read(VIRTUAL_SERVICE, name)
    assert service is not None
    api = next(rule for rule in service["spec"]["http"] if rule["name"] == "api")
    return {each["destination"]["host"]: each.get("weight") for each in api["route"]}


async def until_weights(world: World, *expected: int, name: str = "shop") -> None:
    async def there() -> bool:
        return await weights(world, name) == dict(zip(SIDES, expected, strict=True))

    await until(there, f"the rule of {name} has the weights {expected}")


async def initialised(world: World, *route: tuple[str, int | None], **spec: Any) -> Manifest:
    """Have a Canary manage a rule of the user's route; give that as it was before."""
    await world.create_app()
    before = await world.api.create(users(*route), VIRTUAL_SERVICE)
    await world.create_canary(managedRoutes=MANAGED, **spec)
    await world.until_phase("Initialized")
    await until_weights(world, 100, 0)
    return before


async def at_half(world: World) -> None:
    """Have a run take its first step."""
    await world.release()

    async def waits() -> bool:
        return ((await world.status()).get("waitingFor") or {}).get("reason") == "TrafficGate"

    await until(waits, "the run waits at its gate")
    await world.patch(CANARY, APP, {"metadata": {"annotations": {"tidegate.dev/approve": "me"}}})
    await until_weights(world, 50, 50)


async def until_as_before(world: World, before: Manifest) -> None:
    """Wait until the user's route is as it was, but for the API server's own words."""

    async def back() -> bool:
        found = await world.read(VIRTUAL_SERVICE, before["metadata"]["name"])
        assert found is not None
        theirs = ("labels", "annotations")
        return found["spec"] == before["spec"] and all(
            (found["metadata"].get(part) or {}) == (before["metadata"].get(part) or {})
            for part in theirs
        )

    await until(back, "the route is its user's again")


async def test_a_rule_that_leads_to_the_apex_is_split_and_returned_as_it_was(world: World):
    async with world.running_controller():
        before = await initialised(world, (APP, None))
        await world.release()
        await world.until_phase("Succeeded")
        await until_weights(world, 100, 0)
        assert await world.read(VIRTUAL_SERVICE, APP) is None
        await world.api.delete(CANARY, DEMO, APP)
        await until_as_before(world, before)

        async def gone() -> bool:
            return not any([await world.read(SERVICE, each) for each in SIDES])

        await until(gone, "the services of the sides have gone with the Canary")
        assert await world.read(SERVICE, APP) is not None


async def test_services_that_the_users_rule_leads_to_stay_and_lead_to_the_target(world: World):
    async with world.running_controller():
        before = await initialised(world, (SIDES[0], 100), (SIDES[1], None))
        await world.release()
        await world.until_phase("Succeeded")
        await world.api.delete(CANARY, DEMO, APP)

        async def gone() -> bool:
            return await world.read(DEPLOYMENT, SIDES[0]) is None

        await until(gone, "the primary has gone with the Canary")
        await until_as_before(world, before)
        for name in SIDES:
            service = await world.read(SERVICE, name)
            assert service is not None
            assert service["spec"]["selector"] == {"app": APP}
            assert not service["metadata"].get("ownerReferences")
        # And a Canary that comes again takes them again.
        await world.create_canary(managedRoutes=MANAGED)
        await world.until_phase("Initialized")

        async def ours() -> bool:
            service = await world.read(SERVICE, SIDES[0])
            return service is not None and service["spec"]["selector"] == {"app": SIDES[0]}

        await until(ours, "they lead to the sides again")


async def test_weights_that_a_tool_writes_back_are_put_back_and_a_fight_is_told_with_its_name(
    world: World,
):
    async with world.running_controller():
        await initialised(world, (SIDES[0], 100), (SIDES[1], 0), analysis=GATE)
        await at_half(world)
        flux = users((SIDES[0], 100), (SIDES[1], 0))["spec"]
        await world.patch_as("kustomize-controller", VIRTUAL_SERVICE, "shop", {"spec": flux})
        await until(lambda: world.events("RouteChanged"), "the change is told")
        await until_weights(world, 50, 50)
        await world.patch_as("kustomize-controller", VIRTUAL_SERVICE, "shop", {"spec": flux})
        contested = await until(lambda: world.events("Contested"), "the fight is told")
        message = contested[0]["message"]
        assert message.startswith("kustomize-controller keeps changing")
        assert "VirtualService shop" in message


async def test_what_the_user_edits_beside_the_weights_during_a_run_stays(world: World):
    async with world.running_controller():
        await initialised(world, (SIDES[0], 100), (SIDES[1], 0), analysis=GATE)
        await at_half(world)
        edited = users((SIDES[0], 50), (SIDES[1], 50))["spec"]
        edited["http"][1]["timeout"] = "9s"
        edited["http"].append({"name": "new", "route": [{"destination": {"host": "new"}}]})
        await world.patch(VIRTUAL_SERVICE, "shop", {"spec": edited})
        await world.patch(CANARY, APP, {"metadata": {"annotations": {"tidegate.dev/abort": "me"}}})
        await world.until_phase("Failed")
        await until_weights(world, 100, 0)
        found = await world.read(VIRTUAL_SERVICE, "shop")
        assert found is not None
        assert found["spec"]["http"][1]["timeout"] == "9s"
        assert [each["name"] for each in found["spec"]["http"]] == ["static", "api", "new"]
    assert await world.events("RouteChanged") == []


async def test_a_rule_that_is_missing_is_waited_for_and_named(world: World):
    async with world.running_controller():
        await world.create_app()
        route = users((APP, None))
        route["spec"]["http"] = route["spec"]["http"][:1]
        await world.api.create(route, VIRTUAL_SERVICE)
        await world.create_canary(managedRoutes=MANAGED)

        async def told() -> bool:
            wait = (await world.status()).get("waitingFor") or {}
            return f"VirtualService {DEMO}/shop has no rule api" in str(wait.get("message"))

        await until(told, "the rule is named")
        await world.patch(VIRTUAL_SERVICE, "shop", {"spec": users((APP, None))["spec"]})
        await world.until_phase("Initialized")


async def test_a_rule_that_goes_in_a_run_holds_it_until_it_is_back(world: World):
    async with world.running_controller():
        await initialised(world, (SIDES[0], 100), (SIDES[1], 0), analysis=GATE)
        await at_half(world)
        edited = users((SIDES[0], 50), (SIDES[1], 50))["spec"]
        without = edited | {"http": edited["http"][:1]}
        await world.patch(VIRTUAL_SERVICE, "shop", {"spec": without})

        async def waits_for(reason: str) -> bool:
            return ((await world.status()).get("waitingFor") or {}).get("reason") == reason

        await until(lambda: waits_for("Routing"), "the rule is waited for")
        status = await world.status()
        assert "has no rule api" in status["waitingFor"]["message"]
        assert status["canaryWeight"] == 50
        await world.patch(VIRTUAL_SERVICE, "shop", {"spec": edited})
        await until(lambda: waits_for("TrafficGate"), "the run goes on to its gate")


async def test_traffic_moves_from_a_route_of_its_own_to_managed_rules_and_on_to_others(
    world: World,
):
    async with world.running_controller():
        await world.create_app()
        await world.create_canary()
        await world.until_phase("Initialized")
        first = await world.api.create(users((APP, None)), VIRTUAL_SERVICE)
        await world.patch(CANARY, APP, {"spec": {"managedRoutes": MANAGED}})
        await until_weights(world, 100, 0)

        async def own_is_gone() -> bool:
            return await world.read(VIRTUAL_SERVICE, APP) is None

        await until(own_is_gone, "the route of its own is gone")
        other = await world.api.create(users((APP, None), name="other"), VIRTUAL_SERVICE)
        moved = [{"kind": "VirtualService", "name": "other"}]
        await world.patch(CANARY, APP, {"spec": {"managedRoutes": moved}})
        await until_weights(world, 100, 0, name="other")
        await until_as_before(world, first)
        await world.patch(CANARY, APP, {"spec": {"managedRoutes": None}})
        await until_as_before(world, other)

        async def own_is_back() -> bool:
            return await world.weight() == 0

        await until(own_is_back, "there is a route of its own again")
