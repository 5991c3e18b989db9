"""The primary's copies of configs: its Canary's own, restored, and gone when nothing uses them."""

from typing import Any

from canary.api.kinds import CONFIG_MAP, DEPLOYMENT, SECRET, Kind, Manifest
from canary.demo import manifests
from tests.controller.running import CANARY, DEMO, World, until


async def create_config(world: World, kind: Kind = CONFIG_MAP, **fields: Any) -> Manifest:
    metadata = {"name": "settings", "namespace": DEMO}
    document = {"apiVersion": "v1", "kind": kind.kind, "metadata": metadata}
    return await world.api.create(document | fields, kind)


async def create_app(world: World, name: str = "podinfo", kind: Kind = CONFIG_MAP) -> None:
    """Create an app that reads the config named settings."""
    app = manifests.deployment("1", name=name)
    reference = {"configMapRef" if kind is CONFIG_MAP else "secretRef": {"name": "settings"}}
    app["spec"]["template"]["spec"]["containers"][0]["envFrom"] = [reference]
    await world.api.create(app, DEPLOYMENT)


async def used(world: World, name: str = "podinfo") -> str:
    """Name the copy that a primary uses."""
    primary = await world.read(DEPLOYMENT, f"{name}-primary")
    assert primary is not None
    (source,) = primary["spec"]["template"]["spec"]["containers"][0]["envFrom"]
    return str(next(iter(source.values()))["name"])


async def copies(world: World, kind: Kind = CONFIG_MAP) -> set[str]:
    found = [each["metadata"]["name"] for each in await world.objects(kind)]
    return {each for each in found if each.startswith("settings-")}


async def test_of_a_config_that_two_canaries_share_each_has_one_of_its_own(world: World):
    await create_config(world, data={"colour": "blue"})
    async with world.running_controller():
        for name in ("one", "two"):
            await create_app(world, name)
            await world.create_canary(name)
        for name in ("one", "two"):
            await world.until_phase("Initialized", name=name)
        one, two = await used(world, "one"), await used(world, "two")
        assert one != two
        await world.api.delete(CANARY, DEMO, "one")
        await until(lambda: alone(world, two), "the copy of the one goes and the other's stays")


async def alone(world: World, name: str) -> bool:
    return await copies(world) == {name}


async def test_a_copy_that_was_deleted_by_hand_is_made_again(world: World):
    await create_config(world, data={"colour": "blue"})
    await create_app(world)
    async with world.running_controller():
        await world.create_canary()
        await world.until_phase("Initialized")
        name = await used(world)
        await world.api.delete(CONFIG_MAP, DEMO, name)
        await until(lambda: world.read(CONFIG_MAP, name), "the copy is back")
        copy = await world.read(CONFIG_MAP, name)
        assert copy is not None
        assert copy["data"] == {"colour": "blue"}


async def test_secrets_that_are_not_followed_are_used_as_they_are_and_never_asked_for(world: World):
    await create_config(world, SECRET, stringData={"colour": "blue"})
    await create_app(world, kind=SECRET)
    async with world.running_controller(secret_tracking=False):
        await world.create_canary()
        await world.until_phase("Initialized")
        assert await used(world) == "settings"
    assert world.server.requests.count(user_agent="tidegate", resource="secrets") == 0


async def test_a_copy_that_no_pod_uses_any_longer_is_removed(world: World):
    await create_config(world, data={"colour": "blue"})
    await create_app(world)
    async with world.running_controller():
        await world.create_canary()
        await world.until_phase("Initialized")
        before = await used(world)
        await world.patch(CONFIG_MAP, "settings", {"data": {"colour": "red"}})
        await world.until_phase("Succeeded")
        after = await used(world)
        assert after != before
        await until(lambda: alone(world, after), "the copy of before is gone")


async def test_a_copy_that_was_left_behind_is_taken_over_and_removed_when_unused(world: World):
    await create_config(world, data={"colour": "blue"})
    await create_app(world)
    async with world.running_controller():
        await world.create_canary(deletionPolicy="orphan")
        await world.until_phase("Initialized")
        name = await used(world)
        await world.api.delete(CANARY, DEMO, "podinfo")

        async def without_canary() -> bool:
            return await world.read(CANARY, "podinfo") is None

        await until(without_canary, "the Canary is gone")
        left = await world.read(CONFIG_MAP, name)
        assert left is not None
        assert not left["metadata"].get("ownerReferences")
        await world.create_canary()
        await world.until_phase("Initialized")

        async def owned() -> bool:
            copy = await world.read(CONFIG_MAP, name) or {}
            return bool(copy["metadata"].get("ownerReferences"))

        await until(owned, "the new Canary owns the copy")
        await world.patch(CONFIG_MAP, "settings", {"data": {"colour": "red"}})
        await world.until_phase("Succeeded")
        after = await used(world)
        assert after != name
        await until(lambda: alone(world, after), "the copy of before is gone")


async def test_a_config_of_the_name_of_an_earlier_release_is_not_touched(world: World):
    await create_config(world, data={"colour": "blue"})
    metadata = {"name": "settings-primary", "namespace": DEMO, "labels": {"team": "other"}}
    theirs = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"a": "1"}}
    before = await world.api.create(theirs, CONFIG_MAP)
    await create_app(world)
    async with world.running_controller():
        await world.create_canary(revertOnDeletion=True)
        await world.until_phase("Initialized")
        await world.patch(CONFIG_MAP, "settings", {"data": {"colour": "red"}})
        await world.until_phase("Succeeded")
        await world.api.delete(CANARY, DEMO, "podinfo")

        async def gone() -> bool:
            return await copies(world) == {"settings-primary"}

        await until(gone, "what is ours is gone")
    assert await world.read(CONFIG_MAP, "settings-primary") == before


async def test_a_config_of_somebody_else_with_the_name_of_a_copy_is_named(world: World):
    await create_config(world, data={"colour": "blue"})
    await create_app(world)
    async with world.running_controller():
        await world.create_canary()
        await world.until_phase("Initialized")
        name = await used(world)
        await world.api.delete(CANARY, DEMO, "podinfo")
        await until(lambda: nothing(world), "the copy is gone")
        metadata = {"name": name, "namespace": DEMO}
        theirs = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"a": "1"}}
        before = await world.api.create(theirs, CONFIG_MAP)

        async def without_canary() -> bool:
            return await world.read(CANARY, "podinfo") is None

        await until(without_canary, "the Canary is gone")
        await world.create_canary()

        async def said() -> bool:
            wait = (await world.status()).get("waitingFor") or {}
            message = wait.get("message", "")
            return f"ConfigMap demo/{name} exists already" in message and "delete it" in message

        await until(said, "it says whose it is")
        assert await world.read(CONFIG_MAP, name) == before


async def nothing(world: World) -> bool:
    return not await copies(world)


async def test_a_secret_that_is_made_anew_with_another_type_is_promoted(world: World):
    pair = {"username": "a", "password": "b"}
    await create_config(world, SECRET, stringData=pair, type="kubernetes.io/basic-auth")
    await create_app(world, kind=SECRET)
    async with world.running_controller():
        await world.create_canary()
        await world.until_phase("Initialized")
        before = await used(world)
        await world.api.delete(SECRET, DEMO, "settings")
        await create_config(world, SECRET, stringData=pair | {"more": "c"}, type="Opaque")
        await world.until_phase("Succeeded")
        assert await used(world) != before
        copy = await world.read(SECRET, await used(world))
        assert copy is not None
        assert copy["type"] == "Opaque"


async def test_a_copy_of_an_earlier_release_stays_in_use_until_the_next_promotion(world: World):
    """Two Canaries use it, and one has made it: both own it from now on."""
    await create_config(world, data={"colour": "blue"})
    async with world.running_controller():
        for name in ("one", "two"):
            await create_app(world, name)
            await world.create_canary(name)
        for name in ("one", "two"):
            await world.until_phase("Initialized", name=name)
    owner = await world.read(CANARY, "one")
    assert owner is not None
    reference = {"apiVersion": "tidegate.dev/v1beta1", "kind": "Canary", "name": "one"}
    await world.api.create(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": "settings-primary",
                "namespace": DEMO,
                "labels": {"app.kubernetes.io/managed-by": "tidegate"},
                "ownerReferences": [reference | {"uid": owner["metadata"]["uid"]}],
            },
            "data": {"colour": "blue"},
        },
        CONFIG_MAP,
    )
    for name in ("one", "two"):
        primary = await world.read(DEPLOYMENT, f"{name}-primary")
        assert primary is not None
        template = primary["spec"]["template"]
        template["spec"]["containers"][0]["envFrom"][0]["configMapRef"]["name"] = "settings-primary"
        await world.api.replace(primary, DEPLOYMENT)
        # An earlier release has not recorded what the primary was given.
        await world.patch(CANARY, name, {"status": {"primary": None}}, subresource="status")
    generations = await primaries(world)
    async with world.running_controller():

        async def owned_by_both() -> bool:
            copy = await world.read(CONFIG_MAP, "settings-primary")
            references = copy["metadata"]["ownerReferences"] if copy else []
            return {each["name"] for each in references} == {"one", "two"}

        await until(owned_by_both, "each Canary that uses it owns it")
        assert await primaries(world) == generations
        await world.api.delete(CONFIG_MAP, DEMO, "settings-primary")
        await until(owned_by_both, "it is made again, and owned by both")
        await world.release("one")
        await world.until_phase("Succeeded", name="one")

        async def left() -> bool:
            copy = await world.read(CONFIG_MAP, "settings-primary")
            references = copy["metadata"]["ownerReferences"] if copy else []
            return [each["name"] for each in references] == ["two"]

        await until(left, "who uses it no longer leaves it to the other")


async def primaries(world: World) -> list[int]:
    found = [await world.read(DEPLOYMENT, f"{name}-primary") for name in ("one", "two")]
    return [each["metadata"]["generation"] for each in found if each]
