"""Granting: Canaries in the line of a DeliveryPolicy, as replicas of the controller work on it."""

from typing import Any

from canary.api.kinds import Manifest
from canary.controller.policies import DELIVERY_POLICY
from canary.demo import manifests
from canary.demo.embedded import NAMESPACE
from tests.controller.faults import answer, proxied
from tests.controller.running import CANARY, DEMO, World, until
from tests.controller.test_policies import a_policy
from tests.controller.test_relations import BY_HAND, approve, created, until_waiting


async def limited(world: World, limit: int | None = 1, **spec: Any) -> None:
    """Have a limit before a controller starts: a run may begin before a later one is known."""
    policy = a_policy(DEMO, "limit", maxConcurrent=limit, **spec)
    await world.api.create(policy, DELIVERY_POLICY)


async def change(world: World, **spec: Any) -> None:
    await world.api.merge_patch(DELIVERY_POLICY, DEMO, "limit", {"spec": spec})


async def the_status(world: World) -> Manifest:
    policy = await world.api.read(DELIVERY_POLICY, DEMO, "limit")
    status: Manifest = policy.get("status") or {}
    return status


async def until_granted(world: World, *names: str, queued: int) -> None:
    async def there() -> bool:
        status = await the_status(world)
        running = {each["canary"] for each in status.get("running", [])}
        wanted = {f"{DEMO}/{name}" for name in names}
        return running == wanted and status.get("queued", 0) == queued

    await until(there, f"{names} have a place, and {queued} wait")


async def until_in_line(world: World, name: str, *, said: str) -> None:
    await until_waiting(world, name, "Queued", said=said)


async def test_a_run_in_line_starts_when_the_one_before_it_is_over_by_priority_and_then_by_age(
    world: World,
):
    await limited(world)
    async with world.running_controller():
        for name, priority in (("cart", 0), ("shop", 0), ("web", 5)):
            await created(world, name, analysis=BY_HAND, priority=priority)
        await world.release("cart")
        await world.until_phase("WaitingPromotion", name="cart")
        await world.release("shop")
        said = f"DeliveryPolicy {DEMO}/limit allows 1 run at once; next in line"
        await until_in_line(world, "shop", said=f"{said}; under way: {DEMO}/cart")
        shop = await world.status("shop")
        assert (shop["phase"], shop["canaryWeight"]) == ("Waiting", 0)
        await world.release("web")
        await until_in_line(world, "web", said="next in line")
        await until_in_line(world, "shop", said=f"next after {DEMO}/web")
        await until_granted(world, "cart", queued=2)
        await approve(world, "cart")
        await world.until_phase("WaitingPromotion", name="web")
        await until_in_line(world, "shop", said=f"next in line; under way: {DEMO}/web")
        await approve(world, "web")
        await world.until_phase("WaitingPromotion", name="shop")
        await approve(world, "shop")
        await world.until_phase("Succeeded", name="shop")
        await until_granted(world, queued=0)


async def test_whoever_leaves_the_line_or_is_deleted_makes_room_and_so_does_a_changed_policy(
    world: World,
):
    await limited(world)
    async with world.running_controller():
        for name in ("cart", "shop", "web", "api"):
            await created(world, name, analysis=BY_HAND)
        for name in ("cart", "shop", "web", "api"):
            await world.release(name)
            reached = "WaitingPromotion" if name == "cart" else "Waiting"
            await world.until_phase(reached, name=name)
        await until_granted(world, "cart", queued=3)
        await world.api.delete(CANARY, DEMO, "cart")
        await world.until_phase("WaitingPromotion", name="shop")
        await change(world, maxConcurrent=2)
        await world.until_phase("WaitingPromotion", name="web")
        # A run that is withdrawn leaves the line.
        await world.release("api", tag="1")
        await world.until_phase("Succeeded", name="api")
        await until_granted(world, "shop", "web", queued=0)
        await world.release("api", tag="3")
        await until_in_line(world, "api", said="allows 2 runs at once; next in line")
        await change(world, maxConcurrent=None)
        await world.until_phase("WaitingPromotion", name="api")
        await until_granted(world, queued=0)


async def test_a_policy_of_the_cluster_and_one_of_a_team_both_grant(world: World):
    await limited(world)
    await world.api.create(a_policy(name="all", maxConcurrent=1), DELIVERY_POLICY)
    async with world.running_controller():
        for name in ("cart", "shop"):
            await created(world, name, analysis=BY_HAND)
        await world.release("cart")
        await world.until_phase("WaitingPromotion", name="cart")
        await world.release("shop")
        await until_in_line(world, "shop", said=f"DeliveryPolicy {DEMO}/limit")
        await world.api.delete(DELIVERY_POLICY, DEMO, "limit")
        await until_in_line(world, "shop", said="DeliveryPolicy default/all")
        await approve(world, "cart")
        await world.until_phase("WaitingPromotion", name="shop")


async def test_a_run_under_a_limit_costs_two_writes_more_and_at_rest_nothing_is_asked(
    world: World,
):
    await limited(world)
    async with world.running_controller():
        await created(world, "cart")
        await world.release("cart")
        await world.until_phase("Succeeded", name="cart")
        await until_granted(world, queued=0)
        written = [each for each in world.requests() if each.resource == "deliverypolicies"]
        assert [each.verb for each in written if each.verb not in {"list", "watch"}] == [
            "patch",
            "patch",
        ]


async def test_a_status_that_cannot_be_written_is_said_to_those_who_wait(world: World):
    await limited(world)
    async with proxied(world.server.url) as proxy:
        refused = answer(403, {"message": "deliverypolicies/status is forbidden"})
        proxy.meet(r"PATCH /apis/tidegate\.dev/v1beta1/.*deliverypolicies", refused, always=True)
        async with world.running_controller(url=proxy.url):
            await created(world, "cart")
            await world.release("cart")
            await until_in_line(world, "cart", said="but its status cannot be written: ")
            proxy.relent()
            await world.until_phase("Succeeded", name="cart")


async def test_a_controller_for_some_namespaces_leaves_the_places_of_others_alone(world: World):
    await world.api.create(manifests.namespace("elsewhere"), NAMESPACE)
    held = {"canary": "elsewhere/shop", "uid": "theirs", "run": 4}
    await world.api.create(a_policy(name="all", maxConcurrent=1), DELIVERY_POLICY)
    status = {"status": {"running": [held], "queued": 0}}
    place = (DELIVERY_POLICY, "default", "all")
    await world.api.merge_patch(*place, status, subresource="status")
    async with world.running_controller(namespaces=(DEMO,)):
        await created(world, "cart")
        await world.release("cart")
        await until_in_line(world, "cart", said="next in line; under way: elsewhere/shop")
        await world.api.merge_patch(*place, {"status": {"running": []}}, subresource="status")
        await world.until_phase("Succeeded", name="cart")


async def test_a_run_that_a_person_expedites_leaves_the_line_and_still_counts(world: World):
    await limited(world)
    async with world.running_controller():
        for name in ("cart", "shop", "web"):
            await created(world, name, analysis=BY_HAND)
        await world.release("cart")
        await world.until_phase("WaitingPromotion", name="cart")
        await world.release("shop")
        await until_in_line(world, "shop", said="next in line")
        annotations = {"tidegate.dev/expedite": "@alice via cli at now: INC-4711"}
        await world.patch(CANARY, "shop", {"metadata": {"annotations": annotations}})
        shop = await world.until_phase("WaitingPromotion", name="shop")
        assert shop["run"]["expedited"] == "by alice: INC-4711"
        await until_granted(world, "cart", queued=0)
        await world.release("web")
        await until_in_line(world, "web", said="next in line")
        await approve(world, "cart")
        await world.until_phase("Succeeded", name="cart")
        await until_granted(world, queued=1)
        await until_in_line(world, "web", said=f"next in line; under way: {DEMO}/shop")
        await approve(world, "shop")
        await world.until_phase("WaitingPromotion", name="web")
