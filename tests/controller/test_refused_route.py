"""A route that the gateway's controller refuses, as the controller of Canaries sees it."""

from typing import Any

from canary.api.kinds import DEPLOYMENT, Kind
from tests.controller.running import CANARY, VIRTUAL_SERVICE, World, until

HTTP_ROUTE = Kind(
    group="gateway.networking.k8s.io", versions=("v1",), kind="HTTPRoute", plural="httproutes"
)
GATEWAY = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "public"}
BY_HAND = {"type": "confirm-traffic-increase", "name": "by-hand"}


async def say(world: World, accepted: str) -> None:
    """Say of the route what a gateway's controller says."""
    route = await world.read(HTTP_ROUTE, "podinfo")
    assert route is not None
    condition = {
        "type": "Accepted",
        "status": accepted,
        "reason": "Accepted" if accepted == "True" else "NotAllowedByListeners",
        "message": "the listener takes routes of its own namespace only",
        "observedGeneration": route["metadata"]["generation"],
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    parent = {
        "parentRef": GATEWAY,
        "controllerName": "example.com/gateway",
        "conditions": [condition],
    }
    patch = {"status": {"parents": [parent]}}
    await world.patch(HTTP_ROUTE, "podinfo", patch, subresource="status")


async def until_waiting(world: World, reason: str) -> dict[str, Any]:
    found: dict[str, Any] = {}

    async def there() -> bool:
        nonlocal found
        found = dict(await world.status())
        return (found.get("waitingFor") or {}).get("reason") == reason

    await until(there, f"waiting for {reason}")
    return found


async def test_holds_the_weight_until_it_is_taken(world: World):
    await world.create_app()
    async with world.running_controller():
        # A route of which nobody says anything holds nothing up.
        await world.create_canary(
            provider="gatewayapi",
            service={"port": 80, "targetPort": 9898, "gatewayRefs": [GATEWAY]},
            analysis={"webhooks": [BY_HAND]},
        )
        await world.until_phase("Initialized")
        await world.release()
        await until_waiting(world, "TrafficGate")

        await say(world, "False")
        held = await until_waiting(world, "RouteRefused")
        assert "NotAllowedByListeners: the listener takes" in held["waitingFor"]["message"]
        assert "NotAllowedByListeners" in await world.until_condition("Stalled", "True")
        annotations = {"tidegate.dev/approve": "alice"}
        await world.patch(CANARY, "podinfo", {"metadata": {"annotations": annotations}})

        async def approved() -> bool:
            canary = await world.read(CANARY, "podinfo")
            return canary is not None and not canary["metadata"].get("annotations")

        await until(approved, "the approval is recorded")
        status = await world.status()
        assert (status["canaryWeight"], status["waitingFor"]["reason"]) == (0, "RouteRefused")

        await say(world, "True")

        async def moved() -> bool:
            return (await world.status())["canaryWeight"] == 50

        await until(moved, "the step that was approved is taken")


async def test_neither_judges_a_step_nor_parks_the_target_before_the_route_is_taken(world: World):
    await world.create_app()
    async with world.running_controller():
        await world.create_canary(
            provider="gatewayapi",
            service={"port": 80, "targetPort": 9898, "gatewayRefs": [GATEWAY]},
            analysis={"webhooks": [BY_HAND]},
        )
        await world.until_phase("Initialized")
        # Given a gateway's controller that speaks of the route
        await say(world, "True")
        await world.release()
        await until_waiting(world, "TrafficGate")
        # When a step is taken, and the controller has not seen that yet
        approval = {"metadata": {"annotations": {"tidegate.dev/approve": "alice"}}}
        await world.patch(CANARY, "podinfo", approval)
        late = await until_waiting(world, "Routing")
        # Then the step is not judged before it has
        assert late["canaryWeight"] == 50
        assert "its controller has not taken it yet" in late["waitingFor"]["message"]
        await say(world, "True")
        await until_waiting(world, "TrafficGate")
        # When the run ends, then the canary keeps its pods until the way back is taken
        abort = {"metadata": {"annotations": {"tidegate.dev/abort": "alice"}}}
        await world.patch(CANARY, "podinfo", abort)
        await world.until_phase("Failed")

        async def routed_back() -> bool:
            route = await world.read(HTTP_ROUTE, "podinfo")
            assert route is not None
            weights = {
                each["name"]: each["weight"]
                for rule in route["spec"]["rules"]
                for each in rule["backendRefs"]
            }
            return weights.get("podinfo-canary", 0) == 0

        await until(routed_back, "the route leads back")
        target = await world.read(DEPLOYMENT, "podinfo")
        assert target is not None
        assert target["spec"]["replicas"] > 0
        await say(world, "True")

        async def parked() -> bool:
            target = await world.read(DEPLOYMENT, "podinfo")
            return target is not None and target["spec"]["replicas"] == 0

        await until(parked, "the target is parked")


async def test_a_route_without_room_for_what_it_was_is_left_as_it_is(world: World):
    """Annotations have 256 KiB in all; what an object was before it is taken over is one of them."""
    destination = {"destination": {"host": "podinfo"}}
    before = await world.api.create(
        {
            "apiVersion": "networking.istio.io/v1",
            "kind": "VirtualService",
            "metadata": {
                "name": "podinfo",
                "namespace": world.namespace,
                "annotations": {"note": "x" * 100_000},
            },
            "spec": {
                "hosts": ["podinfo"],
                "http": [{"name": "n" * 200_000, "route": [destination]}],
            },
        },
        VIRTUAL_SERVICE,
    )
    await world.create_app()
    async with world.running_controller():
        await world.create_canary(progressDeadlineSeconds=1)
        status = await until_waiting(world, "RoutingBlocked")
        assert "metadata.annotations: Too long" in status["waitingFor"]["message"]
        # The target serves as it did.
        assert await world.read(VIRTUAL_SERVICE, "podinfo") == before
        target = await world.read(DEPLOYMENT, "podinfo") or {}
        assert target["spec"]["replicas"] == 2
