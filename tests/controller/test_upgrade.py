"""Another release of the controller takes over: its version differs, and how it hashes revisions."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import pytest

from canary.api.annotations import PREFIX
from canary.api.kinds import DEPLOYMENT, Manifest
from canary.resources.revision import HASHING, Algorithm, Hashing
from tests.controller.running import CANARY, VIRTUAL_SERVICE, World, until

HOUR = {"interval": "1h"}
IMAGES = ("images", "appliedImages", "promotedImages")


def hashed(value: object) -> str:
    return hashlib.blake2b(json.dumps(value, sort_keys=True).encode(), digest_size=8).hexdigest()


def of_template(template: Manifest) -> str:
    return hashed(template)


def of_all(digest: str, configs: Mapping[str, str]) -> str:
    return hashed([digest, dict(configs)])


NEWER = Hashing({**HASHING.algorithms, 2: Algorithm(template=of_template, combined=of_all)})
UPGRADED: dict[str, Any] = {"version": "test-2", "hashing": NEWER}


async def outcomes(world: World) -> list[str]:
    return [each["outcome"] for each in (await world.status()).get("history") or ()]


async def scale_while_nobody_acts(world: World) -> None:
    """Move the target's generation, which says where its revision was read."""
    await world.patch(DEPLOYMENT, "podinfo", {"spec": {"replicas": 3}})


async def forget_the_images(world: World) -> None:
    """Leave a status as a release left it that knew nothing of images."""
    await world.patch(CANARY, "podinfo", {"status": dict.fromkeys(IMAGES)}, subresource="status")


async def until_scaled_down(world: World) -> None:
    """Wait until a controller has looked at the target after it was scaled, and decided."""

    async def scaled_down() -> bool:
        target = await world.read(DEPLOYMENT, "podinfo")
        return target is not None and target["spec"]["replicas"] == 0

    await until(scaled_down, "the target is scaled down")


@pytest.mark.acceptance("H04")
async def test_no_run_starts_though_the_target_has_moved_and_the_next_release_runs(world: World):
    await world.create_app()
    async with world.running_controller():
        await world.create_canary()
        before = await world.until_phase("Initialized")
    assert before["lastAppliedSpec"].startswith("1-")
    assert before["images"] == "podinfo:1"
    await forget_the_images(world)
    await scale_while_nobody_acts(world)
    async with world.running_controller(**UPGRADED):
        await until_scaled_down(world)
        status = await world.status()
        assert [status[each] for each in IMAGES] == [before[each] for each in IMAGES]
        assert status["phase"] == "Initialized"
        assert status["lastAppliedSpec"] == before["lastAppliedSpec"]
        assert await world.events("RunStarted") == []
        await world.release()
        status = await world.until_phase("Succeeded")
    assert status["lastPromotedSpec"].startswith("2-")
    assert await outcomes(world) == ["Promoted"]
    assert status["history"][0]["images"] == "podinfo:1 → podinfo:2"
    (event,) = await until(lambda: world.events("RunStarted"), "the run's start is told")
    assert "(podinfo:1 → podinfo:2)" in event["message"]
    assert event["metadata"]["annotations"]["tidegate.dev/images"] == "podinfo:1 → podinfo:2"


async def test_a_run_goes_on_where_it_was_and_is_promoted(world: World):
    await world.create_app()
    async with world.running_controller():
        await world.create_canary(analysis=HOUR)
        await world.until_phase("Initialized")
        await world.release()
        await until(lambda: at_weight(world, 50), "the run is at its first step")
    async with world.running_controller(**UPGRADED):
        command = {"metadata": {"annotations": {f"{PREFIX}promote": "tester"}}}
        await world.patch(CANARY, "podinfo", command)
        status = await world.until_phase("Succeeded")
    assert status["lastPromotedSpec"].startswith("1-")
    assert await outcomes(world) == ["Promoted"]
    primary = await world.read(DEPLOYMENT, "podinfo-primary")
    assert primary["spec"]["template"]["spec"]["containers"][0]["image"].endswith(":2")


async def at_weight(world: World, weight: int) -> bool:
    return await world.weight() == weight


async def test_a_target_that_returns_to_what_an_older_release_promoted_ends_the_run(world: World):
    await world.create_app()
    async with world.running_controller():
        await world.create_canary(analysis=HOUR)
        await world.until_phase("Initialized")
    async with world.running_controller(**UPGRADED):
        await world.release()
        await until(lambda: at_weight(world, 50), "the run is at its first step")
        await world.release(tag="1")
        await until(lambda: ended(world), "the run has ended")
        status = await world.status()
    assert status["lastAppliedSpec"] == status["lastPromotedSpec"]
    assert len(await outcomes(world)) == 1


async def ended(world: World) -> bool:
    return bool(await outcomes(world)) and await world.weight() == 0


async def test_a_primary_that_was_deleted_is_made_again(world: World):
    await world.create_app()
    async with world.running_controller():
        await world.create_canary()
        await world.until_phase("Initialized")
    await world.api.delete(DEPLOYMENT, world.namespace, "podinfo-primary")
    async with world.running_controller(**UPGRADED):
        await until(lambda: world.read(DEPLOYMENT, "podinfo-primary"), "there is a primary")
        assert await outcomes(world) == []


async def test_going_back_to_the_older_release_starts_no_run_either(world: World):
    await world.create_app()
    async with world.running_controller(**UPGRADED):
        await world.create_canary()
        before = await world.until_phase("Initialized")
        # An older release does not know the algorithm: it goes by where the revision was read.
        await until(lambda: noted(world), "it is noted where the target is now")
    assert before["lastAppliedSpec"].startswith("2-")
    async with world.running_controller():
        # That it has put the route back says that it has looked, and decided.
        await world.api.delete(VIRTUAL_SERVICE, world.namespace, "podinfo")
        await until(lambda: world.read(VIRTUAL_SERVICE, "podinfo"), "the route is back")
        status = await world.status()
        assert await world.events("RunStarted") == []
    assert (status["phase"], status["lastAppliedSpec"]) == (
        "Initialized",
        before["lastAppliedSpec"],
    )


async def noted(world: World) -> bool:
    target = await world.read(DEPLOYMENT, "podinfo")
    assert target is not None
    seen = f"{target['metadata']['uid']}/{target['metadata']['generation']}"
    return target["spec"]["replicas"] == 0 and (await world.status())["targetVersion"] == seen
