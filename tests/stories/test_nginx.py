"""Stories of apps behind ingress-nginx, told by small readers of its annotations.

One has a real nginx do what they say, the other is the embedded mesh with its Envoy.
"""

import pytest

from canary.api.kinds import Manifest
from canary.api.meta import GROUP
from canary.controller.canaries import canary_kind
from canary.demo.manifests import APP, PORT
from canary.demo.world import World
from canary.routers.ingresses import INGRESS
from tests.stories.telling import (
    BY_HAND,
    QUICK,
    given_a_run_at_20,
    then_nothing_was_lost,
    then_one_is_promoted_and_one_rolled_back,
    when_the_canary_is_deleted,
)

pytestmark = [pytest.mark.story, pytest.mark.asyncio(loop_scope="session")]

REFERENCE = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": "web"}


def ingress(namespace: str, host: str, ingress_class: str = "nginx") -> Manifest:
    """Lead a host to the app."""
    backend = {"service": {"name": APP, "port": {"number": PORT}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "web", "namespace": namespace},
        "spec": {
            "ingressClassName": ingress_class,
            "rules": [{"host": host, "http": {"paths": [path]}}],
        },
    }


async def weight_of_ingress(world: World) -> object:
    """Read the weight of the Ingress of the canary; None where there is none."""
    beside = await world.read(INGRESS, "web-canary") or {"metadata": {"annotations": {}}}
    return beside["metadata"]["annotations"].get("nginx.ingress.kubernetes.io/canary-weight")


async def weighs_nothing(world: World) -> bool:
    """Whether the Ingress of the canary has no weight: the phase is written before it is."""
    return await weight_of_ingress(world) == "0"


@pytest.mark.parametrize("world", ["nginx"], indirect=True)
async def test_behind_an_ingress_releases_are_promoted_rolled_back_and_given_up_without_a_lost_request(
    world: World,
) -> None:
    # Given an app behind its Ingress, and then under a Canary
    await world.create_app("1.0")
    await world.expose_app()
    host = f"{APP}.{world.namespace}.svc.cluster.local"
    users = await world.create(ingress(world.namespace, host), INGRESS)
    await world.until(world.answers, "the app answers", seconds=120)
    async with world.traffic() as load:
        await world.start_controller()
        await world.create_canary(ingressRef=REFERENCE, analysis=QUICK | {"webhooks": [BY_HAND]})
        await world.until_phase("Initialized", seconds=120)
        # When versions are released, then a good one is promoted, and a bad one is rolled back
        await then_one_is_promoted_and_one_rolled_back(world, load)
        await world.until(lambda: weighs_nothing(world), "no client meets it any longer")
        # When the Canary is deleted, then its Ingress goes, and the app serves by itself
        await when_the_canary_is_deleted(world)
        assert await world.read(INGRESS, "web-canary") is None
        await load.reaches(100)
    then_nothing_was_lost(load)
    assert (await world.read(INGRESS, "web") or {})["spec"] == users["spec"]
    assert load.stats().by_version.keys() == {"1.0", "2.0", "3.0"}


@pytest.mark.embedded
async def test_an_ingress_and_a_mesh_move_together_and_are_given_up_together(world: World) -> None:
    # Given an app that clients reach through an Ingress, and others inside the mesh
    await world.create_app("1.0")
    await world.expose_app()
    await world.create(ingress(world.namespace, "shop.example.com"), INGRESS)
    await world.until(world.answers, "the app answers", seconds=120)
    async with world.traffic() as load:
        await world.start_controller()
        await world.create_canary(
            provider="istio+nginx", ingressRef=REFERENCE, analysis=QUICK | {"webhooks": [BY_HAND]}
        )
        await world.until_phase("Initialized", seconds=120)

        async def both_at_20() -> bool:
            routed = await world.routed()
            mesh = routed is not None and routed.weight == 20
            return mesh and await weight_of_ingress(world) == "20"

        # When a version is released, then both give it its share
        await given_a_run_at_20(world)
        await world.until(both_at_20, "both routes give the canary its share")
        # When somebody gives it everything by one of them, then both are as they were
        weight = {"nginx.ingress.kubernetes.io/canary-weight": "100"}
        await world.patch(INGRESS, "web-canary", {"metadata": {"annotations": weight}})
        await world.until(both_at_20, "the Ingress is repaired")
        # When the Canary is deleted, then nothing of either is left
        routes = [key for key in await world.routes() if key.kind.kind == "VirtualService"]
        await world.api.delete(canary_kind(GROUP), world.namespace, APP)

        async def gone() -> bool:
            left = [await world.read(key.kind, key.name) for key in routes]
            return not any(left) and await world.read(INGRESS, "web-canary") is None

        await world.until(gone, "both routes are gone", seconds=120)
        await load.reaches(100)
        then_nothing_was_lost(load)
