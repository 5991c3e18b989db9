"""Routes in another cluster: they are there and nothing else is, and nobody else's is written."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from canary.api.annotations import ORIGINAL, OWNER
from canary.api.kinds import DEPLOYMENT, NAMESPACE, Manifest
from canary.cluster.connection import NotLeader
from canary.demo import manifests
from canary.errors import Contested
from canary.routers import router_for
from tests.cli.running import tidegate
from tests.controller.elsewhere import SYSTEM, RoutesCluster, routes_cluster
from tests.controller.faults import lose_answer
from tests.controller.running import CANARY, DEMO, USER_AGENT, VIRTUAL_SERVICE, World, until

APP = manifests.APP
(_, DESTINATION_RULE) = router_for("istio").kinds
HOUR = {"interval": "1h"}
SIDES = ("canary", "primary")
ROUTING = "networking.istio.io"
OTHERS = "us-1/9f8e/test/podinfo/u7"


@pytest.fixture
async def routes(world: World) -> AsyncIterator[RoutesCluster]:
    async with routes_cluster(world) as routes:
        yield routes


async def mark_of(world: World, uid: str) -> str:
    system = await world.api.read(NAMESPACE, "", SYSTEM)
    return f"eu-1/{system['metadata']['uid']}/{DEMO}/{APP}/{uid}"


def a_route(**annotations: str) -> Manifest:
    """A route of the user's, to the apex Service."""
    return {
        "apiVersion": f"{ROUTING}/v1",
        "kind": "VirtualService",
        "metadata": {"name": APP, "namespace": DEMO, "annotations": annotations},
        "spec": {
            "hosts": [APP],
            "http": [{"name": "all", "route": [{"destination": {"host": APP}}], "timeout": "3s"}],
        },
    }


async def until_weight(routes: RoutesCluster, weight: int) -> None:
    async def there() -> bool:
        return await routes.weight(VIRTUAL_SERVICE) == weight

    await until(there, f"a weight of {weight}")


async def until_waiting(world: World, reason: str) -> str:
    async def waiting() -> str:
        wait = (await world.status()).get("waitingFor") or {}
        return str(wait.get("message")) if wait.get("reason") == reason else ""

    return str(await until(waiting, f"waiting for {reason}"))


async def replicas(world: World) -> dict[str, Any]:
    return {
        each["metadata"]["name"]: each["spec"].get("replicas")
        for each in await world.objects(DEPLOYMENT)
    }


async def test_a_release_is_routed_there_and_runs_here_and_all_is_given_back(
    world: World, routes: RoutesCluster
):
    await world.create_app()
    async with routes.running_controller(world):
        created = await world.create_canary()
        await world.until_phase("Initialized")
        mark = await mark_of(world, created["metadata"]["uid"])
        for kind, name in (
            (VIRTUAL_SERVICE, APP),
            (DESTINATION_RULE, f"{APP}-canary"),
            (DESTINATION_RULE, f"{APP}-primary"),
        ):
            made = await routes.read(kind, name)
            assert made["metadata"]["annotations"][OWNER] == mark
            assert "ownerReferences" not in made["metadata"]
        await world.release()
        await world.until_phase("Succeeded")
        assert await routes.weight(VIRTUAL_SERVICE) == 0
        await world.api.delete(CANARY, DEMO, APP)
        await until(lambda: gone(world), "gone")
        assert await routes.read(VIRTUAL_SERVICE) is None
        # There is nothing there that would collect them.
        assert [await routes.read(DESTINATION_RULE, f"{APP}-{side}") for side in SIDES] == [
            None
        ] * 2
    asked = {(each.resource, each.verb) for each in world.requests()}
    assert not {each for each in asked if each[0] in {"virtualservices", "destinationrules"}}
    there = {each.resource for each in routes.server.audit if each.user_agent == USER_AGENT}
    # Beside them discovery, which has no resource.
    assert {each for each in there if "/" not in each} == {"virtualservices", "destinationrules"}


async def test_a_route_whose_canary_is_gone_is_listed_and_released(
    world: World, routes: RoutesCluster
):
    """The Canaries have lost their finalizer with the cluster, or by a person's hand."""
    before = await routes.api.create(a_route(team="shop"), VIRTUAL_SERVICE)
    await world.create_app()
    async with routes.running_controller(world):
        await world.create_canary()
        await world.until_phase("Initialized")
    command = (
        *("orphans", "--kubeconfig", str(world.kubeconfig)),
        *("--routes-kubeconfig", str(routes.kubeconfig)),
    )
    code, output = await tidegate(*command)
    assert (code, output.splitlines()[-1]) == (0, "No route is left of a Canary that is gone.")
    await world.patch(CANARY, APP, {"metadata": {"finalizers": []}})
    await world.api.delete(CANARY, DEMO, APP)
    code, output = await tidegate(*command)
    gone_is = f"Canary {DEMO}/{APP}, which is gone"
    assert f"VirtualService {DEMO}/{APP} was taken over by {gone_is}" in output
    assert f"DestinationRule {DEMO}/{APP}-primary was made for {gone_is}" in output
    assert await routes.read(DESTINATION_RULE, f"{APP}-primary") is not None

    code, output = await tidegate(*command, "--remove")
    assert code == 0, output
    assert await routes.read(DESTINATION_RULE, f"{APP}-primary") is None
    after = await routes.read(VIRTUAL_SERVICE)
    assert after["spec"] == before["spec"]
    assert after["metadata"]["annotations"] == {"team": "shop"}
    code, output = await tidegate("orphans", "--remove", "--kubeconfig", str(world.kubeconfig))
    assert (code, "need --routes-kubeconfig" in output) == (2, True)


async def gone(world: World) -> bool:
    return await world.read(CANARY, APP) is None


async def test_a_route_of_its_user_is_marked_while_it_is_taken_over_and_then_as_it_was(
    world: World, routes: RoutesCluster
):
    before = await routes.api.create(a_route(team="shop"), VIRTUAL_SERVICE)
    await world.create_app()
    async with routes.running_controller(world):
        created = await world.create_canary()
        await world.until_phase("Initialized")
        taken = await routes.read(VIRTUAL_SERVICE)
        annotations = taken["metadata"]["annotations"]
        assert annotations[OWNER] == await mark_of(world, created["metadata"]["uid"])
        assert ORIGINAL in annotations
        await world.api.delete(CANARY, DEMO, APP)
        await until(lambda: gone(world), "gone")
    after = await routes.read(VIRTUAL_SERVICE)
    assert after["spec"] == before["spec"]
    assert after["metadata"]["annotations"] == {"team": "shop"}


async def test_another_owners_route_is_never_written_and_its_owner_is_named(
    world: World, routes: RoutesCluster
):
    before = await routes.api.create(a_route(**{OWNER: OTHERS}), VIRTUAL_SERVICE)
    await world.create_app()
    async with routes.running_controller(world):
        await world.create_canary()
        message = await until_waiting(world, "RouteContested")
        assert (
            f"VirtualService {DEMO}/{APP} belongs to Canary test/podinfo of cluster us-1" in message
        )
        assert await world.read(DEPLOYMENT, f"{APP}-primary") is None
        assert await routes.read(VIRTUAL_SERVICE) == before

        await routes.api.merge_patch(
            VIRTUAL_SERVICE, DEMO, APP, {"metadata": {"annotations": {OWNER: None}}}
        )
        await world.until_phase("Initialized")

        # The mark is lost to another in the middle of a run: nothing is written over it.
        await routes.api.merge_patch(
            VIRTUAL_SERVICE, DEMO, APP, {"metadata": {"annotations": {OWNER: OTHERS}}}
        )
        stolen = await routes.read(VIRTUAL_SERVICE)
        await world.release()
        await until_waiting(world, "RouteContested")
        sides = await replicas(world)
        await world.api.delete(CANARY, DEMO, APP)
        await until(lambda: gone(world), "gone")
        assert sides[APP] == 0
    assert await routes.read(VIRTUAL_SERVICE) == stolen


async def test_while_that_cluster_is_away_nothing_moves_and_nothing_is_scaled(
    world: World, routes: RoutesCluster
):
    await world.create_app()
    async with routes.running_controller(world):
        await world.create_canary(analysis=HOUR, progressDeadlineSeconds=2)
        await world.until_phase("Initialized")
        await world.release()
        await until_weight(routes, 50)
        before, sides = await routes.read(VIRTUAL_SERVICE), await replicas(world)

        routes.proxy.down = True
        routes.proxy.cut()
        await until_waiting(world, "Routing")
        # Rolled back by hand: the sides stay, and it is asked for until it can be routed.
        await world.patch(CANARY, APP, {"metadata": {"annotations": {"tidegate.dev/abort": "now"}}})
        assert "waiting for the cluster of the routes" in await until_waiting(
            world, "RoutingBlocked"
        )
        assert await replicas(world) == sides
        assert await routes.read(VIRTUAL_SERVICE) == before
        status = await world.status()
        assert (status["phase"], status["canaryWeight"]) == ("Progressing", 50)

        routes.proxy.relent()
        await world.until_phase("Failed")
        await until_weight(routes, 0)
        await until(lambda: parked(world), "the target is scaled down")

        # A deletion waits until the route can be given back.
        routes.proxy.down = True
        routes.proxy.cut()
        await world.api.delete(CANARY, DEMO, APP)
        await until_waiting(world, "Routing")
        assert await routes.read(VIRTUAL_SERVICE) is not None
        routes.proxy.relent()
        await until(lambda: gone(world), "gone")
        assert await routes.read(VIRTUAL_SERVICE) is None


async def parked(world: World) -> bool:
    return (await replicas(world))[APP] == 0


async def test_a_write_without_an_answer_is_doubted_until_the_route_is_read(
    world: World, routes: RoutesCluster
):
    """The weight has risen there, and nothing here shows it: the canary must not lose its pods."""
    await world.create_app()
    async with routes.running_controller(world):
        await world.create_canary(analysis=HOUR)
        await world.until_phase("Initialized")
        routes.proxy.meet(r"PUT .*/virtualservices/", cut_off_after(routes))
        await world.release()
        await until_waiting(world, "Routing")
        assert await routes.weight(VIRTUAL_SERVICE) == 50
        await world.patch(CANARY, APP, {"metadata": {"annotations": {"tidegate.dev/abort": "now"}}})
        mark = world.mark
        routes.proxy.relent()
        await world.until_phase("Failed")
        await until(lambda: parked(world), "the target is scaled down")
        assert await routes.weight(VIRTUAL_SERVICE) == 0
    scaled = [each for each in world.requests(mark) if each.resource == "deployments"]
    assert scaled


def cut_off_after(routes: RoutesCluster):
    async def fault(proxy, request):
        answer = await lose_answer(proxy, request)
        proxy.down = True
        proxy.cut()
        return answer

    return fault


async def test_who_may_not_write_here_may_not_write_there(world: World, routes: RoutesCluster):
    split = {
        "kubeconfig": str(routes.kubeconfig),
        "context": None,
        "name": "eu-1",
        "resources": frozenset({VIRTUAL_SERVICE.resource}),
    }
    async with world.connect(world.kubeconfig) as cluster:
        cluster.guard(lambda: False)
        async with cluster.split(**split):
            with pytest.raises(NotLeader):
                await cluster.create(a_route(), VIRTUAL_SERVICE)
        async with cluster.split(**split):
            # Neither of them is an address that a resource may lead to.
            assert cluster.servers == (world.server.url, routes.proxy.url)
            cluster.guard(lambda: False)
            with pytest.raises(NotLeader):
                await cluster.create(a_route(), VIRTUAL_SERVICE)
            cluster.guard(lambda: True)
            await cluster.create(a_route(), VIRTUAL_SERVICE)
            await routes.api.merge_patch(
                VIRTUAL_SERVICE, DEMO, APP, {"metadata": {"annotations": {OWNER: OTHERS}}}
            )
            with pytest.raises(Contested):
                await cluster.delete(VIRTUAL_SERVICE, DEMO, APP)
            with pytest.raises(ValueError, match="is written whole"):
                await cluster.merge_patch(VIRTUAL_SERVICE, DEMO, APP, {})
    assert (await routes.read(VIRTUAL_SERVICE))["metadata"]["annotations"] == {OWNER: OTHERS}
