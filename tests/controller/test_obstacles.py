"""What can't be known is said of the Canaries that need it, and nothing is decided on it."""

import pytest

from canary.api.kinds import DEPLOYMENT, SERVICE
from canary.controller.canaries import FINALIZER
from canary.demo import manifests
from canary.demo.embedded import CRD, NAMESPACE
from canary.errors import NotFound
from tests.cli.running import tidegate
from tests.controller.faults import answer, proxied
from tests.controller.running import CANARY, DEMO, VIRTUAL_SERVICE, World, until

FORBIDDEN = answer(403, {"message": "deployments.apps is forbidden"})


async def test_a_kind_that_may_not_be_listed_stalls_those_who_need_it_and_no_others(world: World):
    async with proxied(world.server.url) as proxy:
        proxy.meet(r"GET /apis/gateway\.networking\.k8s\.io/v1/httproutes", FORBIDDEN, always=True)
        async with world.running_controller(url=proxy.url) as controller:
            await world.create_app("one")
            await world.create_app("two")
            gateways = [{"group": "", "kind": "Service", "name": "one", "port": 80}]
            await world.create_canary(
                "one",
                provider="gatewayapi",
                service={"port": 80, "targetPort": 9898, "gatewayRefs": gateways},
            )
            await world.create_canary("two")
            message = await world.until_condition("Stalled", "True", name="one")
            assert "403" in message
            assert "httproutes" in message
            await world.until_phase("Initialized", name="two")
            assert (await world.status("one")).get("phase", "") == ""
            assert await world.read(DEPLOYMENT, "one-primary") is None
            assert controller.obstacles() == []

            proxy.relent()
            status = await world.until_phase("Initialized", name="one")
            stalled = next(each for each in status["conditions"] if each["type"] == "Stalled")
            assert stalled["status"] == "False"


async def run_halfway(world: World) -> None:
    """Have a run at its first step, whose next look is far away."""
    await world.create_app()
    async with world.running_controller():
        await world.create_canary(analysis={"interval": "1h"})
        await world.until_phase("Initialized")
        await world.release()

        async def halfway() -> bool:
            return await world.weight() == 50

        await until(halfway, "the first step")


async def test_workloads_that_may_not_be_read_hold_a_run_where_it_is(world: World):
    await run_halfway(world)
    before = await world.status()
    async with proxied(world.server.url) as proxy:
        proxy.meet(r"GET /apis/apps/v1/deployments", FORBIDDEN, always=True)
        async with world.running_controller(url=proxy.url):
            assert "403" in await world.until_condition("Stalled", "True")
            after = await world.status()
            same = ("phase", "canaryWeight", "lastTransitionTime")
            assert [after.get(name) for name in same] == [before.get(name) for name in same]
            assert after["waitingFor"]["reason"] == "Obstacle"
            assert await world.weight() == 50

            proxy.relent()
            await world.until_condition("Stalled", "False")
            resumed = await world.status()
            assert resumed["waitingFor"]["reason"] == "AnalysisDue"
            assert resumed["run"]["id"] == before["run"]["id"]


@pytest.mark.parametrize("restarted", [True, False])
async def test_workloads_that_may_not_be_read_have_a_run_rolled_back_at_the_deadline(
    world: World, restarted: bool
):
    await run_halfway(world)
    async with proxied(world.server.url) as proxy:
        if restarted:
            proxy.meet(r"GET /apis/apps/v1/deployments", FORBIDDEN, always=True)
        async with world.running_controller(url=proxy.url):
            await world.until_condition("Stalled", "True" if restarted else "False")
            if not restarted:
                proxy.meet(r"GET /apis/apps/v1/deployments", FORBIDDEN, always=True)
                proxy.cut()
            await world.until_condition("Stalled", "True")
            await world.patch(CANARY, "podinfo", {"spec": {"progressDeadlineSeconds": 1}})
            status = await world.until_phase("Failed")
            ended = status["history"][0]
            assert (ended["outcome"], ended["reason"]) == ("RolledBack", "Obstacle")
            assert "403" in ended["message"]

            async def back() -> bool:
                return await world.weight() == 0

            await until(back, "traffic is back on the primary")


async def test_a_short_failure_is_said_of_nobody(world: World):
    await world.create_app()
    async with proxied(world.server.url) as proxy:
        proxy.meet(r"GET /apis/apps/v1/deployments", answer(500), answer(500))
        async with world.running_controller(url=proxy.url):
            await world.create_canary()
            stalled = set()

            async def initialized() -> bool:
                status = await world.status()
                conditions = status.get("conditions") or ()
                stalled.update(each["status"] for each in conditions if each["type"] == "Stalled")
                return status.get("phase") == "Initialized"

            await until(initialized, "initialised")
            assert len(proxy.asked("GET /apis/apps/v1/deployments")) > 2
            assert stalled == {"False"}


async def test_the_missing_crd_of_a_router_is_named_and_awaited(world: World):
    name = "virtualservices.networking.istio.io"
    crd = await world.api.read(CRD, "", name)
    await world.api.delete(CRD, "", name)
    await world.create_app()
    async with world.running_controller():
        await world.create_canary()

        async def said() -> bool:
            wait = (await world.status()).get("waitingFor") or {}
            return f"{name} is not installed in the cluster" in wait.get("message", "")

        await until(said, "said what is missing")
        # A mesh of which only an earlier release's routes are there is told how to get on.
        await world.create_app("old")
        await world.create_canary("old", provider="kuma")

        async def told() -> bool:
            wait = (await world.status("old")).get("waitingFor") or {}
            missing = "meshhttproutes.kuma.io is not installed in the cluster: upgrade Kuma to 2.3"
            return missing in wait.get("message", "")

        await until(told, "said which release of Kuma is needed")
        assert not [each for each in world.requests() if each.resource == "virtualservices"]
        del crd["metadata"]["resourceVersion"]
        await world.api.create(crd, CRD)
        await world.until_phase("Initialized")


async def test_a_write_that_is_refused_is_said_and_tried_again(world: World):
    await world.create_app()
    async with proxied(world.server.url) as proxy:
        proxy.meet(
            r"POST .*/services\?", answer(422, {"message": "no more addresses"}),
            always=True,
        )  # fmt: skip
        async with world.running_controller(url=proxy.url):
            await world.create_canary()

            async def said() -> bool:
                wait = (await world.status()).get("waitingFor") or {}
                return "no more addresses" in wait.get("message", "")

            await until(said, "said what is refused")
            proxy.relent()
            await world.until_phase("Initialized")


class TestDeletion:
    async def test_of_an_invalid_canary_gives_everything_back(self, world: World):
        await world.create_app()
        async with world.running_controller():
            await world.create_canary()
            await world.until_phase("Initialized")
            await world.patch(CANARY, "podinfo", {"spec": {"provider": "sundial"}})
            await world.until_condition("Invalid", "True")
            await world.api.delete(CANARY, DEMO, "podinfo")

            async def gone() -> bool:
                return await world.read(CANARY, "podinfo") is None

            await until(gone, "the Canary has gone")
            target = await world.read(DEPLOYMENT, "podinfo")
            assert target["spec"]["replicas"] == 2
            service = await world.read(SERVICE, "podinfo")
            assert service["spec"]["selector"] == {"app": "podinfo"}

    async def test_of_a_canary_whose_target_never_had_a_label_to_select_by(self, world: World):
        app = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "podinfo", "namespace": DEMO},
            "spec": {
                "selector": {"matchLabels": {"colour": "blue"}},
                "template": {
                    "metadata": {"labels": {"colour": "blue"}},
                    "spec": {"containers": [{"name": "a", "image": "a:1"}]},
                },
            },
        }
        await world.api.create(app, DEPLOYMENT)
        async with world.running_controller():
            await world.create_canary(revertOnDeletion=True)

            async def said() -> bool:
                wait = (await world.status()).get("waitingFor") or {}
                return "spec.selector.matchLabels" in wait.get("message", "")

            await until(said, "said what is wrong")
            await world.api.delete(CANARY, DEMO, "podinfo")

            async def gone() -> bool:
                return await world.read(CANARY, "podinfo") is None

            await until(gone, "the Canary has gone")

    async def test_without_the_role_that_went_with_the_namespace_holds_up_no_other(
        self, world: World
    ):
        await world.api.create(manifests.namespace("shop"), NAMESPACE)
        async with proxied(world.server.url) as proxy:
            async with world.running_controller(url=proxy.url, namespaces=(DEMO, "shop")):
                for namespace in ("shop", DEMO):
                    world.namespace = namespace
                    await world.create_app()
                    await world.create_canary()
                    await world.until_phase("Initialized")
                proxy.meet("/namespaces/shop/", FORBIDDEN, always=True)
                proxy.cut()
                await world.api.delete(CANARY, "shop", "podinfo")
                await world.release()
                await world.until_phase("Succeeded")
            # What it asks for in vain, it asks for less and less often.
            assert len(proxy.asked("PATCH .*/namespaces/shop/canaries")) < 50
        left = await world.api.read(CANARY, "shop", "podinfo")
        assert left["metadata"]["finalizers"] == [FINALIZER]
        release = ("orphans", "--release", "--force", "-n", "shop")
        code, output = await tidegate(*release, "--kubeconfig", str(world.kubeconfig))
        assert (code, output.splitlines()[-1]) == (0, "shop/podinfo is released")
        with pytest.raises(NotFound):
            await world.api.read(CANARY, "shop", "podinfo")

    async def test_restores_the_routes_that_were_there_before(self, world: World):
        await world.create_app()
        found = {
            "apiVersion": "networking.istio.io/v1",
            "kind": "VirtualService",
            "metadata": {"name": "podinfo", "namespace": DEMO},
            "spec": {
                "hosts": ["podinfo"],
                "http": [{"route": [{"destination": {"host": "podinfo"}}]}],
            },
        }
        await world.api.create(found, VIRTUAL_SERVICE)
        async with world.running_controller():
            await world.create_canary(revertOnDeletion=True)
            await world.until_phase("Initialized")
            taken = await world.read(VIRTUAL_SERVICE, "podinfo")
            assert taken["spec"] != found["spec"]
            await world.api.delete(CANARY, DEMO, "podinfo")

            async def gone() -> bool:
                return await world.read(CANARY, "podinfo") is None

            await until(gone, "the Canary has gone")
            restored = await world.read(VIRTUAL_SERVICE, "podinfo")
            assert restored["spec"] == found["spec"]


@pytest.mark.parametrize("status", [500, 503])
async def test_a_server_that_is_started_anew_is_no_obstacle(world: World, status: int):
    await world.create_app()
    async with proxied(world.server.url) as proxy, world.running_controller(url=proxy.url):
        await world.create_canary()
        await world.until_phase("Initialized")
        proxy.meet(r"watch=true", answer(status), always=True)
        proxy.cut()
        await until(lambda: len(proxy.asked("watch=true")) > 12, "watches fail")
        proxy.relent()
        await world.release()
        await world.until_phase("Succeeded")
        assert not await world.events("Obstacle")
