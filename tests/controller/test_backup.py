"""Restored from a backup: objects as tools for backups write them, without status, owner and uid."""

from contextlib import suppress
from typing import Any

from canary.api.kinds import DEPLOYMENT, SERVICE, Kind, Manifest
from canary.errors import NotFound
from tests.controller.running import CANARY, VIRTUAL_SERVICE, World, until

#: The order in which they are restored is anybody's; this one leaves the Canary to the end.
KINDS: tuple[Kind, ...] = (DEPLOYMENT, SERVICE, VIRTUAL_SERVICE, CANARY)
KEPT = ("name", "namespace", "labels", "annotations")


async def backup(world: World) -> list[tuple[Kind, Manifest]]:
    """Give all objects of an app and its Canary, as they are restored."""
    return [
        (kind, {part: restored(each, part) for part in ("apiVersion", "kind", "metadata", "spec")})
        for kind in KINDS
        for each in await world.objects(kind)
    ]


def restored(obj: Manifest, part: str) -> Any:
    if part == "metadata":
        return {name: obj[part][name] for name in KEPT if name in obj[part]}
    if part == "spec" and obj["kind"] == "Service":
        # What the cluster gave the Service is given anew.
        return {name: each for name, each in obj[part].items() if not name.startswith("clusterIP")}
    return obj[part]


async def lose_everything(world: World) -> None:
    for kind in reversed(KINDS):
        for each in await world.objects(kind):
            name = each["metadata"]["name"]
            if kind is CANARY:
                await world.patch(kind, name, {"metadata": {"finalizers": None}})
            # What belongs to the Canary goes with it.
            with suppress(NotFound):
                await world.api.delete(kind, world.namespace, name)

    async def empty() -> bool:
        return not any([await world.objects(kind) for kind in KINDS])

    await until(empty, "everything is gone")


async def restore(world: World, objects: list[tuple[Kind, Manifest]]) -> None:
    for kind, manifest in objects:
        await world.api.create(manifest, kind)


async def template_of(world: World, name: str) -> Any:
    found = await world.read(DEPLOYMENT, name)
    assert found is not None
    return found["spec"]["template"]


async def test_a_canary_that_was_at_rest_begins_as_at_its_adoption_and_starts_no_run(world: World):
    await world.create_app()
    async with world.running_controller():
        await world.create_canary()
        await world.until_phase("Initialized")
        await world.release(tag="2")
        await world.until_phase("Succeeded")
    kept, template = await backup(world), await template_of(world, "podinfo-primary")
    await lose_everything(world)
    await restore(world, kept)
    async with world.running_controller():
        status = await world.until_phase("Initialized")
        assert (status.get("history") or [], status["canaryWeight"]) == ([], 0)
        assert await template_of(world, "podinfo-primary") == template
        target = await world.read(DEPLOYMENT, "podinfo")
        assert target is not None
        assert target["spec"]["replicas"] == 0
        # And the next release is a run of its own.
        await world.release(tag="3")
        status = await world.until_phase("Succeeded")
        assert [each["outcome"] for each in status["history"]] == ["Promoted"]


async def test_what_a_backup_holds_of_a_run_has_to_pass_a_run_of_its_own(world: World):
    await world.create_app()
    gate = {"type": "confirm-promotion", "name": "by-hand"}
    async with world.running_controller():
        await world.create_canary(analysis={"webhooks": [gate]})
        await world.until_phase("Initialized")
        template = await template_of(world, "podinfo-primary")
        await world.release(tag="2")
        await world.until_phase("WaitingPromotion")
    kept = await backup(world)
    await lose_everything(world)
    await restore(world, kept)
    async with world.running_controller():
        status = await world.until_phase("WaitingPromotion")
        assert (status.get("history") or []) == []
        assert await template_of(world, "podinfo-primary") == template
