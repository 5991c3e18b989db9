"""A Knative Service as target: both sides are Revisions of it, and its traffic block is the route."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any

import pytest

from canary.api.kinds import KNATIVE_SERVICE, Manifest
from canary.demo.manifests import APP
from canary.objects.ownership import GITOPS_ANNOTATIONS
from tests import knative
from tests.controller.running import CANARY, DEMO, World, until

KNATIVE = {"provider": "knative", "targetRef": knative.REFERENCE, "service": {"port": 80}}
GATE = {"webhooks": [{"type": "confirm-promotion", "name": "by-hand"}]}
FIRST, SECOND = f"{APP}-00001", f"{APP}-00002"


async def shares(world: World) -> list[tuple[str, int]]:
    """Read which Revision has which share, the primary's first."""
    found = await world.read(KNATIVE_SERVICE, APP) or {}
    return [
        (each.get("revisionName", ""), each["percent"]) for each in found["spec"].get("traffic", ())
    ]


async def release(world: World, tag: str, **behaviour: str) -> None:
    """Change the app to another version."""
    template = knative.template(tag, **behaviour)
    await world.patch(KNATIVE_SERVICE, APP, {"spec": {"template": template}})


async def until_shared(world: World, *wanted: tuple[str, int]) -> None:
    async def there() -> bool:
        return await shares(world) == [*wanted]

    await until(there, f"the shares are {wanted}")


@asynccontextmanager
async def initialised(
    world: World,
    users: Mapping[str, Any] = MappingProxyType({}),
    *,
    annotations: Mapping[str, str] = MappingProxyType({}),
    **spec: Any,
) -> AsyncIterator[None]:
    """Have the app under a Canary, with more of what its user wrote."""
    async with (
        knative.knative(world.server, world.api, DEMO),
        world.running_controller(),
    ):
        app = knative.service("1", namespace=DEMO)
        app["metadata"]["annotations"] = {**annotations}
        await world.api.create(app | {"spec": app["spec"] | users}, KNATIVE_SERVICE)
        await world.create_canary(**KNATIVE, **spec)
        await world.until_phase("Initialized")
        yield


async def at_the_gate(world: World) -> bool:
    wait = (await world.status()).get("waitingFor") or {}
    return wait.get("reason") == "PromotionGate"


async def over_and_told(world: World) -> bool:
    status = await world.status()
    return status.get("phase") == "Succeeded" and not status.get("notices")


async def test_a_release_moves_traffic_between_revisions_and_is_promoted(world: World):
    async with initialised(world, analysis=GATE):
        await until_shared(world, (FIRST, 100), (FIRST, 0))
        await release(world, "2")
        await until_shared(world, (FIRST, 0), (SECOND, 100))
        await until(lambda: at_the_gate(world), "the run waits at its gate")
        approval = {"metadata": {"annotations": {"tidegate.dev/approve": "tester"}}}
        await world.patch(CANARY, APP, approval)
        status = await world.until_phase("Succeeded")
        await until_shared(world, (SECOND, 100), (SECOND, 0))
        found = await world.read(KNATIVE_SERVICE, APP) or {}
    assert status["history"][0]["outcome"] == "Promoted"
    assert found["metadata"]["annotations"]["tidegate.dev/primary-revision"] == SECOND


async def test_a_status_that_is_behind_the_traffic_says_nothing_of_the_canary(world: World):
    async with initialised(world):
        await release(world, "2")
        await until(lambda: over_and_told(world), "it is promoted, and all of it is told")
        told = {each["reason"] for each in await world.events()}
    assert told >= {"RunStarted", "WeightAdvanced", "Promoted"}
    assert not told & {"CanaryNotServing", "CanaryNotReady", "TrafficRestored"}


async def test_gitops_tools_go_on_to_manage_it(world: World):
    async with initialised(world):
        await until_shared(world, (FIRST, 100), (FIRST, 0))
        found = await world.read(KNATIVE_SERVICE, APP) or {}
    assert not GITOPS_ANNOTATIONS.keys() & found["metadata"]["annotations"].keys()


async def test_a_revision_that_does_not_come_up_gets_no_request_and_is_rolled_back(world: World):
    async with initialised(world):
        await release(world, "2", BROKEN="true")
        status = await world.until_phase("Failed")
        await until_shared(world, (FIRST, 100), (FIRST, 0))
    assert status["history"][0]["outcome"] == "RolledBack"


async def test_one_that_returns_to_the_promoted_template_ends_its_run_and_the_primary_serves(
    world: World,
):
    async with initialised(world, analysis=GATE):
        await release(world, "2")
        await until(lambda: at_the_gate(world), "the run waits at its gate")
        await release(world, "1")
        await until_shared(world, (FIRST, 100), (f"{APP}-00003", 0))
        await world.until_phase("Succeeded")


async def test_what_others_change_in_its_traffic_is_put_back_and_told(world: World):
    async with initialised(world):
        await until_shared(world, (FIRST, 100), (FIRST, 0))
        everything = {"spec": {"traffic": [{"latestRevision": True, "percent": 100}]}}
        await world.patch_as("kubectl-edit", KNATIVE_SERVICE, APP, everything)
        await until_shared(world, (FIRST, 100), (FIRST, 0))
        await until(lambda: world.events("PrimaryChanged"), "it is told")


@pytest.mark.parametrize(
    "before",
    [None, [{"latestRevision": True, "percent": 100, "tag": "live"}]],
    ids=["none", "of its user"],
)
async def test_when_its_canary_goes_it_has_its_own_traffic_block_back(
    world: World, before: list[Manifest] | None
):
    users = {} if before is None else {"traffic": before}
    async with initialised(world, users):
        await release(world, "2")
        await world.until_phase("Succeeded")
        await until_shared(world, (SECOND, 100), (SECOND, 0))
        await world.api.delete(CANARY, DEMO, APP)

        async def given_back() -> bool:
            found = await world.read(KNATIVE_SERVICE, APP) or {}
            ours = [each for each in found["metadata"].get("annotations") or {} if "tide" in each]
            return not ours and found["spec"].get("traffic") == before

        await until(given_back, "nothing of tidegate is left in it")

        async def gone() -> bool:
            return await world.read(CANARY, APP) is None

        await until(gone, "the Canary is gone")


async def test_one_that_the_peer_has_managed_is_taken_over_as_it_serves(world: World):
    peers = [{"latestRevision": True, "percent": 0}, {"revisionName": FIRST, "percent": 100}]
    named = {"flagger.app/primary-revision": FIRST}
    async with initialised(world, {"traffic": peers}, annotations=named):
        await until_shared(world, (FIRST, 100), (FIRST, 0))


async def test_it_keeps_its_name_and_the_only_router_that_it_can_have(world: World):
    async with initialised(world):
        await world.patch(CANARY, APP, {"spec": {"provider": "istio"}})
        message = await world.until_condition("Invalid", "True")
    assert "spec.provider" in message
    assert "set it to knative" in message
