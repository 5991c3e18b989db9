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


SHARED = {"tidegate.dev/service": "podinfo"}
LABELLED = {"spec": {"replicas": 3, "template": {"metadata": {"labels": SHARED}}}}


async def initialised_by_replicas(world: World, *, labelled: bool = True, **analysis: Any) -> None:
    steps = {"stepWeights": [25, 50, 100]} | analysis
    if labelled:
        await world.patch(DEPLOYMENT, "podinfo", LABELLED)
    await world.create_canary(provider="kubernetes:replicas", analysis=steps)
    await world.until_phase("Initialized")
    await world.until_condition("Ready", "True")


@contextmanager
def steps_of(world: World) -> Iterator[list[tuple[int, ...]]]:
    """Note what the status says of shares, each time that the route has what was asked for."""
    found: list[tuple[int, ...]] = []

    def note(key: object, event: Event) -> None:
        if key == ("tidegate.dev", "canaries"):
            shares = event.stored.object.get("status", {}).get("shares") or {}
            seen = tuple(shares.get(each, 0) for each in ("asked", "possible", "seen"))
            if seen[1] == seen[2] and (not found or found[-1] != seen):
                found.append(seen)

    unsubscribe = world.server.storage.subscribe(note)
    try:
        yield found
    finally:
        unsubscribe()


async def test_the_pods_of_both_sides_share_the_traffic_behind_one_selector(world: World):
    await world.create_app()
    async with world.running_controller():
        await initialised_by_replicas(world)
        with selected(world) as history, steps_of(world) as shares:
            await world.release()
            status = await world.until_phase("Succeeded")
    assert status["history"][0]["outcome"] == "Promoted"
    assert history == [SHARED, TARGET, PRIMARY]
    assert [each for each in shares if each[0]] == [(25, 25, 25), (50, 50, 50), (100, 100, 100)]


async def test_a_share_that_fails_is_taken_back_whole_by_the_selector(world: World):
    await world.create_app()
    async with world.running_controller():
        await initialised_by_replicas(world, stepWeights=[25])
        with selected(world) as history:
            hook = {"name": "no", "type": "rollout", "url": "http://127.0.0.1:9/"}
            patch = {"spec": {"analysis": {"webhooks": [hook]}}}
            await world.patch(CANARY, "podinfo", patch)
            await world.release()
            await world.until_phase("Failed")
            await until(lambda: leads_to_primary(world), "the selector leads to the primary again")
        assert history == [SHARED, PRIMARY]


async def test_an_edited_share_is_put_back(world: World):
    await world.create_app()
    gate = {"name": "by-hand", "type": "confirm-promotion"}
    async with world.running_controller():
        await initialised_by_replicas(world, stepWeights=[25], webhooks=[gate])
        await world.release()
        await world.until_phase("WaitingPromotion")
        assert await selector(world) == SHARED
        patch = {"spec": {"selector": {"tidegate.dev/service": None, **TARGET}}}
        await world.patch_as("kubectl-edit", SERVICE, "podinfo", patch)
        await until(lambda: world.events("ServiceChanged"), "it is told")

        async def back() -> bool:
            return bool(await selector(world) == SHARED)

        await until(back, "the share is put back")


async def test_a_target_without_the_shared_label_is_told_which_one_is_missing(world: World):
    await world.create_app()
    async with world.running_controller():
        await initialised_by_replicas(world, labelled=False)
        with selected(world) as history:
            await world.release()

            await until(lambda: waits(world, "set it to 'podinfo' in"), "the label is missing")
            await world.patch(DEPLOYMENT, "podinfo", LABELLED)
            # And a promotion without a share goes on, and gives the primary the label.
            await until(lambda: waits(world, "promote this revision"), "the primary has no label")
            annotations = {"metadata": {"annotations": {"tidegate.dev/promote": "me"}}}
            await world.patch(CANARY, "podinfo", annotations)
            await world.until_phase("Succeeded")
        assert history == []
        with selected(world) as history:
            await world.release(tag="3")
            await until(lambda: was_shared(history), "both sides share")
            await world.until_phase("Succeeded")
        assert history == [SHARED, TARGET, PRIMARY]


async def waits(world: World, words: str) -> bool:
    return words in ((await world.status()).get("waitingFor") or {}).get("message", "")


async def was_shared(history: list[Any]) -> bool:
    return SHARED in history


async def leads_to_primary(world: World, name: str = "podinfo") -> bool:
    return await selector(world, name) == PRIMARY


async def routed_to_primary(world: World) -> bool:
    return await world.weight() == 0


async def without_route(world: World) -> bool:
    return await world.read(VIRTUAL_SERVICE, "podinfo") is None
