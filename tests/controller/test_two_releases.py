"""Two releases of the controller side by side: each acts on the Canaries that its selector takes."""

import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import groupby
from typing import Any

import pytest

from canary.controller.admission import Reviewer
from canary.controller.policies import DELIVERY_POLICY
from canary.controller.reading import CanaryReader
from canary.demo.manifests import canary
from canary.replicas.leases import LEASE
from canary.settings import Settings
from tests.controller.running import CANARY, DEMO, World, until
from tests.controller.test_granting import until_granted, until_in_line
from tests.controller.test_policies import a_policy
from tests.controller.test_relations import BY_HAND, approve

LABEL = "tidegate.dev/controller"
NEXT = {"labels": {LABEL: "next"}}
STANDING, COMING = f"{LABEL}!=next", f"{LABEL}=next"
WRITES = {"create", "update", "patch", "delete"}
#: Objects that are written for a Canary, by what their names begin with.
_SIDE = re.compile(r"-(primary|canary)$")


@asynccontextmanager
async def two_releases(world: World) -> AsyncIterator[tuple[Any, Any]]:
    async with (
        world.running_controller(version="standing", selector=STANDING) as standing,
        world.running_controller(
            version="coming", selector=COMING, lease_name="tidegate-next"
        ) as coming,
    ):
        yield standing, coming


def writers(world: World, name: str, since: int = 0) -> list[str]:
    """Name who has written for a Canary, in turn."""
    found = [
        entry.user_agent.removeprefix("tidegate/")
        for entry in world.server.audit[since:]
        if entry.user_agent.startswith("tidegate/")
        and entry.verb in WRITES
        and entry.resource not in {"leases", "events"}
        and _SIDE.sub("", entry.name or "") == name
    ]
    return [writer for writer, _ in groupby(found)]


def handed_over(world: World, name: str, since: int, before: str, after: str) -> bool:
    """Tell whether one has written alone, once the other had written its last."""
    found = writers(world, name, since)
    return found in ([after], [before, after])


async def move(world: World, name: str, to: str | None) -> None:
    await world.patch(CANARY, name, {"metadata": {"labels": {LABEL: to}}})


async def a_canary(world: World, name: str, **options: Any) -> None:
    await world.create_app(name)
    await world.create_canary(name, **options)


async def test_each_acts_on_its_own_canaries_with_a_lease_of_its_own_and_warns_of_nobody(
    world: World, caplog: pytest.LogCaptureFixture
):
    async with two_releases(world) as (standing, coming):
        await a_canary(world, "shop")
        await a_canary(world, "cart", metadata=NEXT)
        for name in ("shop", "cart"):
            await world.until_phase("Initialized", name=name)
            await world.release(name)
        for name in ("shop", "cart"):
            await world.until_phase("Succeeded", name=name)
        assert (writers(world, "shop"), writers(world, "cart")) == (["standing"], ["coming"])
        assert [each._tracker.canaries()[0].name for each in (standing, coming)] == ["shop", "cart"]
        pages = [each._metrics.page()[0].decode() for each in (standing, coming)]
        assert [('name="shop"' in page, 'name="cart"' in page) for page in pages] == [
            (True, False),
            (False, True),
        ]
        leases = [each async for page, _ in world.api.pages(LEASE, "default") for each in page]
        assert {each["metadata"]["name"] for each in leases} == {"tidegate", "tidegate-next"}
    warned = [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]
    assert not [each for each in warned if "another controller" in each]


async def test_a_run_that_is_moved_goes_on_at_its_step_under_the_other_and_back(world: World):
    gate = {"type": "confirm-promotion", "name": "by-hand"}
    async with two_releases(world):
        await a_canary(world, "shop", analysis={"webhooks": [gate]})
        await world.until_phase("Initialized", name="shop")
        await world.release("shop")
        await world.until_phase("WaitingPromotion", name="shop")
        mark = world.mark
        await move(world, "shop", "next")
        await approve(world, "shop")
        status = await world.until_phase("Succeeded", name="shop")
        assert [each["outcome"] for each in status["history"]] == ["Promoted"]
        assert handed_over(world, "shop", mark, "standing", "coming")
        mark = world.mark
        await move(world, "shop", None)
        await world.release("shop", "3")
        await world.until_phase("WaitingPromotion", name="shop")
        assert handed_over(world, "shop", mark, "coming", "standing")


async def test_a_canary_that_neither_takes_is_left_as_it_is_until_one_does(world: World):
    async with (
        world.running_controller(version="standing", selector=f"!{LABEL}") as standing,
        world.running_controller(version="coming", selector=COMING, lease_name="tidegate-next"),
    ):
        await a_canary(world, "shop", metadata={"labels": {LABEL: "nobody"}})
        await a_canary(world, "cart")
        await world.until_phase("Initialized", name="cart")
        assert (writers(world, "shop"), (await world.status("shop")).get("phase")) == ([], None)
        assert standing._authority.owned() == 1
        await move(world, "shop", "next")
        await world.until_phase("Initialized", name="shop")
        assert writers(world, "shop") == ["coming"]


async def test_a_target_that_a_canary_of_the_other_has_is_not_taken_from_it(world: World):
    async with two_releases(world):
        await a_canary(world, "shop")
        await world.until_phase("Initialized", name="shop")
        manifest = canary("istio", name="shop", namespace=DEMO)
        manifest["metadata"] |= {"name": "thief", **NEXT}
        mark = world.mark
        await world.api.create(manifest, CANARY)
        said = await world.until_condition("Invalid", "True", name="thief")
        assert f"{DEMO}/shop has this target already" in said
        assert "coming" not in writers(world, "shop", mark)


async def test_a_limit_on_runs_holds_over_both_and_the_line_is_one(world: World):
    await world.api.create(a_policy(DEMO, "limit", maxConcurrent=1), DELIVERY_POLICY)
    async with two_releases(world):
        await a_canary(world, "shop", analysis=BY_HAND)
        await a_canary(world, "cart", analysis=BY_HAND, metadata=NEXT)
        for name in ("shop", "cart"):
            await world.until_phase("Initialized", name=name)
        await world.release("shop")
        await world.until_phase("WaitingPromotion", name="shop")
        await world.release("cart")
        await until_in_line(world, "cart", said=f"under way: {DEMO}/shop")
        await until_granted(world, "shop", queued=1)
        await approve(world, "shop")
        await world.until_phase("WaitingPromotion", name="cart")
        await until_granted(world, "cart", queued=0)


async def test_one_that_waits_for_a_canary_of_the_other_starts_when_that_has_promoted(world: World):
    async with two_releases(world):
        await a_canary(world, "shop", analysis=BY_HAND)
        await world.until_phase("Initialized", name="shop")
        await a_canary(world, "cart", metadata=NEXT, dependsOn=[{"name": "shop"}])
        await world.until_phase("Initialized", name="cart")
        await world.release("shop")
        await world.until_phase("WaitingPromotion", name="shop")
        await world.release("cart")

        async def waits() -> bool:
            waiting = (await world.status("cart")).get("waitingFor") or {}
            return waiting.get("reason") == "Dependency" and f"{DEMO}/shop" in waiting["message"]

        await until(waits, "cart waits for shop")
        await approve(world, "shop")
        await world.until_phase("Succeeded", name="cart")


@pytest.mark.parametrize(
    ("labels", "allowed"), [({}, True), ({LABEL: "next"}, False)], ids=["another's", "its own"]
)
async def test_only_its_own_canaries_are_judged_at_admission(labels, allowed):
    reviewer = Reviewer(CanaryReader.under(Settings(selector=COMING)))
    manifest = canary("istio", name="shop", namespace=DEMO)
    manifest["metadata"]["labels"] = labels
    manifest["spec"]["analysis"]["interval"] = "soon"
    request = {
        "uid": "1",
        "operation": "CREATE",
        "resource": {"group": "tidegate.dev", "version": "v1beta1", "resource": "canaries"},
        "object": manifest,
    }
    answer = await reviewer.review({"request": request})
    assert answer["response"]["allowed"] is allowed
