"""Canaries that wait for others, and that go together: each is woken by what the others do."""

from typing import Any

from canary.api.kinds import DEPLOYMENT
from canary.demo import manifests
from tests.controller.running import CANARY, DEMO, World, until

BY_HAND = {"stepWeights": [50], "webhooks": [{"name": "by-hand", "type": "confirm-promotion"}]}


async def released(world: World, *names: str, release: str) -> None:
    """Give apps another version that belongs to a release."""
    for name in names:
        change = {
            "metadata": {"annotations": {"tidegate.dev/release": release}},
            "spec": {"template": manifests.pod_template("2", name=name)},
        }
        await world.patch(DEPLOYMENT, name, change)


async def until_waiting(world: World, name: str, reason: str, *, said: str) -> None:
    async def there() -> bool:
        wait = (await world.status(name)).get("waitingFor") or {}
        return wait.get("reason") == reason and said in wait["message"]

    await until(there, f"{name} waits for {reason}")


async def approve(world: World, name: str) -> None:
    annotations = {"tidegate.dev/approve": "@test"}
    await world.patch(CANARY, name, {"metadata": {"annotations": annotations}})


async def created(world: World, name: str, **fields: Any) -> None:
    await world.create_app(name)
    await world.create_canary(name, **fields)
    await world.until_phase("Initialized", name=name)


async def test_a_run_starts_when_the_canary_that_it_depends_on_has_promoted_the_release(
    world: World,
):
    async with world.running_controller():
        await created(world, "db", analysis=BY_HAND)
        await created(world, "shop", dependsOn=[{"name": "db"}])
        await released(world, "shop", "db", release="r2")
        await world.until_phase("WaitingPromotion", name="db")
        said = f"Canary {DEMO}/db to promote release r2: it is WaitingPromotion"
        await until_waiting(world, "shop", "Dependency", said=said)
        shop = await world.status("shop")
        assert (shop["phase"], shop["canaryWeight"], shop["release"]) == ("Waiting", 0, "r2")
        await approve(world, "db")
        await world.until_phase("Succeeded", name="db")
        assert (await world.until_phase("Succeeded", name="shop"))["release"] == "r2"


async def test_a_group_steps_together_and_one_rollback_is_that_of_all(world: World):
    group = {"name": "checkout"}
    async with world.running_controller():
        await created(world, "cart", group=group, analysis=BY_HAND)
        await created(world, "shop", group=group, analysis={"stepWeights": [20, 50]})
        await released(world, "cart", "shop", release="r2")
        await world.until_phase("WaitingPromotion", name="cart")
        await until_waiting(
            world, "shop", "Group", said=f"to pass step 1: {DEMO}/cart (WaitingPromotion"
        )
        annotations = {"tidegate.dev/abort": "@test"}
        await world.patch(CANARY, "cart", {"metadata": {"annotations": annotations}})
        shop = await world.until_phase("Failed", name="shop")
        assert shop["history"][0]["reason"] == "GroupFailed"
        assert f"{DEMO}/cart" in shop["history"][0]["message"]


async def test_canaries_that_wait_for_each_other_are_invalid_until_one_is_changed(world: World):
    async with world.running_controller():
        await created(world, "a", dependsOn=[{"name": "b"}])
        await created(world, "b", dependsOn=[{"name": "c"}])
        await created(world, "c")
        await world.patch(CANARY, "c", {"spec": {"dependsOn": [{"name": "a"}]}})
        for name, way in (("a", "a → demo/b → demo/c → demo/a"), ("b", "b → demo/c")):
            message = await world.until_condition("Invalid", "True", name=name)
            assert f"spec.dependsOn: 'demo/{way}" in message
        await world.until_condition("Invalid", "True", name="c")
        await world.patch(CANARY, "c", {"spec": {"dependsOn": []}})

        async def sound() -> bool:
            states = [(await world.status(name))["state"] for name in "abc"]
            return states == ["Initialized"] * 3

        await until(sound, "all three are valid again")


async def test_a_group_without_a_release_is_a_warning(world: World):
    async with world.running_controller():
        await created(world, "shop", group={"name": "checkout"})
        said = await world.until_condition("SpecWarnings", "True", name="shop")
        assert "spec.group.name: 'checkout'" in said
        await released(world, "shop", release="r2")
        await world.until_condition("SpecWarnings", "False", name="shop")
