"""Sides without services: one DestinationRule tells the pods behind the apex service apart."""

from typing import Any

from canary.api.kinds import DEPLOYMENT, SERVICE, Manifest
from canary.routers.istio import DESTINATION_RULE
from tests.controller.running import CANARY, VIRTUAL_SERVICE, World, until

SHARED = {"tidegate.dev/service": "podinfo"}
PRIMARY, TARGET = {"app": "podinfo-primary"}, {"app": "podinfo"}
LABELLED = {"spec": {"template": {"metadata": {"labels": SHARED}}}}
SUBSETS = [
    {"name": "podinfo-primary", "labels": PRIMARY},
    {"name": "podinfo-canary", "labels": TARGET},
]


async def initialised(world: World, *, provider: str = "istio:subsets", **analysis: Any) -> None:
    await world.create_canary(provider=provider, analysis={"stepWeights": [20]} | analysis)
    await world.until_phase("Initialized")
    await world.until_condition("Ready", "True")


async def named(world: World, kind: Any) -> set[str]:
    return {each["metadata"]["name"] for each in await world.objects(kind)}


async def spec(world: World, kind: Any) -> Manifest:
    """Read the spec of what has the name of the app."""
    found = await world.read(kind, "podinfo")
    return {} if found is None else found["spec"]


async def weights(world: World) -> dict[str, int]:
    """Read the weight of each subset."""
    (route,) = (await spec(world, VIRTUAL_SERVICE))["http"]
    return {each["destination"]["subset"]: each["weight"] for each in route["route"]}


def waits(world: World, words: str) -> Any:
    async def there() -> bool:
        conditions = (await world.status()).get("conditions") or ()
        return any(words in each["message"] for each in conditions)

    return there


async def test_an_app_is_released_over_two_subsets_of_its_one_service(world: World):
    await world.create_app()
    await world.patch(DEPLOYMENT, "podinfo", LABELLED)
    gate = {"name": "by-hand", "type": "confirm-promotion"}
    async with world.running_controller():
        await initialised(world, webhooks=[gate])
        assert await named(world, SERVICE) == {"podinfo"}
        assert (await spec(world, SERVICE))["selector"] == SHARED
        assert (await spec(world, DESTINATION_RULE))["subsets"] == SUBSETS
        assert await weights(world) == {"podinfo-primary": 100, "podinfo-canary": 0}
        await world.release()
        await world.until_phase("WaitingPromotion")
        assert await weights(world) == {"podinfo-primary": 80, "podinfo-canary": 20}
        approve = {"metadata": {"annotations": {"tidegate.dev/approve": "me"}}}
        await world.patch(CANARY, "podinfo", approve)
        status = await world.until_phase("Succeeded")
        assert status["history"][0]["outcome"] == "Promoted"
        assert await named(world, SERVICE) == {"podinfo"}
        # What a person changes of it is put back.
        patch = {"spec": {"selector": {"tidegate.dev/service": None, **TARGET}}}
        await world.patch_as("kubectl-edit", SERVICE, "podinfo", patch)

        async def back() -> bool:
            return bool((await spec(world, SERVICE))["selector"] == SHARED)

        await until(lambda: world.events("ServiceChanged"), "it is told")
        await until(back, "the selector is put back")


async def test_an_app_without_the_label_is_told_and_serves_until_it_has_it(world: World):
    await world.create_app()
    async with world.running_controller():
        await world.create_canary(provider="istio:subsets", analysis={"stepWeights": [20]})
        await until(waits(world, "set it to 'podinfo' in"), "the label is missing")
        assert await spec(world, VIRTUAL_SERVICE) == {}
        await world.patch(DEPLOYMENT, "podinfo", LABELLED)
        await world.until_phase("Initialized")
        assert (await spec(world, SERVICE))["selector"] == SHARED


async def test_services_of_the_sides_go_and_come_with_the_name_of_the_router(world: World):
    await world.create_app()
    await world.patch(DEPLOYMENT, "podinfo", LABELLED)
    sides = {"podinfo-primary", "podinfo-canary"}

    async def alone() -> bool:
        rules, services = await named(world, DESTINATION_RULE), await named(world, SERVICE)
        return (rules, services) == ({"podinfo"}, {"podinfo"})

    async def beside() -> bool:
        rules, services = await named(world, DESTINATION_RULE), await named(world, SERVICE)
        leads = (await spec(world, SERVICE))["selector"]
        return (rules, services, leads) == (sides, {"podinfo", *sides}, PRIMARY)

    async with world.running_controller():
        await initialised(world, provider="istio")
        await world.patch(CANARY, "podinfo", {"spec": {"provider": "istio:subsets"}})
        await until(alone, "the services of the sides are gone")
        assert (await spec(world, SERVICE))["selector"] == SHARED
        assert await weights(world) == {"podinfo-primary": 100, "podinfo-canary": 0}
        await world.patch(CANARY, "podinfo", {"spec": {"provider": "istio"}})
        await until(beside, "the services of the sides are there again")


async def test_the_service_and_the_rule_are_given_back_with_the_canary(world: World):
    await world.create_app()
    await world.patch(DEPLOYMENT, "podinfo", LABELLED)
    theirs = {"host": "podinfo", "subsets": [{"name": "v1", "labels": TARGET}]}
    rule = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": "podinfo", "namespace": "demo"},
        "spec": theirs,
    }
    await world.api.create(rule, DESTINATION_RULE)
    async with world.running_controller():
        await initialised(world)
        assert (await spec(world, DESTINATION_RULE))["subsets"] == [*theirs["subsets"], *SUBSETS]
        await world.api.delete(CANARY, "demo", "podinfo")

        async def gone() -> bool:
            return await world.read(CANARY, "podinfo") is None

        await until(gone, "the Canary is gone")
        assert (await spec(world, SERVICE))["selector"] == TARGET
        assert await spec(world, DESTINATION_RULE) == theirs
        assert await spec(world, VIRTUAL_SERVICE) == {}
