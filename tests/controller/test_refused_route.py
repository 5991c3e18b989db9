"""A route that the gateway's controller refuses, as the controller of Canaries sees it."""

from typing import Any

from canary.api.kinds import Kind
from tests.controller.running import CANARY, World, until

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
