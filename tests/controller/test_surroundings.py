"""What is around a target: looked at when a Canary is new or changed, and never at rest."""

from typing import Any

import pytest

from canary.api.kinds import DEPLOYMENT, Kind
from canary.demo import manifests
from canary.demo.embedded import CRD
from canary.resources.preflight import DESTINATION_RULE, SELECTING
from tests.controller.faults import answer, proxied
from tests.controller.running import CANARY, DEMO, VIRTUAL_SERVICE, World, until

AUTHORIZATION = next(each for each in SELECTING if each.kind == "AuthorizationPolicy")
SURVEYED = {each.plural for each in SELECTING}
APP = manifests.APP


def a_definition(kind: Kind) -> dict[str, Any]:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": kind.resource},
        "spec": {
            "group": kind.group,
            "names": {"kind": kind.kind, "plural": kind.plural},
            "scope": "Namespaced",
            "versions": [version],
        },
    }


def a_policy(labels: dict[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": {"name": "guard", "namespace": DEMO},
        "spec": {"selector": {"matchLabels": labels}, "action": "DENY", "rules": [{}]},
    }


async def waits(world: World) -> str:
    status = await world.status()
    return str((status.get("waitingFor") or {}).get("reason", ""))


def surveys(world: World, mark: int = 0) -> list[str]:
    return [each.resource for each in world.requests(mark) if each.resource in SURVEYED]


@pytest.fixture
async def guarded(world: World) -> World:
    """A world with an AuthorizationPolicy for the pods of an app that serves."""
    await world.api.create(a_definition(AUTHORIZATION), CRD)
    await world.create_app()
    labels = {"app": APP}
    created = await until(lambda: _created(world, a_policy(labels)), "the kind is served")
    assert created
    return world


async def _created(world: World, policy: dict[str, Any]) -> bool:
    return bool(await world.api.discover(AUTHORIZATION)) and bool(
        await world.api.create(policy, AUTHORIZATION)
    )


class TestAPolicyThatThePrimaryWouldLose:
    async def test_holds_a_new_canary_until_it_is_accepted(self, guarded: World) -> None:
        async with guarded.running_controller():
            await guarded.create_canary()

            async def held() -> bool:
                return await waits(guarded) == "SelectorsLost"

            await until(held, "the Canary is held")
            status = await guarded.status()
            assert (
                f"AuthorizationPolicy guard selects pods by app={APP}"
                in (status["waitingFor"]["message"])
            )
            names = [each["metadata"]["name"] for each in await guarded.objects(DEPLOYMENT)]
            assert names == [APP]
            accepted = {"tidegate.dev/accept-risk": "AuthorizationPolicy/guard"}
            patch = {"metadata": {"annotations": accepted}}
            await guarded.api.merge_patch(CANARY, DEMO, APP, patch)
            await guarded.until_phase("Initialized")
            (at_risk,) = [
                each for each in (await guarded.status())["conditions"] if each["type"] == "AtRisk"
            ]
            assert at_risk["status"] == "False"

    async def test_is_looked_at_once_and_again_when_the_spec_changes(self, guarded: World) -> None:
        accepted = {"annotations": {"tidegate.dev/accept-risk": "AuthorizationPolicy/guard"}}
        async with guarded.running_controller():
            await guarded.create_canary(metadata=accepted)
            await guarded.until_phase("Initialized")
            assert surveys(guarded).count("authorizationpolicies") == 1
            mark = guarded.mark
            patch = {"spec": {"analysis": {"threshold": 3}}}
            await guarded.api.merge_patch(CANARY, DEMO, APP, patch)

            async def seen() -> bool:
                return int((await guarded.status())["preflight"]["generation"]) == 2

            await until(seen, "the change is looked at")
            assert surveys(guarded, mark).count("authorizationpolicies") <= 1


async def test_another_route_for_the_same_requests_holds_a_new_canary_until_it_is_managed(
    world: World,
) -> None:
    rule = {"name": "all", "route": [{"destination": {"host": APP}}]}
    other = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "by-hand", "namespace": DEMO},
        "spec": {"hosts": [APP], "http": [rule]},
    }
    await world.create_app()
    await world.api.create(other, VIRTUAL_SERVICE)
    async with world.running_controller():
        await world.create_canary()

        async def held() -> bool:
            return await waits(world) == "WeightsIgnored"

        await until(held, "the Canary is held")
        assert await world.read(VIRTUAL_SERVICE, APP) is None
        managed = {"spec": {"managedRoutes": [{"kind": "VirtualService", "name": "by-hand"}]}}
        await world.patch(CANARY, APP, managed)
        await world.until_phase("Initialized")
    assert await world.read(VIRTUAL_SERVICE, APP) is None


async def test_kinds_that_are_not_installed_or_forbidden_hold_nobody(
    guarded: World, caplog: pytest.LogCaptureFixture
) -> None:
    world = guarded
    async with proxied(world.server.url) as proxy:
        proxy.meet("/authorizationpolicies", answer(403, {"message": "no"}), always=True)
        async with world.running_controller(url=proxy.url):
            await world.create_canary()
            await world.until_phase("Initialized")
            status = await world.status()
            assert status["preflight"]["risks"] == []
            assert "AtRisk" not in {each["type"] for each in status["conditions"]}
    said = [each for each in caplog.messages if "is not checked" in each]
    assert len(said) == 1
    assert "authorizationpolicies" in said[0]


async def test_a_traffic_policy_for_the_apex_moves_to_both_sides(world: World) -> None:
    policy = {"outlierDetection": {"consecutive5xxErrors": 5}}
    rule = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": "breaker", "namespace": DEMO},
        "spec": {"host": APP, "trafficPolicy": policy},
    }
    await world.create_app()
    await world.api.create(rule, DESTINATION_RULE)
    async with world.running_controller():
        await world.create_canary()
        await world.until_phase("Initialized")
    rules = {each["metadata"]["name"]: each for each in await world.objects(DESTINATION_RULE)}
    sides = [rules[f"{APP}-{side}"]["spec"] for side in ("primary", "canary")]
    assert [each["trafficPolicy"] for each in sides] == [policy, policy]
