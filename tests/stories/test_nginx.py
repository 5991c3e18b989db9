"""The story of an app behind ingress-nginx, told by a small reader of its annotations."""

import pytest

from canary.api.kinds import Manifest
from canary.api.meta import GROUP
from canary.controller.canaries import canary_kind
from canary.demo.manifests import APP, PORT
from canary.demo.world import World
from canary.routers.ingresses import INGRESS
from tests.stories.telling import BY_HAND, QUICK, given_a_run_at_20, then_nothing_was_lost

pytestmark = [
    pytest.mark.story,
    pytest.mark.embedded,
    pytest.mark.asyncio(loop_scope="session"),
]

REFERENCE = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": "web"}
#: The proxy of this world is Envoy, whose page has no series of ingress-nginx.
CLUSTER = 'envoy_cluster_name=~"outbound.*{{ service }}-canary[.]{{ namespace }}[.].*"'
SUCCESSES = {
    "name": "successes",
    "interval": "2s",
    "thresholdRange": {"min": 99},
    "onNoData": "hold",
    "query": (
        f'ratio(envoy_cluster_upstream_rq{{{CLUSTER},envoy_response_code!~"5.."}}, '
        f"envoy_cluster_upstream_rq{{{CLUSTER}}}) * 100"
    ),
}


def ingress(namespace: str, host: str) -> Manifest:
    """Lead a host to the app."""
    backend = {"service": {"name": APP, "port": {"number": PORT}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "web", "namespace": namespace},
        "spec": {"ingressClassName": "nginx", "rules": [{"host": host, "http": {"paths": [path]}}]},
    }


async def weight_of_ingress(world: World) -> object:
    """Read the weight of the Ingress of the canary; None where there is none."""
    beside = await world.read(INGRESS, "web-canary") or {"metadata": {"annotations": {}}}
    return beside["metadata"]["annotations"].get("nginx.ingress.kubernetes.io/canary-weight")


async def weighs_nothing(world: World) -> bool:
    """Whether the Ingress of the canary has no weight: the phase is written before it is."""
    return await weight_of_ingress(world) == "0"


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
        await world.create_canary(
            provider="nginx", ingressRef=REFERENCE, analysis=QUICK | {"metrics": [SUCCESSES]}
        )
        await world.until_phase("Initialized", seconds=120)
        # When a good version is released, then it is promoted
        await world.release("2.0")
        status = await world.until_phase("Succeeded", seconds=120)
        assert status["history"][0]["outcome"] == "Promoted"
        # When a bad version is released, then it is rolled back
        await world.release("3.0", ERROR_RATE="0.5")
        status = await world.until_phase("Failed", seconds=120)
        assert status["history"][0]["outcome"] == "RolledBack"
        await world.until(lambda: weighs_nothing(world), "no client meets it any longer")
        # When the Canary is deleted, then its Ingress goes, and the app serves by itself
        await world.release("2.0")
        await world.api.delete(canary_kind(GROUP), world.namespace, APP)

        async def gone() -> bool:
            return await world.read(INGRESS, "web-canary") is None

        await world.until(gone, "the Ingress of the canary is gone", seconds=120)
        await load.reaches(100)
        then_nothing_was_lost(load)
    assert await world.read(INGRESS, "web") == users
    assert load.stats().by_version.keys() == {"1.0", "2.0", "3.0"}


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
