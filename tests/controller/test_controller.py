"""The whole controller in a small cluster: what it costs, how it begins and ends."""

import asyncio
from collections import Counter

import httpx
import pytest

from canary.api.kinds import CONFIG_MAP, DEPLOYMENT, POD
from canary.demo import manifests
from canary.demo.embedded import CRD
from canary.errors import CanaryError
from tests.controller.running import CANARY, DEMO, VIRTUAL_SERVICE, World, until
from tests.receiver import Answer, receiving

METRIC = {"name": "errors", "query": "errors", "thresholdRange": {"max": 1}}

REQUESTS_OF_A_RUN = {
    "patch canaries status podinfo": (
        "the start, before the target is scaled up",
        "20 %, before the route",
        "40 %, before the route",
        "60 %, before the route",
        "the promotion, before the primary is written",
        "the return of traffic, before the route, with the template that the primary was given",
        "the success, before the target is parked",
        "that the success was told, with the parked target",
    ),
    "patch deployments podinfo": ("scaled up", "parked"),
    "update deployments podinfo-primary": ("the analysed revision",),
    "update virtualservices podinfo": ("20 %", "40 %", "60 %", "the way back"),
    "create events": ("the start", "20 %", "40 %", "60 %", "the success"),
}
"""What a run of three steps and a metric asks of the API server, and why: a request more needs a reason."""


def sample(value: float) -> Answer:
    body = (
        '{"status":"success","data":{"resultType":"vector",'
        f'"result":[{{"metric":{{}},"value":[0,"{value}"]}}]}}}}'
    )
    return Answer(body=body.encode(), headers={"Content-Type": "application/json"})


async def ask(port: int, path: str) -> httpx.Response:
    async with httpx.AsyncClient() as client:
        return await client.get(f"http://127.0.0.1:{port}{path}")


class TestRun:
    async def test_goes_through_all_steps_and_promotes(self, world: World):
        await world.create_app()
        async with world.running_controller():
            await world.create_canary()
            await world.until_phase("Initialized")
            await world.release()
            status = await world.until_phase("Succeeded")
            assert status["history"][0]["outcome"] == "Promoted"
            primary = await world.read(DEPLOYMENT, "podinfo-primary")
            assert primary["spec"]["template"]["spec"]["containers"][0]["image"].endswith(":2")
            assert await world.weight() == 0

    async def test_rolls_back_in_the_analysis_that_reaches_the_threshold(self, world: World):
        async with receiving() as store, world.running_controller(metrics_server=store.url):
            store.answers(sample(5))
            await world.create_app()
            await world.create_canary(analysis={"metrics": [METRIC]})
            await world.until_phase("Initialized")
            await world.release()
            status = await world.until_phase("Failed")
            assert status["history"][0]["outcome"] == "RolledBack"

            async def returned() -> bool:
                # The route follows the status.
                return await world.weight() == 0

            await until(returned, "traffic is back on the primary")

    async def test_of_three_steps_and_a_metric_asks_20_times_and_each_has_its_reason(
        self, world: World
    ):
        async with receiving() as store, world.running_controller(metrics_server=store.url):
            store.answers(sample(0))
            await world.create_app()
            await world.create_canary(analysis={"stepWeights": [20, 40, 60], "metrics": [METRIC]})
            await world.until_phase("Initialized")
            await until(lambda: _settled(world), "the notices are told")
            mark, known = world.mark, len(store.requests)
            await world.release()
            await world.until_phase("Succeeded")
            await until(lambda: _settled(world), "the notices are told")
            await until(lambda: _parked(world), "the target is parked")
            asked = Counter(
                " ".join(filter(None, (each.verb, each.resource, each.subresource, each.name)))
                for each in world.requests(mark)
            )
            assert len(store.requests) - known == 3
            assert asked == {what: len(reasons) for what, reasons in REQUESTS_OF_A_RUN.items()}
            assert asked.total() <= 20

    async def test_is_rolled_back_at_once_where_pods_crash(self, world: World):
        await world.create_app()
        async with world.running_controller():
            await world.create_canary(analysis={"interval": "1h"})
            await world.until_phase("Initialized")
            await world.release(tag="crash-loop")
            status = await world.until_phase("Failed")
            assert status["history"][0]["reason"] == "CrashLoopBackOff"
            assert "exit code" in status["history"][0]["message"]

    async def test_follows_pods_in_a_run_that_began_after_a_restart(self, world: World):
        await world.create_app()
        async with world.running_controller():
            await world.create_canary(analysis={"interval": "1h"})
            await world.until_phase("Initialized")
        async with world.running_controller():
            await until(lambda: _watched(world, "deployments"), "the caches are filled")
            await world.release(tag="image-pull")
            status = await world.until_phase("Failed")
            assert status["history"][0]["reason"] == "ImagePullBackOff"

    async def test_restarts_where_a_tracked_config_changes(self, world: World):
        config = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "settings", "namespace": DEMO},
            "data": {"colour": "blue"},
        }
        await world.api.create(config, CONFIG_MAP)
        await world.create_app()
        source = {"envFrom": [{"configMapRef": {"name": "settings"}}]}
        template = manifests.pod_template("1")
        template["spec"]["containers"][0] |= source
        await world.patch(DEPLOYMENT, "podinfo", {"spec": {"template": template}})
        async with world.running_controller():
            await world.create_canary()
            await world.until_phase("Initialized")
            await world.patch(CONFIG_MAP, "settings", {"data": {"colour": "red"}})
            await world.until_phase("Succeeded")
            primary = await world.read(DEPLOYMENT, "podinfo-primary")
            source = primary["spec"]["template"]["spec"]["containers"][0]["envFrom"][0]
            copy = await world.read(CONFIG_MAP, source["configMapRef"]["name"])
            assert copy["metadata"]["name"].startswith("settings-podinfo-")
            assert copy["data"] == {"colour": "red"}


class TestSteadyState:
    async def test_of_a_hundred_canaries_costs_no_request_while_events_flow(self, world: World):
        names = [f"app-{number:03}" for number in range(100)]
        async with world.running_controller():
            for name in names:
                await world.create_app(name)
                await world.create_canary(name)
            for name in names:
                await world.until_phase("Initialized", name=name)
            await until(lambda: _settled(world, *names), "the notices are told")
            mark = world.mark
            # Pods of primaries come and go, as they do with every node that is drained.
            primaries = [
                pod["metadata"]["name"]
                for pod in await world.objects(POD)
                if "-primary-" in pod["metadata"]["name"]
            ]
            for name in primaries[::2]:
                await world.api.delete(POD, DEMO, name)
            await until(lambda: _pods(world, 200), "the pods are back")
            # What is left to be done for the last event is done in the same moment, if at all.
            await asyncio.sleep(0.5)
            assert [each for each in world.requests(mark) if each.verb != "watch"] == []

    async def test_has_a_route_that_was_edited_repaired_with_its_weights(self, world: World):
        await world.create_app()
        async with world.running_controller():
            await world.create_canary(analysis={"interval": "1h"})
            await world.until_phase("Initialized")
            await world.release()

            async def halfway() -> bool:
                return await world.weight() == 50

            await until(halfway, "the first step")
            route = await world.read(VIRTUAL_SERVICE, "podinfo")
            for each in route["spec"]["http"][0]["route"]:
                each["weight"] = 100 if each["destination"]["host"].endswith("-primary") else 0
            del route["metadata"]["resourceVersion"]
            await world.patch(VIRTUAL_SERVICE, "podinfo", {"spec": route["spec"]})
            await until(halfway, "the repair")


class TestStart:
    async def test_is_not_ready_before_canaries_are_known_and_then_is(self, world: World):
        async with world.running_controller() as controller:
            assert (await ask(controller.port, "/healthz")).status_code == 200
            await until(lambda: not controller.obstacles(), "ready")
            assert (await ask(controller.port, "/readyz")).text == "ok\n"

    async def test_waits_for_the_crd_and_serves_it_once_it_is_installed(self, world: World):
        crd = await world.api.read(CRD, "", "canaries.tidegate.dev")
        await world.api.delete(CRD, "", "canaries.tidegate.dev")
        async with world.running_controller() as controller:
            await until(
                lambda: "is not installed" in "".join(controller.obstacles()), "said to be absent"
            )
            del crd["metadata"]["resourceVersion"]
            await world.api.create(crd, CRD)
            await until(lambda: not controller.obstacles(), "ready")
            await world.create_app()
            await world.create_canary()
            await world.until_phase("Initialized")

    async def test_is_ready_without_the_crds_of_the_second_of_two_groups(self, world: World):
        groups = ("tidegate.dev", "flagger.app")
        async with world.running_controller(api_groups=groups) as controller:
            await until(lambda: not controller.obstacles(), "ready")

    async def test_fails_with_a_reason_and_leaves_nothing_behind(self, world: World):
        async with world.running_controller() as first:
            with pytest.raises(CanaryError, match="choose an address"):
                async with world.running_controller(listen=f"127.0.0.1:{first.port}"):
                    pass
            names = Counter(task.get_name() for task in asyncio.all_tasks())
            assert names["queue"] == 1

    async def test_resumes_a_run_at_the_weight_where_the_last_process_left_it(self, world: World):
        await world.create_app()
        async with world.running_controller():
            await world.create_canary(analysis={"stepWeights": [10, 20, 100], "interval": "2s"})
            await world.until_phase("Initialized")
            await world.release()

            async def second() -> bool:
                return (await world.status()).get("canaryWeight") == 20

            await until(second, "the second step")
        seen = []
        async with world.running_controller():

            async def ended() -> bool:
                status = await world.status()
                seen.append(status.get("canaryWeight"))
                return status.get("phase") == "Succeeded"

            await until(ended, "promoted")
        assert 10 not in seen

    async def test_forgets_the_series_of_a_canary_with_it(self, world: World):
        await world.create_app()
        async with receiving() as store:
            store.answers(sample(0))
            async with world.running_controller(metrics_server=store.url) as controller:
                await world.create_canary(analysis={"metrics": [METRIC]})
                await world.until_phase("Initialized")
                await world.release()
                await world.until_phase("Succeeded")
                page = (await ask(controller.port, "/metrics")).text
                assert (
                    'tidegate_canary_phase{namespace="demo",name="podinfo",phase="Succeeded"}'
                    in page
                )
                assert 'tidegate_query_duration_seconds_count{provider="prometheus"} 2.0' in page
                await world.api.delete(CANARY, DEMO, "podinfo")

                async def gone() -> bool:
                    text = (await ask(controller.port, "/metrics")).text
                    return 'name="podinfo"' not in text

                await until(gone, "the series are gone")
                assert await world.read(CANARY, "podinfo") is None


class TestStop:
    async def test_gives_the_lease_up_so_that_the_next_acts_at_once(self, world: World):
        async with world.running_controller() as first:
            await until(first.acts, "the first acts")
            async with world.running_controller() as second:
                assert not second.acts()
                await first.stop()
                assert not first.acts()
                await until(second.acts, "the second acts")

    async def test_ends_every_task(self, world: World):
        await world.create_app()
        async with world.running_controller():
            await world.create_canary()
            await world.until_phase("Initialized")
            assert _tasks_of_controller()
        assert _tasks_of_controller() == []

    async def test_is_healthy_only_while_its_work_goes_on(self, world: World):
        async with world.running_controller() as controller:
            next(task for task in controller._tasks if task.get_name() == "heartbeat").cancel()

            async def sick() -> bool:
                return (await ask(controller.port, "/healthz")).status_code == 503

            await until(sick, "unhealthy")


class TestFollowers:
    async def test_write_nothing_and_take_over_within_the_lease(self, world: World):
        await world.create_app()
        async with world.running_controller() as first:
            await until(first.acts, "the first acts")
            async with world.running_controller() as second:
                await world.create_canary()
                await world.until_phase("Initialized")
                assert not second.acts()
                page = (await ask(second.port, "/metrics")).text
                assert "tidegate_canary_phase{" not in page
                await first.stop()
                await until(second.acts, "the second acts")
                await world.release()
                await world.until_phase("Succeeded")


async def _parked(world: World) -> bool:
    target = await world.read(DEPLOYMENT, manifests.APP)
    return target is not None and target["spec"]["replicas"] == 0


async def _settled(world: World, *names: str) -> bool:
    statuses = [await world.status(name) for name in names or (manifests.APP,)]
    return not any(status.get("notices") for status in statuses)


async def _pods(world: World, number: int) -> bool:
    pods = [pod for pod in await world.objects(POD) if "-primary-" in pod["metadata"]["name"]]
    ready = [pod for pod in pods if _ready(pod)]
    return len(pods) == len(ready) == number


def _ready(pod: dict) -> bool:
    conditions = pod.get("status", {}).get("conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _watched(world: World, resource: str) -> bool:
    watches = [each for each in world.requests() if each.verb == "watch"]
    return len([each for each in watches if each.resource == resource]) > 1


def _tasks_of_controller() -> list[str]:
    codes = [(task.get_name(), task.get_coro().cr_code.co_filename) for task in asyncio.all_tasks()]
    return [name for name, file in codes if "/canary/controller/" in file]
