"""A release in Consul's mesh: conditions and weights, what Consul refuses, and what is the user's."""

from pathlib import Path
from typing import Any

import yaml

from canary.api.kinds import Kind, Manifest
from canary.demo import manifests
from canary.demo.embedded import CRD, NAMESPACE
from canary.routers.consul import RESOLVER, ROUTER, SPLITTER
from tests.controller.running import CANARY, World, until
from tests.controller.test_refused_route import until_waiting

CRDS = Path(__file__).parents[1] / "routers" / "crds"
KINDS = (ROUTER, RESOLVER, SPLITTER)
INSIDERS = {"match": [{"headers": {"x-canary": {"exact": "insider"}}}], "iterations": 1}
EVERYTHING = [{"destination": {"service": "podinfo"}}]
TO_INSIDERS = [
    {
        "match": {"http": {"header": [{"name": "x-canary", "exact": "insider"}]}},
        "destination": {"service": "podinfo"},
    },
    {"destination": {"service": "podinfo", "serviceSubset": "podinfo-primary"}},
]
BY_HAND = {"type": "confirm-promotion", "name": "by-hand"}


async def install(world: World) -> None:
    for kind in KINDS:
        crd = yaml.safe_load((CRDS / f"{kind.group}_{kind.plural}.yaml").read_text())
        for version in crd["spec"]["versions"]:
            version["schema"]["openAPIV3Schema"]["properties"]["status"] = {
                "type": "object",
                "x-kubernetes-preserve-unknown-fields": True,
            }
            version["subresources"] = {"status": {}}
        await world.api.create(crd, CRD)
    await world.create_app()


def an_object(kind: Kind, spec: Manifest, namespace: str) -> Manifest:
    metadata = {"name": "podinfo", "namespace": namespace}
    version = kind.api_version(kind.versions[0])
    return {"apiVersion": version, "kind": kind.kind, "metadata": metadata, "spec": spec}


async def spec_of(world: World, kind: Kind) -> Any:
    found = await world.read(kind, "podinfo")
    return None if found is None else found["spec"]


async def until_split(world: World, weights: list[int], routes: list[Manifest]) -> None:
    async def there() -> bool:
        splitter, router = await spec_of(world, SPLITTER), await spec_of(world, ROUTER)
        split = splitter and [each["weight"] for each in splitter["splits"]]
        return (split, router) == (weights, {"routes": routes})

    await until(there, f"the sides have {weights} %")


async def test_only_insiders_meet_the_canary_and_everything_goes_with_its_canary(
    world: World,
) -> None:
    await install(world)
    async with world.running_controller():
        await world.create_canary(
            provider="consul",
            service={"port": 80, "targetPort": 9898},
            analysis={**INSIDERS, "webhooks": [BY_HAND]},
        )
        await world.until_phase("Initialized")
        await until_split(world, [100, 0], EVERYTHING)
        await world.release()
        await until_waiting(world, "PromotionGate")
        await until_split(world, [0, 100], TO_INSIDERS)
        annotations = {"tidegate.dev/approve": "alice"}
        await world.patch(CANARY, "podinfo", {"metadata": {"annotations": annotations}})
        await world.until_phase("Succeeded")
        await until_split(world, [100, 0], EVERYTHING)
        assert not await world.events("RouteChanged")
        await world.api.delete(CANARY, world.namespace, "podinfo")
        for kind in KINDS:

            async def gone(kind: Kind = kind) -> bool:
                return await world.read(kind, "podinfo") is None

            await until(gone, f"the {kind.kind} is gone")


async def test_what_consul_does_not_take_holds_the_weight(world: World) -> None:
    await install(world)
    async with world.running_controller():
        await world.create_canary(provider="consul", service={"port": 80, "targetPort": 9898})
        await world.until_phase("Initialized")
        condition = {
            "type": "Synced",
            "status": "Unknown",
            "reason": "ConsulAgentError",
            "message": "podinfo has protocol tcp",
        }
        patch = {"status": {"conditions": [condition]}}
        await world.patch(SPLITTER, "podinfo", patch, subresource="status")
        await world.release()
        held = await until_waiting(world, "RouteRefused")
        assert "ConsulAgentError: podinfo has protocol tcp" in held["waitingFor"]["message"]


async def test_a_resolver_of_the_user_keeps_what_it_says_and_a_router_of_theirs_is_in_the_way(
    world: World,
) -> None:
    await install(world)
    theirs = {"connectTimeout": "3s"}
    await world.api.create(an_object(RESOLVER, theirs, world.namespace), RESOLVER)
    routes = {"routes": [{"destination": {"service": "other"}}]}
    await world.api.create(an_object(ROUTER, routes, world.namespace), ROUTER)
    async with world.running_controller():
        await world.create_canary(provider="consul", service={"port": 80, "targetPort": 9898})
        held = await until_waiting(world, "NameTaken")
        assert "podinfo" in held["waitingFor"]["message"]
        assert await spec_of(world, ROUTER) == routes
        await world.api.delete(ROUTER, world.namespace, "podinfo")
        await world.until_phase("Initialized")

        async def told_apart() -> bool:
            found = await spec_of(world, RESOLVER)
            return (found["connectTimeout"], len(found.get("subsets", ()))) == ("3s", 2)

        await until(told_apart, "the user's ServiceResolver has the sides as well")


async def test_one_service_of_consul_has_one_canary_in_whatever_namespace(world: World) -> None:
    """An entry of Consul is known by its name alone: two Canaries would write the same one."""
    await install(world)
    consul = {"provider": "consul", "service": {"port": 80, "targetPort": 9898}}
    async with world.running_controller():
        await world.create_canary(**consul)
        await world.until_phase("Initialized")
        first, world.namespace = world.namespace, "far"
        await world.api.create(manifests.namespace("far"), NAMESPACE)
        await world.create_app()
        await world.create_canary(**consul)
        message = await world.until_condition("Invalid", "True")
        assert message == (
            "spec.service.name: 'podinfo': name another service: each ServiceSplitter of a name is "
            f"the same one in every namespace, and that of {first}/podinfo has this name already"
        )
        assert await spec_of(world, SPLITTER) is None
        await world.api.delete(CANARY, first, "podinfo")
        await world.until_phase("Initialized")
        await until_split(world, [100, 0], EVERYTHING)
