"""Sides without services: one DestinationRule tells the pods behind the apex service apart."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from canary.api.kinds import DEPLOYMENT, SERVICE, Manifest
from canary.routers.istio import DESTINATION_RULE
from tests.controller.running import CANARY, VIRTUAL_SERVICE, World, until
from tidegate_embedded.apiserver.storage import Event

LACKING = "the pod template of podinfo lacks the label tidegate.dev/service: podinfo"
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


@contextmanager
def leading_to(world: World) -> Iterator[list[Manifest]]:
    """Note where the service that clients call leads to, each time that it is told."""
    with told(world) as found:
        selectors: list[Manifest] = []
        yield selectors
        for plural, spec in found:
            if plural == SERVICE.plural and spec["selector"] not in selectors[-1:]:
                selectors.append(spec["selector"])


@contextmanager
def told(world: World) -> Iterator[list[tuple[str, Manifest]]]:
    """Note the specs of what has the name of the app, each time that one is written or removed."""
    found: list[tuple[str, Manifest]] = []

    def note(key: tuple[str, str], event: Event) -> None:
        written = event.stored.object
        if written["metadata"]["name"] == "podinfo":
            found.append((key[1], written.get("spec", {})))

    unsubscribe = world.server.storage.subscribe(note)
    try:
        yield found
    finally:
        unsubscribe()


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


async def test_an_app_without_the_label_serves_as_before_until_it_has_it(world: World):
    await world.create_app()
    async with world.running_controller():
        await world.create_canary(provider="istio:subsets", analysis={"stepWeights": [20]})
        await until(waits(world, LACKING), "the label is missing")
        # Nothing is made that would have to be made anew.
        assert await named(world, DEPLOYMENT) == {"podinfo"}
        assert await named(world, SERVICE) == await named(world, VIRTUAL_SERVICE) == set()
        with leading_to(world) as selectors:
            await world.patch(DEPLOYMENT, "podinfo", LABELLED)
            await world.until_phase("Initialized")
        assert selectors == [SHARED]
        assert await weights(world) == {"podinfo-primary": 100, "podinfo-canary": 0}
        primary = await world.read(DEPLOYMENT, "podinfo-primary")
        assert primary["spec"]["template"]["metadata"]["labels"].items() >= SHARED.items()


async def test_a_release_without_the_label_gets_no_request_and_no_pod_until_it_has_it(world: World):
    await world.create_app()
    await world.patch(DEPLOYMENT, "podinfo", LABELLED)
    async with world.running_controller():
        await initialised(world)
        template = {"metadata": {"labels": {"tidegate.dev/service": None}}}
        with leading_to(world) as selectors:
            await world.patch(DEPLOYMENT, "podinfo", {"spec": {"template": template}})
            await until(waits(world, LACKING), "the label is missing")
            status = await world.until_phase("Waiting")
            assert status["waitingFor"]["reason"] == "LabelMissing"
            assert await weights(world) == {"podinfo-primary": 100, "podinfo-canary": 0}
            assert (await world.read(DEPLOYMENT, "podinfo"))["spec"]["replicas"] == 0
            await world.release()
            await world.patch(DEPLOYMENT, "podinfo", LABELLED)
            status = await world.until_phase("Succeeded")
        assert status["history"][0]["outcome"] == "Promoted"
        # At no moment did it lead elsewhere.
        assert selectors == []


async def test_a_primary_without_the_label_keeps_the_service_for_itself(world: World):
    await world.create_app()
    async with world.running_controller():
        await initialised(world, provider="istio")
        await world.patch(CANARY, "podinfo", {"spec": {"provider": "istio:subsets"}})
        await until(waits(world, LACKING), "the label is missing")
        assert (await spec(world, SERVICE))["selector"] == PRIMARY
        await world.patch(DEPLOYMENT, "podinfo", LABELLED)
        await until(waits(world, "the pods of podinfo-primary lack the label"), "the primary's too")
        assert (await spec(world, SERVICE))["selector"] == PRIMARY
        # The way out that the message names.
        await world.patch(CANARY, "podinfo", {"spec": {"provider": "istio"}})
        await world.until_phase("Succeeded")
        await world.patch(CANARY, "podinfo", {"spec": {"provider": "istio:subsets"}})

        async def shared() -> bool:
            return bool((await spec(world, SERVICE))["selector"] == SHARED)

        await until(shared, "the service leads to the pods of both sides")


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
    policy = {"outlierDetection": {"consecutive5xxErrors": 5}}
    v1 = {"name": "v1", "labels": TARGET}
    theirs = {"host": "podinfo", "trafficPolicy": policy, "subsets": [v1]}
    rule = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": "podinfo", "namespace": "demo"},
        "spec": theirs,
    }
    await world.api.create(rule, DESTINATION_RULE)
    async with world.running_controller():
        await initialised(world)
        taken = {"host": "podinfo", "trafficPolicy": policy, "subsets": [v1, *SUBSETS]}
        assert await spec(world, DESTINATION_RULE) == taken

        async def gone() -> bool:
            return await world.read(CANARY, "podinfo") is None

        with told(world) as found:
            await world.api.delete(CANARY, "demo", "podinfo")
            await until(gone, "the Canary is gone")
        kinds = (VIRTUAL_SERVICE.plural, SERVICE.plural, DESTINATION_RULE.plural)
        made = [plural for plural, _ in found if plural in kinds]
        # A route that outlasted either would lead to a subset that is not there, or has no pods.
        assert made == [*kinds]
        assert (await spec(world, SERVICE))["selector"] == TARGET
        assert await spec(world, DESTINATION_RULE) == theirs
        assert await spec(world, VIRTUAL_SERVICE) == {}
