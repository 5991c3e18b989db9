"""The story of an app whose routes its user keeps: tidegate splits one rule, and leaves the rest."""

from typing import Any

import pytest

from canary.api.kinds import Kind, Manifest
from canary.api.meta import GROUP
from canary.controller.canaries import canary_kind
from canary.demo import manifests
from canary.demo.manifests import APP, PORT
from canary.demo.world import World
from canary.routers import router_for
from tests.stories.telling import BY_HAND, QUICK, given_a_run_at_20, then_nothing_was_lost

pytestmark = [pytest.mark.story, pytest.mark.asyncio(loop_scope="session")]

STAFF = {"x-staff": "yes"}


def users_route(world: World) -> Manifest:
    """Lead the app's clients to it by the rule `api`, and its staff by another."""
    service = manifests.canary(world.router, service=world.service)["spec"]["service"]
    write: Any = _http_route if world.router == "gatewayapi" else _virtual_service
    kind, api_version, spec = write(service)
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": "shop", "namespace": world.namespace, "labels": {"team": "shop"}},
        "spec": spec,
    }


def _virtual_service(service: Manifest) -> tuple[str, str, Manifest]:
    to = [{"destination": {"host": APP, "port": {"number": PORT}}}]
    staff = {"headers": {"x-staff": {"exact": "yes"}}}
    spec = {
        "hosts": service.get("hosts", [APP]),
        "gateways": service.get("gateways", ["mesh"]),
        "http": [
            {"name": "staff", "match": [staff], "route": to},
            {"name": "api", "timeout": "20s", "route": to},
        ],
    }
    return "VirtualService", "networking.istio.io/v1", spec


def _http_route(service: Manifest) -> tuple[str, str, Manifest]:
    to = [{"group": "", "kind": "Service", "name": APP, "port": PORT, "weight": 1}]
    path = {"path": {"type": "PathPrefix", "value": "/"}}
    staff = path | {"headers": [{"name": "x-staff", "type": "Exact", "value": "yes"}]}
    hosts = {"hostnames": service["hosts"]} if "hosts" in service else {}
    parents = [
        {"group": "gateway.networking.k8s.io", "kind": "Gateway"} | each
        for each in service["gatewayRefs"]
    ]
    spec = {
        "parentRefs": parents,
        **hosts,
        "rules": [
            {"name": "staff", "matches": [staff], "backendRefs": to},
            {"name": "api", "matches": [path], "backendRefs": to},
        ],
    }
    return "HTTPRoute", "gateway.networking.k8s.io/v1", spec


@pytest.mark.parametrize("world", ["istio", "gatewayapi"], indirect=True)
async def test_a_rule_that_the_user_keeps_is_split_and_given_back_without_a_lost_request(
    world: World,
) -> None:
    # Given an app that its user's route leads to
    kind: Kind = router_for(world.router).kinds[0]
    await world.create_app("1.0")
    # Of the app's Service alone: the route is the user's.
    await World.expose_app(world)
    users = await world.create(users_route(world), kind)
    await world.until(world.answers, "the app answers", seconds=120)
    async with world.traffic() as load, world.traffic(**STAFF) as staff:
        # When a Canary manages one rule of it
        await world.start_controller()
        await world.create_canary(
            managedRoutes=[{"kind": kind.kind, "name": "shop", "rules": [{"name": "api"}]}],
            analysis=QUICK | {"webhooks": [BY_HAND]},
        )
        await world.until_phase("Initialized", seconds=120)
        # Then a run gives the canary its share of that rule's requests, and none of the other's
        await given_a_run_at_20(world)
        load.restart()
        staff.restart()

        async def canary_is_met() -> bool:
            return {"1.0", "2.0"} == set((await load.reaches(60)).by_version)

        await world.until(canary_is_met, "both versions answer by the rule", seconds=120)
        assert set((await staff.reaches(60)).by_version) == {"1.0"}
        # When it is aborted and the Canary is deleted, then the route is its user's again
        await world.annotate("abort")
        await world.until_phase("Failed", seconds=120)
        await world.api.delete(canary_kind(GROUP), world.namespace, APP)

        async def given_back() -> bool:
            found = await world.read(kind, "shop")
            assert found is not None
            annotations = found["metadata"].get("annotations")
            return (found["spec"], annotations or None) == (users["spec"], None)

        await world.until(given_back, "the route is as its user wrote it", seconds=120)

        async def gone() -> bool:
            canary = await world.read(canary_kind(GROUP), APP)
            return canary is None

        await world.until(gone, "the Canary is gone", seconds=120)
        await load.reaches(100)
        then_nothing_was_lost(load)
        then_nothing_was_lost(staff)
