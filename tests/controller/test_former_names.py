"""Names that a spec changes: what was made under the former ones is given back, and nothing hangs."""

from typing import Any

import pytest

from canary.api.kinds import DEPLOYMENT, SERVICE, Kind, Manifest
from canary.demo import manifests
from canary.routers.ingresses import INGRESS
from tests.controller.faults import answer, proxied
from tests.controller.running import CANARY, DEMO, VIRTUAL_SERVICE, World, until

ROUTE = Kind(
    group="gateway.networking.k8s.io", versions=("v1",), kind="HTTPRoute", plural="httproutes"
)
SIDES = ("podinfo-primary", "podinfo-canary")


async def leads_to(world: World, service: str) -> Any:
    found = await world.read(SERVICE, service)
    return None if found is None else found["spec"]["selector"]


async def absent(world: World, kind: Kind, *names: str) -> bool:
    return not any([await world.read(kind, name) for name in names])


async def formers(world: World) -> list[str]:
    return [each["service"] for each in (await world.status()).get("formerNames") or ()]


def users_service() -> Manifest:
    spec = {"selector": {"app": "podinfo"}, "ports": [{"port": 80, "targetPort": 8080}]}
    metadata = {"name": "podinfo", "namespace": DEMO}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def users_route() -> Manifest:
    http = [{"route": [{"destination": {"host": "podinfo"}}], "timeout": "7s"}]
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "podinfo", "namespace": DEMO},
        "spec": {"hosts": ["podinfo"], "http": http},
    }


async def test_another_service_name_gives_the_route_back_and_leaves_nobody_without_an_answer(
    world: World,
):
    await world.create_app()
    await world.api.create(users_service(), SERVICE)
    await world.api.create(users_route(), VIRTUAL_SERVICE)
    async with world.running_controller():
        await world.create_canary()
        await world.until_phase("Initialized")
        await world.patch(CANARY, "podinfo", {"spec": {"service": {"name": "shop"}}})
        await until(lambda: absent(world, SERVICE, *SIDES), "the services of the sides are gone")
        assert await world.weight("shop") == 0
        route = await world.read(VIRTUAL_SERVICE, "podinfo")
        assert route is not None
        assert route["spec"] == users_route()["spec"]
        assert "annotations" not in route["metadata"]
        # Clients may call the former service still, and the target has no pods.
        primary = {"app": "podinfo-primary"}
        assert await leads_to(world, "podinfo") == primary
        assert await leads_to(world, "shop") == primary
        assert await formers(world) == ["podinfo"]
        await until(lambda: world.events("NamesChanged"), "it is told")
        # A release goes its way under the new names.
        await world.release()
        await world.until_phase("Succeeded")
        assert await leads_to(world, "podinfo") == primary
        # Both services lead to the target when the Canary goes.
        await world.api.delete(CANARY, DEMO, "podinfo")
        await until(lambda: absent(world, CANARY, "podinfo"), "the Canary is gone")
        assert await leads_to(world, "podinfo") == {"app": "podinfo"}
        assert await leads_to(world, "shop") == {"app": "podinfo"}
        service = await world.read(SERVICE, "podinfo")
        assert service is not None
        assert service["spec"]["ports"][0]["targetPort"] == 8080
        assert await absent(world, VIRTUAL_SERVICE, "shop")


async def test_a_former_service_that_is_deleted_is_forgotten(world: World):
    await world.create_app()
    async with world.running_controller():
        await world.create_canary()
        await world.until_phase("Initialized")
        await world.patch(CANARY, "podinfo", {"spec": {"service": {"name": "shop"}}})
        await until(lambda: absent(world, SERVICE, *SIDES), "the services of the sides are gone")
        assert await absent(world, VIRTUAL_SERVICE, "podinfo")
        assert await formers(world) == ["podinfo"]
        await world.api.delete(SERVICE, DEMO, "podinfo")

        async def forgotten() -> bool:
            return not await formers(world)

        await until(forgotten, "nothing is left of the former name")
        assert await absent(world, SERVICE, "podinfo")


def users_ingress(name: str) -> Manifest:
    backend = {"service": {"name": "podinfo", "port": {"number": 80}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": name, "namespace": DEMO},
        "spec": {"rules": [{"host": f"{name}.example.com", "http": {"paths": [path]}}]},
    }


def referring(name: str) -> Manifest:
    reference = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": name}
    return {"provider": "nginx", "ingressRef": reference}


async def test_another_ingress_takes_over_and_the_one_beside_the_former_goes(world: World):
    await world.create_app()
    for name in ("web", "shop"):
        await world.api.create(users_ingress(name), INGRESS)
    async with world.running_controller():
        await world.create_canary(**referring("web"))
        await world.until_phase("Initialized")
        assert not await absent(world, INGRESS, "web-canary")
        await world.patch(CANARY, "podinfo", {"spec": referring("shop")})
        await until(lambda: absent(world, INGRESS, "web-canary"), "the former one is gone")
        assert not await absent(world, INGRESS, "shop-canary")

        async def forgotten() -> bool:
            return not await formers(world)

        await until(forgotten, "nothing is left of the former Ingress")
    assert not await absent(world, INGRESS, "web", "shop")


def users_http_route() -> Manifest:
    backends = [{"group": "", "kind": "Service", "name": "podinfo", "port": 80, "weight": 1}]
    gateway = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "gateway"}
    path = {"path": {"type": "PathPrefix", "value": "/"}}
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "podinfo", "namespace": DEMO},
        "spec": {
            "parentRefs": [gateway],
            "rules": [{"matches": [path], "backendRefs": backends}],
        },
    }


async def test_another_router_takes_over_and_the_former_route_goes(world: World):
    await world.create_app()
    await world.api.create(users_http_route(), ROUTE)
    async with world.running_controller():
        await world.create_canary()
        await world.until_phase("Initialized")
        parents = [{"name": "gateway"}]
        service = {"gatewayRefs": parents, "hosts": ["podinfo.example.com"]}
        await world.patch(
            CANARY, "podinfo", {"spec": {"provider": "gatewayapi:v1", "service": service}}
        )
        await until(lambda: absent(world, VIRTUAL_SERVICE, "podinfo"), "the former route is gone")
        assert not await absent(world, ROUTE, "podinfo-known")
        # The services have the same names: they stay.
        assert not await absent(world, SERVICE, *SIDES)

        async def forgotten() -> bool:
            return not await formers(world)

        await until(forgotten, "nothing is left of the former route")
        back = {"provider": "istio", "service": {"gatewayRefs": None}}
        await world.patch(CANARY, "podinfo", {"spec": back})
        await until(lambda: absent(world, ROUTE, "podinfo-known"), "no service is named any more")
        await until(forgotten, "nothing is left of the second route")
        route = await world.read(ROUTE, "podinfo")
        assert route is not None
        assert route["spec"] == users_http_route()["spec"]
        assert not await absent(world, SERVICE, *SIDES)


async def test_former_names_survive_a_controller_that_dies_in_between(world: World):
    await world.create_app()
    async with world.running_controller():
        await world.create_canary()
        await world.until_phase("Initialized")
    async with world.running_controller():
        await world.patch(CANARY, "podinfo", {"spec": {"service": {"name": "shop"}}})
        await until(lambda: formers(world), "the former name is remembered")
    async with world.running_controller():
        await until(lambda: absent(world, SERVICE, *SIDES), "the services of the sides are gone")
        await until(lambda: absent(world, VIRTUAL_SERVICE, "podinfo"), "the route is gone")


async def test_another_target_is_promoted_by_a_run_against_the_primary_that_serves(world: World):
    await world.create_app()
    gate = {"type": "confirm-traffic-increase", "name": "by-hand"}
    async with world.running_controller():
        await world.create_canary(service={"name": "podinfo", "port": 80})
        await world.until_phase("Initialized")
        await world.create_app("shop", tag="2")
        target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"}
        change = {"targetRef": target, "analysis": {"webhooks": [gate]}}
        await world.patch(CANARY, "podinfo", {"spec": change})
        # Before anybody approves, everything is served as before.
        await until(lambda: waits_at_gate(world), "the run waits at its gate")
        assert await leads_to(world, "podinfo") == {"app": "podinfo-primary"}
        assert await leads_to(world, "podinfo-canary") == {"app": "shop"}
        await world.patch(CANARY, "podinfo", {"spec": {"analysis": {"webhooks": None}}})
        await world.until_phase("Succeeded")
        primary = await world.read(DEPLOYMENT, "podinfo-primary")
        assert primary is not None
        assert primary["spec"]["template"]["spec"]["containers"][0]["image"].endswith(":2")
        assert await leads_to(world, "podinfo") == {"app": "podinfo-primary"}
        assert await absent(world, DEPLOYMENT, "shop-primary")
        await until(lambda: world.events("TargetChanged"), "it is told")


async def waits_at_gate(world: World) -> bool:
    status = await world.status()
    return (status.get("waitingFor") or {}).get("reason") == "TrafficGate"


async def test_a_target_made_anew_with_another_label_takes_nothing_off_the_primary(world: World):
    await world.create_app()
    async with world.running_controller():
        await world.create_canary()
        await world.until_phase("Initialized")
        other = manifests.deployment("2", namespace=DEMO)
        labels = {"app.kubernetes.io/name": "podinfo"}
        other["spec"]["selector"]["matchLabels"] = labels
        other["spec"]["template"]["metadata"]["labels"] = labels
        await world.api.delete(DEPLOYMENT, DEMO, "podinfo")
        await until(lambda: absent(world, DEPLOYMENT, "podinfo"), "the target is gone")
        await world.api.create(other, DEPLOYMENT)
        await world.until_phase("Succeeded")
        assert await leads_to(world, "podinfo") == {"app": "podinfo-primary"}
        assert await leads_to(world, "podinfo-canary") == labels
        primary = await world.read(DEPLOYMENT, "podinfo-primary")
        assert primary is not None
        pods = primary["spec"]["template"]["metadata"]["labels"]
        assert pods == {"app": "podinfo-primary", "app.kubernetes.io/name": "podinfo-primary"}


async def test_a_former_route_that_may_not_be_read_keeps_the_targets_pods(world: World):
    await world.create_app()
    async with proxied(world.server.url) as proxy:
        forbidden = answer(403, {"message": "httproutes is forbidden"})
        proxy.meet(r"GET /apis/gateway\.networking\.k8s\.io/v1/httproutes", forbidden, always=True)
        async with world.running_controller(url=proxy.url):
            await world.create_canary()
            await world.until_phase("Initialized")
            former = {
                "service": "podinfo",
                "provider": "gatewayapi",
                "since": "2026-01-01T00:00:00Z",
            }
            patch = {"status": {"formerNames": [former]}}
            await world.patch(CANARY, "podinfo", patch, subresource="status")
            await world.release()
            await world.until_phase("Succeeded")
            assert "podinfo by gatewayapi" in await world.until_condition("Stalled", "True")

            async def replicas() -> int:
                target = await world.read(DEPLOYMENT, "podinfo")
                assert target is not None
                return int(target["spec"]["replicas"])

            status = await world.status()
            assert status["waitingFor"]["reason"] == "FormerRouteUnreadable"
            assert await replicas() == 2

            proxy.relent()

            async def parked() -> bool:
                return await replicas() == 0

            await until(parked, "the target is parked")
            assert await formers(world) == []


async def test_what_a_router_has_made_that_is_not_installed_is_remembered_and_told_at_the_end(
    world: World,
):
    await world.create_app()
    async with world.running_controller():
        await world.create_canary(progressDeadlineSeconds=5)
        await world.until_phase("Initialized")
        lost = [{"service": "old", "provider": "gone", "since": "2026-01-01T00:00:00Z"}]
        await world.patch(
            CANARY, "podinfo", {"status": {"formerNames": lost}}, subresource="status"
        )
        # It is not known whether anything is left, so a release leaves it as it is.
        await world.release()
        await world.until_phase("Succeeded")
        assert await formers(world) == ["old"]
        await world.api.delete(CANARY, DEMO, "podinfo")
        await until(lambda: absent(world, CANARY, "podinfo"), "the Canary is gone")
        (event,) = await until(lambda: world.events("NotGivenBack"), "it is told")
        assert "the router gone is not installed: install it" in event["message"]
        # What is known was given back.
        assert await absent(world, VIRTUAL_SERVICE, "podinfo")


async def test_a_target_that_is_missing_moves_no_traffic_until_it_is_there(world: World):
    await world.create_app()
    async with world.running_controller():
        await world.create_canary()
        await world.until_phase("Initialized")
        await world.patch(CANARY, "podinfo", {"spec": {"targetRef": {"name": "other"}}})
        assert "Deployment other to exist" in await world.until_condition("Stalled", "True")
        await until(lambda: world.events("TargetChanged"), "the change is told")
        assert await absent(world, VIRTUAL_SERVICE, "other")
        assert await world.weight() == 0
        assert await leads_to(world, "podinfo-primary") == {"app": "podinfo-primary"}
        assert await formers(world) == ["podinfo"]

        await world.create_app("other")
        await world.until_phase("Succeeded")
        await until(lambda: absent(world, VIRTUAL_SERVICE, "podinfo"), "the former route is gone")
        await until(lambda: absent(world, SERVICE, *SIDES), "the services of the sides are gone")
        assert await world.weight("other") == 0
        assert await leads_to(world, "other") == {"app": "podinfo-primary"}


async def reach(world: World, phase: str) -> None:
    """Have a Canary in a phase, or just past it where it passes quickly."""
    await world.create_canary(analysis={"stepWeightPromotion": 50})
    if phase == "Initializing":
        await world.until_phase("Initializing", "Initialized")
        return
    await world.until_phase("Initialized")
    if phase == "suspended":
        await world.patch(CANARY, "podinfo", {"spec": {"suspend": True}})
        await until(lambda: world.events("Suspended"), "it is suspended")
    elif phase == "Failed":
        await world.release(tag="crash-loop")
        await world.until_phase("Failed")
    else:
        await world.release()
        await world.until_phase(phase, "Succeeded")


@pytest.mark.parametrize(
    "phase", ["Initializing", "Promoting", "Finalising", "Failed", "suspended"]
)
async def test_a_service_that_is_renamed_in_any_phase_has_one_route_in_the_end(
    world: World, phase: str
):
    await world.create_app()
    async with world.running_controller():
        await reach(world, phase)
        await world.patch(CANARY, "podinfo", {"spec": {"service": {"name": "shop"}}})
        if phase == "suspended":
            await until(lambda: world.events("NamesChanged"), "it is told")
            assert await absent(world, VIRTUAL_SERVICE, "shop")
            assert await world.weight() == 0
            await world.patch(CANARY, "podinfo", {"spec": {"suspend": False}})
        await until(lambda: world.read(VIRTUAL_SERVICE, "shop"), "the new route is there")
        await until(lambda: absent(world, VIRTUAL_SERVICE, "podinfo"), "the former route is gone")
        await until(lambda: absent(world, SERVICE, *SIDES), "the services of the sides are gone")
        if phase == "Failed":
            await world.release(tag="3")
        await world.until_phase("Initialized", "Succeeded")
        assert await world.weight("shop") == 0
        assert await leads_to(world, "shop") == {"app": "podinfo-primary"}


async def test_a_service_that_is_renamed_as_its_canary_is_deleted_leaves_nothing(world: World):
    await world.create_app()
    async with world.running_controller():
        await reach(world, "Failed")
        await world.patch(CANARY, "podinfo", {"spec": {"revertOnDeletion": True}})
        # Its pods never become ready: the deletion waits for them.
        await world.api.delete(CANARY, DEMO, "podinfo")
        await world.until_phase("Terminating")
        await world.patch(CANARY, "podinfo", {"spec": {"service": {"name": "shop"}}})
        await world.release(tag="3")
        await until(lambda: absent(world, CANARY, "podinfo"), "the Canary is gone")
        await until(lambda: absent(world, VIRTUAL_SERVICE, "podinfo", "shop"), "no route is left")
        target = await world.read(DEPLOYMENT, "podinfo")
        assert target is not None
        assert target["spec"]["replicas"] == 2
