"""The controllers of the embedded world: Deployments, pods, endpoints, owners, autoscalers."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tidegate_embedded.apiserver import EmbeddedApiServer
from tidegate_embedded.apiserver.lifecycle import DeleteOptions
from tidegate_embedded.apiserver.values import Object, copied
from tidegate_embedded.controllers import (
    ContainerReport,
    Controllers,
    InstantRuntime,
    PodReport,
    PodRuntime,
    Report,
)
from tidegate_embedded.controllers.rollout import (
    Part,
    Replicas,
    bounds,
    in_proportion,
    new_replicas,
    old_replicas,
)

NAMESPACE = "default"
DEADLINE_SECONDS = 180.0


class Clock:
    """A clock that tests can set forward."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class World:
    """The API server with its controllers, without HTTP."""

    def __init__(self, server: EmbeddedApiServer, clock: Clock) -> None:
        self.server = server
        self.clock = clock

    def resource(self, plural: str) -> Any:
        return next(item for item in self.server.registry if item.plural == plural)

    def create(self, plural: str, item: Object) -> Object:
        return self.server.objects.create(self.resource(plural), NAMESPACE, item).stored.object

    def read(self, plural: str, name: str) -> Object | None:
        stored = self.server.objects.find(self.resource(plural), NAMESPACE, name)
        return stored.object if stored else None

    def all(self, plural: str) -> list[Object]:
        history = self.server.storage.history(self.resource(plural).storage_key)
        return [stored.object for stored in history.objects.values()]

    def change(self, plural: str, name: str, changes: Object) -> Object:
        return self.server.objects.patch(
            self.resource(plural), NAMESPACE, name, "merge", changes
        ).stored.object

    def delete(self, plural: str, name: str, **options: Any) -> None:
        self.server.objects.delete(self.resource(plural), NAMESPACE, name, DeleteOptions(**options))

    async def until(self, holds: Callable[[], Any], what: str) -> Any:
        """Look again after every change until something holds."""
        changed = asyncio.Event()
        unsubscribe = self.server.storage.subscribe(lambda *_: changed.set())
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                while not (result := holds()):
                    await changed.wait()
                    changed.clear()
        except TimeoutError:
            pytest.fail(f"did not happen in {DEADLINE_SECONDS:.0f} s: {what}")
        finally:
            unsubscribe()
        return result

    def status(self, name: str = "web") -> Object:
        deployment = self.read("deployments", name)
        assert deployment is not None
        return deployment.get("status") or {}

    def condition(self, kind: str, name: str = "web") -> Object:
        for condition in self.status(name).get("conditions", []):
            if condition["type"] == kind:
                return condition
        return {}

    async def rolled_out(self, name: str = "web") -> Object:
        """Wait until a Deployment is complete by the rules of `kubectl rollout status`."""

        def complete() -> Object | None:
            deployment = self.read("deployments", name)
            assert deployment is not None
            status, wanted = deployment.get("status") or {}, deployment["spec"]["replicas"]
            done = (
                status.get("observedGeneration") == deployment["metadata"]["generation"]
                and status.get("updatedReplicas", 0) == wanted
                and status.get("replicas", 0) == wanted
                and status.get("availableReplicas", 0) == wanted
            )
            return deployment if done else None

        return await self.until(complete, "the rollout is complete")


@asynccontextmanager
async def world(runtime: PodRuntime | None = None, **options: Any) -> AsyncIterator[World]:
    clock = Clock()
    server = EmbeddedApiServer(clock=clock)
    async with Controllers(server, runtime, **options):
        yield World(server, clock)


def deployment(image: str = "app:1", replicas: int = 2, **spec: Any) -> Object:
    return {
        "metadata": {"name": "web", "labels": {"app": "web"}},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {
                    "containers": [
                        {
                            "name": "app",
                            "image": image,
                            "ports": [{"name": "http", "containerPort": 8080}],
                        }
                    ]
                },
            },
            **spec,
        },
    }


def image(text: str) -> Object:
    """Return a merge patch that sets the image."""
    template = deployment(text)["spec"]["template"]
    return {"spec": {"template": template}}


class ManualRuntime:
    """Pods become ready when the test says so."""

    def __init__(self) -> None:
        self.reports: dict[str, tuple[Object, Report]] = {}
        self.stopped: list[str] = []
        self.may_stop = asyncio.Event()
        self.may_stop.set()

    async def start(self, pod: Object, report: Report) -> None:
        self.reports[pod["metadata"]["name"]] = (pod, report)
        self.report(pod["metadata"]["name"], ready=False)

    async def stop(self, pod: Object) -> None:
        await self.may_stop.wait()
        self.stopped.append(pod["metadata"]["name"])
        self.reports.pop(pod["metadata"]["name"], None)

    def report(self, name: str, *, ready: bool) -> None:
        _, report = self.reports[name]
        containers = (ContainerReport(name="app", ready=ready),)
        ip = f"10.244.9.{list(self.reports).index(name) + 1}"
        report(PodReport(phase="Running", ip=ip, containers=containers))

    def ready_images(self, text: str) -> None:
        for name, (pod, _) in list(self.reports.items()):
            if pod["spec"]["containers"][0]["image"] == text:
                self.report(name, ready=True)


class TestRolloutArithmetic:
    @pytest.mark.parametrize(
        ("surge", "unavailable", "total", "expected"),
        [
            ("25%", "25%", 4, (1, 1)),
            ("25%", "25%", 1, (1, 0)),
            ("25%", "25%", 10, (3, 2)),
            (0, "10%", 3, (0, 1)),
            (2, 0, 3, (2, 0)),
            (1, 5, 3, (1, 3)),
        ],
    )
    def test_surge_rounds_up_and_unavailable_down(self, surge, unavailable, total, expected):
        assert bounds(surge, unavailable, total) == expected

    def test_the_new_one_grows_into_the_surge(self):
        old = [Replicas(wanted=4, available=4)]
        assert new_replicas(4, 1, Replicas(wanted=0, available=0), old) == 1
        assert new_replicas(4, 1, Replicas(wanted=1, available=0), old) == 1

    def test_the_new_one_shrinks_to_the_total(self):
        assert new_replicas(2, 1, Replicas(wanted=5, available=5), []) == 2

    def test_the_old_one_shrinks_as_availability_allows(self):
        old = [Replicas(wanted=4, available=4)]
        assert old_replicas(4, 0, Replicas(wanted=1, available=0), old) == [4]
        assert old_replicas(4, 0, Replicas(wanted=1, available=1), old) == [3]
        assert old_replicas(4, 1, Replicas(wanted=1, available=0), old) == [3]

    def test_sick_old_pods_go_first(self):
        old = [Replicas(wanted=2, available=0), Replicas(wanted=3, available=3)]
        assert old_replicas(3, 0, Replicas(wanted=1, available=0), old) == [0, 3]

    @pytest.mark.parametrize(
        ("total", "parts", "expected"),
        [
            pytest.param(6, [(3, 4), (1, 4)], [5, 2], id="each grows by its part"),
            pytest.param(3, [(5, 7), (2, 7)], [3, 1], id="each shrinks by its part"),
            pytest.param(3, [(3, 4), (1, 4)], [3, 1], id="nothing is missing"),
            pytest.param(0, [(3, 4), (1, 4)], [0, 0], id="nothing is left of either"),
            pytest.param(4, [(2, 4), (2, 4)], [2, 3], id="of equals the newest grows first"),
            pytest.param(2, [(2, 4), (2, 4)], [1, 2], id="of equals the oldest shrinks first"),
            pytest.param(3, [(1, 0), (1, 0)], [1, 3], id="without a note the largest has the rest"),
            pytest.param(
                1, [(9, 100), (1, 2)], [1, 1], id="what a part has lost is not lost twice"
            ),
        ],
    )
    def test_a_scale_amid_a_rollout_keeps_proportions(self, total, parts, expected):
        known = [Part(wanted=wanted, allowed=allowed) for wanted, allowed in parts]
        assert in_proportion(total, 1, known) == expected


class TestDeployment:
    async def test_makes_a_replica_set_and_ready_pods(self):
        async with world() as here:
            here.create("deployments", deployment())
            complete = await here.rolled_out()
            assert complete["metadata"]["annotations"] == {"deployment.kubernetes.io/revision": "1"}
            [replica_set] = here.all("replicasets")
            label = replica_set["metadata"]["labels"]["pod-template-hash"]
            assert replica_set["metadata"]["name"] == f"web-{label}"
            assert replica_set["spec"]["selector"]["matchLabels"]["pod-template-hash"] == label
            pods = here.all("pods")
            assert len(pods) == 2
            for pod in pods:
                assert pod["metadata"]["name"].startswith(f"web-{label}-")
                assert pod["metadata"]["labels"]["pod-template-hash"] == label
                assert pod["status"]["phase"] == "Running"
                assert pod["status"]["podIP"]
                assert pod["spec"]["nodeName"]
            conditions = {
                item["type"]: (item["status"], item["reason"])
                for item in here.status()["conditions"]
            }
            assert conditions == {
                "Available": ("True", "MinimumReplicasAvailable"),
                "Progressing": ("True", "NewReplicaSetAvailable"),
            }

    async def test_comes_to_rest(self):
        async with world() as here:
            here.create("deployments", deployment())
            await here.rolled_out()
            async with asyncio.timeout(DEADLINE_SECONDS):
                # Without a change, this many turns of the loop leave nothing to be done.
                quiet, version = 0, -1
                while quiet < 100:
                    await asyncio.sleep(0)
                    quiet = quiet + 1 if here.server.storage.version == version else 0
                    version = here.server.storage.version
            assert here.status()["observedGeneration"] == 1

    async def test_does_not_raise_its_own_generation(self):
        async with world() as here:
            here.create("deployments", deployment())
            complete = await here.rolled_out()
            assert complete["metadata"]["generation"] == 1

    async def test_rolls_within_its_bounds(self):
        async with world() as here:
            rolling = {"maxSurge": 1, "maxUnavailable": 0}
            strategy = {"type": "RollingUpdate", "rollingUpdate": rolling}
            here.create("deployments", deployment(replicas=3, strategy=strategy))
            await here.rolled_out()
            seen: list[tuple[int, int]] = []

            def count(key: Any, _event: Any) -> None:
                if key == ("apps", "deployments"):
                    status = here.status()
                    seen.append((status.get("replicas", 0), status.get("availableReplicas", 0)))

            here.server.storage.subscribe(count)
            here.change("deployments", "web", image("app:2"))
            complete = await here.rolled_out()
            assert max(replicas for replicas, _ in seen) == 4
            assert min(available for _, available in seen) >= 3
            revision = complete["metadata"]["annotations"]["deployment.kubernetes.io/revision"]
            assert revision == "2"
            images = {pod["spec"]["containers"][0]["image"] for pod in here.all("pods")}
            assert images == {"app:2"}

    async def test_goes_back_to_an_old_replica_set(self):
        async with world() as here:
            here.create("deployments", deployment())
            await here.rolled_out()
            [first] = here.all("replicasets")
            here.change("deployments", "web", image("app:2"))
            await here.rolled_out()
            here.change("deployments", "web", image("app:1"))
            await here.rolled_out()
            assert len(here.all("replicasets")) == 2
            again = here.read("replicasets", first["metadata"]["name"])
            assert again is not None
            assert again["spec"]["replicas"] == 2
            revision = again["metadata"]["annotations"]["deployment.kubernetes.io/revision"]
            assert revision == "3"

    async def test_scales_up_and_down_to_nothing(self):
        async with world() as here:
            here.create("deployments", deployment())
            await here.rolled_out()
            for replicas in (5, 1, 0):
                here.change("deployments", "web", {"spec": {"replicas": replicas}})
                await here.rolled_out()
                await here.until(
                    lambda wanted=replicas: len(here.all("pods")) == wanted, "pods follow"
                )
            assert here.condition("Available")["status"] == "True"

    async def test_paused_does_not_roll_but_scales(self):
        async with world() as here:
            here.create("deployments", deployment())
            await here.rolled_out()
            here.change("deployments", "web", {"spec": {"paused": True}})
            here.change("deployments", "web", image("app:2"))
            here.change("deployments", "web", {"spec": {"replicas": 3}})
            await here.until(lambda: len(here.all("pods")) == 3, "pods follow")
            assert len(here.all("replicasets")) == 1
            assert here.condition("Progressing")["reason"] == "DeploymentPaused"
            here.change("deployments", "web", {"spec": {"paused": False}})
            await here.rolled_out()
            assert len(here.all("replicasets")) == 2

    async def test_recreate_waits_for_the_old_pods_to_be_gone(self):
        runtime = ManualRuntime()
        async with world(runtime) as here:
            here.create("deployments", deployment(strategy={"type": "Recreate"}))
            await here.until(lambda: len(runtime.reports) == 2, "pods start")
            runtime.ready_images("app:1")
            await here.rolled_out()
            runtime.may_stop.clear()
            here.change("deployments", "web", image("app:2"))
            await here.until(
                lambda: all(p["metadata"].get("deletionTimestamp") for p in here.all("pods")),
                "old pods are being deleted",
            )
            assert {p["spec"]["containers"][0]["image"] for p in here.all("pods")} == {"app:1"}
            runtime.may_stop.set()
            await here.until(
                lambda: (
                    {p["spec"]["containers"][0]["image"] for p in here.all("pods")} == {"app:2"}
                ),
                "new pods start",
            )

    async def test_says_that_it_misses_its_deadline(self):
        async with world(ManualRuntime()) as here:
            here.create("deployments", deployment(progressDeadlineSeconds=60))
            await here.until(
                lambda: here.condition("Progressing").get("reason") == "ReplicaSetUpdated",
                "it progresses",
            )
            here.clock.ahead = timedelta(seconds=61)
            here.change("deployments", "web", {"metadata": {"labels": {"wake": "up"}}})
            await here.until(
                lambda: here.condition("Progressing").get("reason") == "ProgressDeadlineExceeded",
                "the deadline is missed",
            )
            assert here.condition("Progressing")["status"] == "False"
            assert here.condition("Available")["reason"] == "MinimumReplicasUnavailable"

    async def test_looks_at_its_deadline_by_itself(self):
        async with world(ManualRuntime()) as here:
            here.create("deployments", deployment(progressDeadlineSeconds=1))
            await here.until(
                lambda: here.condition("Progressing").get("reason") == "ProgressDeadlineExceeded",
                "the deadline is missed",
            )

    async def test_keeps_as_many_old_replica_sets_as_asked_for(self):
        async with world() as here:
            here.create("deployments", deployment(revisionHistoryLimit=1))
            await here.rolled_out()
            for number in (2, 3, 4):
                here.change("deployments", "web", image(f"app:{number}"))
                await here.rolled_out()
            await here.until(lambda: len(here.all("replicasets")) == 2, "old ones are removed")

    async def test_waits_until_pods_have_been_ready_long_enough(self):
        async with world() as here:
            here.create("deployments", deployment(minReadySeconds=60))
            await here.until(lambda: here.status().get("readyReplicas") == 2, "pods are ready")
            assert "availableReplicas" not in here.status()
            here.clock.ahead = timedelta(seconds=61)
            [replica_set] = here.all("replicasets")
            here.change(
                "replicasets", replica_set["metadata"]["name"], {"metadata": {"labels": {"a": "b"}}}
            )
            await here.rolled_out()


def daemon_set(text: str = "app:1", **spec: Any) -> Object:
    whole = deployment(text, **spec)
    del whole["spec"]["replicas"]
    return whole


def node_selector(**labels: str | None) -> Object:
    return {"spec": {"template": {"spec": {"nodeSelector": labels}}}}


class TestDaemonSet:
    def images(self, here: World) -> list[str]:
        pods = here.all("pods")
        return [pod["spec"]["containers"][0]["image"] for pod in pods]

    async def rolled_out(self, here: World) -> Object:
        """Wait until every pod is of the newest template, and available."""

        def complete() -> Object | None:
            found = here.read("daemonsets", "web")
            assert found is not None
            status = found.get("status") or {}
            observed = status.get("observedGeneration") == found["metadata"]["generation"]
            wanted = status.get("desiredNumberScheduled", 0)
            done = observed and wanted == status.get("updatedNumberScheduled", 0)
            return found if done and wanted == status.get("numberAvailable", 0) else None

        found: Object = await here.until(complete, "the rollout is complete")
        return found

    async def test_has_a_pod_on_the_node_and_counts_it(self):
        async with world() as here:
            here.create("daemonsets", daemon_set())
            found = await self.rolled_out(here)
            assert found["status"] == {
                "currentNumberScheduled": 1,
                "desiredNumberScheduled": 1,
                "numberAvailable": 1,
                "numberMisscheduled": 0,
                "numberReady": 1,
                "observedGeneration": 1,
                "updatedNumberScheduled": 1,
            }
            (pod,) = here.all("pods")
            assert pod["metadata"]["labels"]["pod-template-generation"] == "1"

    async def test_a_selector_that_the_node_does_not_have_takes_its_pod_away(self):
        async with world() as here:
            here.create("daemonsets", daemon_set())
            await self.rolled_out(here)
            here.change("daemonsets", "web", node_selector(parked="true"))
            await here.until(lambda: not here.all("pods"), "no pod is left")
            parked = await self.rolled_out(here)
            assert parked["status"]["desiredNumberScheduled"] == 0
            here.change("daemonsets", "web", node_selector(parked=None))
            await here.until(lambda: self.images(here) == ["app:1"], "the pod is back")

    @pytest.mark.parametrize("strategy", [{"maxUnavailable": 1}, {"maxSurge": 1}])
    async def test_replaces_its_pod_when_the_template_changes(self, strategy: Object):
        update = {"type": "RollingUpdate", "rollingUpdate": strategy}
        if "maxSurge" in strategy:
            strategy["maxUnavailable"] = 0
        async with world() as here:
            here.create("daemonsets", daemon_set(updateStrategy=update))
            await self.rolled_out(here)
            here.change("daemonsets", "web", image("app:2"))
            await self.rolled_out(here)
            await here.until(lambda: self.images(here) == ["app:2"], "only the new pod is left")
            revisions = here.all("controllerrevisions")
            assert sorted(each["revision"] for each in revisions) == [1, 2]

    async def test_with_on_delete_a_pod_stays_until_it_is_deleted(self):
        async with world() as here:
            here.create("daemonsets", daemon_set(updateStrategy={"type": "OnDelete"}))
            await self.rolled_out(here)
            here.change("daemonsets", "web", image("app:2"))
            changed = await here.until(
                lambda: (
                    (found := here.read("daemonsets", "web"))
                    and found["status"]["observedGeneration"] == 2
                    and found
                ),
                "the change is seen",
            )
            assert "updatedNumberScheduled" not in changed["status"]
            (pod,) = here.all("pods")
            here.delete("pods", pod["metadata"]["name"])
            await here.until(lambda: self.images(here) == ["app:2"], "the new pod is there")

    async def test_is_available_when_its_pod_has_been_ready_for_long_enough(self):
        async with world() as here:
            here.create("daemonsets", daemon_set(minReadySeconds=30))
            ready = await here.until(
                lambda: (
                    (found := here.read("daemonsets", "web"))
                    and (found.get("status") or {}).get("numberReady")
                    and found
                ),
                "the pod is ready",
            )
            assert "numberAvailable" not in ready["status"]
            here.clock.ahead = timedelta(seconds=31)
            here.change("daemonsets", "web", {"metadata": {"labels": {"look": "again"}}})
            await self.rolled_out(here)


class TestPods:
    @pytest.mark.parametrize(
        ("failure", "phase", "reason"),
        [
            ("crash-loop", "Running", "CrashLoopBackOff"),
            ("oom", "Running", "CrashLoopBackOff"),
            ("image-pull", "Pending", "ImagePullBackOff"),
        ],
    )
    async def test_fail_as_their_image_tag_says(self, failure, phase, reason):
        async with world() as here:
            here.create("deployments", deployment(f"app:{failure}", replicas=1))
            pod = await here.until(
                lambda: next(
                    (p for p in here.all("pods") if p["status"].get("containerStatuses")), None
                ),
                "the pod is reported",
            )

            def waiting() -> Object:
                current = here.read("pods", pod["metadata"]["name"])
                assert current is not None
                return current["status"]["containerStatuses"][0]["state"].get("waiting") or {}

            await here.until(lambda: waiting().get("reason") == reason, "the container waits")
            assert waiting()["message"]
            current = here.read("pods", pod["metadata"]["name"])
            assert current is not None
            assert current["status"]["phase"] == phase
            ready = next(c for c in current["status"]["conditions"] if c["type"] == "Ready")
            assert (ready["status"], ready["reason"]) == ("False", "ContainersNotReady")

    async def test_that_crash_tell_how_they_ended(self):
        async with world(InstantRuntime(back_off_seconds=0.01)) as here:
            here.create("deployments", deployment("app:oom", replicas=1))

            def restarted() -> Object | None:
                for pod in here.all("pods"):
                    for status in pod["status"].get("containerStatuses", []):
                        if status["restartCount"] >= 2:
                            return status
                return None

            status = await here.until(restarted, "the container restarts")
            terminated = status["lastState"]["terminated"]
            assert (terminated["reason"], terminated["exitCode"]) == ("OOMKilled", 137)

    async def test_fail_as_their_annotation_says(self):
        async with world() as here:
            item = deployment(replicas=1)
            template = item["spec"]["template"]["metadata"]
            template["annotations"] = {"tidegate.dev/simulate": "unschedulable"}
            here.create("deployments", item)

            def scheduled() -> Object | None:
                for pod in here.all("pods"):
                    for condition in pod["status"].get("conditions", []):
                        if condition["type"] == "PodScheduled":
                            return condition
                return None

            condition = await here.until(scheduled, "the pod is looked at")
            assert (condition["status"], condition["reason"]) == ("False", "Unschedulable")
            assert condition["message"]
            [pod] = here.all("pods")
            assert "nodeName" not in pod["spec"]

    async def test_that_are_never_ready_run_all_the_same(self):
        async with world() as here:
            here.create("deployments", deployment("app:never-ready", replicas=1))
            await here.until(
                lambda: any(pod["status"].get("phase") == "Running" for pod in here.all("pods")),
                "the pod runs",
            )
            assert here.status().get("readyReplicas") is None

    async def test_are_replaced_when_they_are_deleted(self):
        async with world() as here:
            here.create("deployments", deployment())
            await here.rolled_out()
            first = here.all("pods")[0]["metadata"]["name"]
            here.delete("pods", first)
            await here.until(lambda: here.read("pods", first) is None, "the pod is gone")
            await here.rolled_out()
            assert len(here.all("pods")) == 2

    async def test_end_gracefully(self):
        runtime = ManualRuntime()
        async with world(runtime) as here:
            here.create("services", SERVICE)
            here.create("deployments", deployment(replicas=1))
            await here.until(lambda: runtime.reports, "the pod starts")
            runtime.ready_images("app:1")
            await here.rolled_out()
            runtime.may_stop.clear()
            here.change("deployments", "web", {"spec": {"replicas": 0}})
            [endpoint] = await here.until(
                lambda: [e for e in endpoints(here) if e["conditions"]["terminating"]],
                "the endpoint is terminating",
            )
            assert endpoint["conditions"] == {
                "ready": False,
                "serving": True,
                "terminating": True,
            }
            assert not runtime.stopped
            [pod] = here.all("pods")
            assert pod["metadata"]["deletionGracePeriodSeconds"] == 30
            runtime.may_stop.set()
            await here.until(lambda: not here.all("pods"), "the pod is removed")
            assert runtime.stopped == [pod["metadata"]["name"]]

    async def test_are_stopped_with_the_world(self):
        runtime = ManualRuntime()
        async with world(runtime) as here:
            here.create("deployments", deployment())
            await here.until(lambda: len(runtime.reports) == 2, "pods start")
        assert len(runtime.stopped) == 2

    async def test_reports_after_the_end_are_ignored(self):
        runtime = ManualRuntime()
        async with world(runtime) as here:
            here.create("deployments", deployment(replicas=1))
            await here.until(lambda: runtime.reports, "the pod starts")
            [(pod, report)] = runtime.reports.values()
            here.delete("deployments", "web")
            await here.until(lambda: not here.all("pods"), "the pod is removed")
            version = here.server.storage.version
            report(PodReport(phase="Running", ip="10.0.0.1"))
            assert here.server.storage.version == version
            assert here.read("pods", pod["metadata"]["name"]) is None


SERVICE: Object = {
    "metadata": {"name": "web"},
    "spec": {
        "selector": {"app": "web"},
        "ports": [{"name": "http", "port": 80, "targetPort": "http"}],
    },
}


def endpoints(here: World) -> list[Object]:
    return [each for item in here.all("endpointslices") for each in item.get("endpoints") or ()]


class TestEndpoints:
    async def test_follow_ready_pods_with_their_ports(self):
        async with world() as here:
            here.create("services", SERVICE)
            here.create("deployments", deployment())
            await here.rolled_out()
            await here.until(
                lambda: len([e for e in endpoints(here) if e["conditions"]["ready"]]) == 2,
                "both pods are endpoints",
            )
            [item] = here.all("endpointslices")
            assert item["metadata"]["labels"]["kubernetes.io/service-name"] == "web"
            assert item["ports"] == [{"name": "http", "protocol": "TCP", "port": 8080}]
            addresses = {e["addresses"][0] for e in item["endpoints"]}
            assert addresses == {pod["status"]["podIP"] for pod in here.all("pods")}
            assert item["endpoints"][0]["targetRef"]["kind"] == "Pod"

    async def test_that_are_not_ready_say_so(self):
        async with world() as here:
            here.create("services", SERVICE)
            here.create("deployments", deployment("app:never-ready", replicas=1))
            [endpoint] = await here.until(lambda: endpoints(here), "the pod is an endpoint")
            assert endpoint["conditions"] == {
                "ready": False,
                "serving": False,
                "terminating": False,
            }

    async def test_follow_the_selector(self):
        async with world() as here:
            here.create("services", SERVICE)
            here.create("deployments", deployment())
            await here.until(lambda: len(endpoints(here)) == 2, "both pods are endpoints")
            here.change("services", "web", {"spec": {"selector": {"app": "nobody"}}})
            await here.until(lambda: not endpoints(here), "no pod is an endpoint")
            here.change("services", "web", {"spec": {"selector": {"app": "web"}}})
            await here.until(lambda: len(endpoints(here)) == 2, "both pods are endpoints")

    async def test_of_a_deleted_slice_come_back(self):
        async with world() as here:
            here.create("services", SERVICE)
            here.create("deployments", deployment())
            await here.until(lambda: len(endpoints(here)) == 2, "both pods are endpoints")
            [item] = here.all("endpointslices")
            here.delete("endpointslices", item["metadata"]["name"])
            await here.until(lambda: len(endpoints(here)) == 2, "both pods are endpoints")

    async def test_go_with_their_service(self):
        async with world() as here:
            here.create("services", SERVICE)
            await here.until(lambda: here.all("endpointslices"), "there is a slice")
            here.delete("services", "web")
            await here.until(lambda: not here.all("endpointslices"), "the slice is collected")


class TestOwners:
    async def test_take_everything_with_them(self):
        async with world() as here:
            here.create("deployments", deployment())
            await here.rolled_out()
            here.delete("deployments", "web")
            await here.until(
                lambda: not here.all("replicasets") and not here.all("pods"),
                "ReplicaSets and pods are collected",
            )

    async def test_deleted_in_the_foreground_go_last(self):
        runtime = ManualRuntime()
        async with world(runtime) as here:
            here.create("deployments", deployment(replicas=1))
            await here.until(lambda: runtime.reports, "the pod starts")
            runtime.may_stop.clear()
            here.delete("deployments", "web", propagation="Foreground")
            await here.until(
                lambda: all(p["metadata"].get("deletionTimestamp") for p in here.all("pods")),
                "the pod is being deleted",
            )
            assert here.read("deployments", "web") is not None
            runtime.may_stop.set()
            await here.until(lambda: here.read("deployments", "web") is None, "it is gone")
            assert not here.all("pods")

    async def test_that_orphan_leave_their_replica_sets(self):
        async with world() as here:
            here.create("deployments", deployment())
            await here.rolled_out()
            here.delete("deployments", "web", propagation="Orphan")
            await here.until(lambda: here.read("deployments", "web") is None, "it is gone")
            [replica_set] = here.all("replicasets")
            assert "ownerReferences" not in replica_set["metadata"]
            assert len(here.all("pods")) == 2


def autoscaler(**spec: Any) -> Object:
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    return {
        "metadata": {"name": "web"},
        "spec": {"scaleTargetRef": reference, "minReplicas": 2, "maxReplicas": 4, **spec},
    }


class TestAutoscaler:
    def conditions(self, here: World) -> dict[str, str]:
        item = here.read("horizontalpodautoscalers", "web")
        assert item is not None
        listed = (item.get("status") or {}).get("conditions") or []
        return {condition["type"]: condition["reason"] for condition in listed}

    @pytest.mark.parametrize(("replicas", "expected"), [(1, 2), (3, 3), (9, 4)])
    async def test_keeps_replicas_within_bounds(self, replicas, expected):
        async with world() as here:
            here.create("deployments", deployment(replicas=replicas))
            here.create("horizontalpodautoscalers", autoscaler())
            await here.until(lambda: self.conditions(here), "it has acted")
            complete = await here.rolled_out()
            assert complete["spec"]["replicas"] == expected

    async def test_follows_its_annotation(self):
        async with world() as here:
            here.create("deployments", deployment())
            here.create("horizontalpodautoscalers", autoscaler())
            annotations = {"tidegate.dev/simulate-replicas": "3"}
            changes = {"metadata": {"annotations": annotations}}
            here.change("horizontalpodautoscalers", "web", changes)
            await here.until(
                lambda: here.read("deployments", "web")["spec"]["replicas"] == 3, "it scales"
            )

    async def test_follows_a_source_of_metrics(self):
        async with world(metric_source=lambda _autoscaler, current: current + 1) as here:
            here.create("deployments", deployment())
            here.create("horizontalpodautoscalers", autoscaler())
            await here.until(
                lambda: here.read("deployments", "web")["spec"]["replicas"] == 4, "it scales"
            )

    async def test_is_inactive_while_there_are_no_replicas(self):
        async with world() as here:
            here.create("deployments", deployment(replicas=0))
            here.create("horizontalpodautoscalers", autoscaler())
            await here.until(
                lambda: self.conditions(here).get("ScalingActive") == "ScalingDisabled",
                "it is inactive",
            )
            assert here.read("deployments", "web")["spec"]["replicas"] == 0

    async def test_says_that_its_target_is_missing(self):
        async with world() as here:
            here.create("horizontalpodautoscalers", autoscaler())
            await here.until(
                lambda: self.conditions(here).get("AbleToScale") == "FailedGetScale",
                "it says so",
            )


async def test_objects_that_were_there_before_are_taken_up():
    server = EmbeddedApiServer()
    resource = server.registry.find("apps", "v1", "deployments")
    server.objects.create(resource, NAMESPACE, copied(deployment()))
    async with Controllers(server):
        await World(server, Clock()).rolled_out()
