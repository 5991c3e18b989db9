"""Pods as real processes: what they answer, what is reported of them, and how they end."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.controller.faults import until
from tests.embedded.mesh_objects import PORT, a_pod
from tidegate_embedded.apiserver import EmbeddedApiServer
from tidegate_embedded.controllers import Controllers
from tidegate_embedded.controllers.runtime import PodReport
from tidegate_embedded.load import Load
from tidegate_embedded.mesh import Mesh
from tidegate_embedded.network import PodNetwork, free_port
from tidegate_embedded.pods import ProcessRuntime

DEADLINE_SECONDS = 180.0


class Reports:
    """The reports of one pod, which can be waited for."""

    def __init__(self) -> None:
        self.all: list[PodReport] = []
        self._came = asyncio.Event()

    def __call__(self, report: PodReport) -> None:
        self.all.append(report)
        self._came.set()

    async def until(self, holds: Callable[[PodReport], object]) -> PodReport:
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not self.all or not holds(self.all[-1]):
                self._came.clear()
                await self._came.wait()
        return self.all[-1]


@pytest.fixture
async def runtime() -> AsyncIterator[ProcessRuntime]:
    async with ProcessRuntime(back_off_seconds=0.1, linger_seconds=0.2) as made:
        yield made


async def started(runtime: ProcessRuntime, name: str = "podinfo-1", **how: Any) -> Reports:
    reports = Reports()
    await runtime.start(a_pod(name, **how), reports)
    return reports


async def ready(runtime: ProcessRuntime, name: str = "podinfo-1", **how: Any) -> str:
    report = await (await started(runtime, name, **how)).until(lambda each: each.ready)
    assert report.ip is not None
    return f"http://{report.ip}:{PORT}"


def is_waiting(reason: str) -> Callable[[PodReport], object]:
    return lambda report: any(
        each.waiting and each.waiting.reason == reason for each in report.containers
    )


class TestAnswers:
    async def test_a_pod_says_who_it_is(self, runtime):
        url = await ready(runtime, tag="1.2.3")
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            assert await answer.json() == {"version": "1.2.3", "hostname": "podinfo-1"}
            assert answer.headers["x-version"] == "1.2.3"
            assert answer.headers["x-hostname"] == "podinfo-1"

    async def test_errors_come_at_the_rate_asked_for_and_the_same_for_the_same_seed(self, runtime):
        how = {"environment": {"ERROR_RATE": "0.25", "SEED": "7"}}
        urls = [await ready(runtime, f"podinfo-{each}", **how) for each in (1, 2)]
        drawn = [[await status(url) for _ in range(200)] for url in urls]
        assert drawn[0] == drawn[1]
        assert 25 <= drawn[0].count(500) <= 75

    async def test_the_slowest_answers_take_what_is_asked(self, runtime):
        environment = {"LATENCY_MS": "1", "LATENCY_P99_MS": "80", "SEED": "1"}
        url = await ready(runtime, environment=environment)
        async with aiohttp.ClientSession() as session:
            took = []
            for _ in range(200):
                start = time.perf_counter()
                async with session.get(url):
                    took.append(time.perf_counter() - start)
        assert max(took) >= 0.08
        assert min(took) < 0.08

    async def test_its_metrics_count_what_the_application_answered_and_nothing_else(self, runtime):
        url = await ready(runtime)
        for _ in range(3):
            await status(url)
        async with aiohttp.ClientSession() as session, session.get(f"{url}/metrics") as answer:
            page = await answer.text()
        labels = 'method="GET",path="/",status="200"'
        assert f"http_request_duration_seconds_count{{{labels}}} 3" in page
        assert f'http_request_duration_seconds_bucket{{{labels},le="+Inf"}} 3' in page
        assert "readyz" not in page

    async def test_its_behaviour_changes_while_it_runs(self, runtime):
        url = await ready(runtime)
        assert await status(url) == 200
        assert await changed(url, {"error_rate": 1}) == 200
        assert await status(url) == 500

    @pytest.mark.parametrize(
        "change", [{"error_rate": 2}, {"colour": 1}, {"ready": 1}, {"latency_ms": "x"}, [], "{"]
    )
    async def test_a_change_that_makes_no_sense_changes_nothing(self, runtime, change):
        url = await ready(runtime)
        assert await changed(url, change) == 400
        assert await status(url) == 200

    async def test_several_requests_come_over_one_connection(self, runtime):
        url = await ready(runtime)
        host = url.removeprefix("http://").partition(":")[0]
        reader, writer = await asyncio.open_connection(host, PORT)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\nHEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
        writer.write(b"GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n")
        answers = await reader.read()
        writer.close()
        assert answers.count(b"HTTP/1.1 200 OK") == 3
        assert answers.endswith(b"ok\n")

    async def test_what_is_no_http_is_refused(self, runtime):
        url = await ready(runtime)
        host = url.removeprefix("http://").partition(":")[0]
        reader, writer = await asyncio.open_connection(host, PORT)
        writer.write(b"nonsense\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 400")
        writer.close()


class TestReports:
    async def test_a_pod_is_ready_when_its_probe_says_so(self, runtime):
        reports = await started(runtime, environment={"READY_AFTER": "0.3s"})
        await reports.until(lambda each: each.ready)
        assert [each.ready for each in reports.all] == [False, True]

    async def test_a_pod_that_is_never_ready_runs_all_the_same(self, runtime):
        reports = await started(runtime, environment={"READY_AFTER": "never"})
        report = await reports.until(lambda each: each.containers[0].waiting is None)
        assert (report.phase, report.ready) == ("Running", False)

    async def test_a_pod_that_stops_saying_yes_is_not_ready_any_longer(self, runtime):
        reports = await started(
            runtime,
            readinessProbe={
                "httpGet": {"path": "/readyz", "port": PORT},
                "periodSeconds": 1,
                "failureThreshold": 1,
            },
        )
        report = await reports.until(lambda each: each.ready)
        await changed(f"http://{report.ip}:{PORT}", {"ready": False})
        await reports.until(lambda each: not each.ready)

    async def test_a_pod_without_a_probe_is_ready_when_its_port_is_open(self, runtime):
        reports = await started(runtime, readinessProbe=None)
        report = await reports.until(lambda each: each.ready)
        assert await status(f"http://{report.ip}:{PORT}") == 200

    async def test_a_crash_loop_is_reported_with_its_restarts_and_last_words(self, runtime):
        reports = await started(runtime, environment={"CRASH": "after:0s"})
        report = await reports.until(is_waiting("CrashLoopBackOff"))
        (container,) = report.containers
        assert container.restart_count == 1
        assert container.waiting.message.startswith("back-off 0.1s restarting failed container=app")
        assert container.last_terminated.exit_code == 1
        assert container.last_terminated.message == "fatal: crashed after 0 s, as CRASH asks"
        await reports.until(lambda each: each.containers[0].restart_count >= 3)

    async def test_a_process_that_is_killed_is_started_again(self, runtime):
        reports = await started(runtime)
        await reports.until(lambda each: each.ready)
        os.kill(runtime.process_ids[0], signal.SIGKILL)
        report = await reports.until(lambda each: each.ready and each.containers[0].restart_count)
        assert report.containers[0].restart_count == 1

    @pytest.mark.parametrize(
        ("failure", "holds"),
        [
            ("image-pull", is_waiting("ImagePullBackOff")),
            ("unschedulable", lambda report: report.unschedulable),
            ("crash-loop", is_waiting("CrashLoopBackOff")),
            ("oom", lambda report: report.containers[0].last_terminated
                and report.containers[0].last_terminated.reason == "OOMKilled"),
        ],
    )  # fmt: skip
    async def test_failures_can_be_asked_for_by_the_images_tag(self, runtime, failure, holds):
        await (await started(runtime, tag=failure)).until(holds)

    async def test_an_environment_that_cannot_be_made_is_reported(self, runtime):
        source = {"secretKeyRef": {"name": "a", "key": "b"}}
        reports = await started(runtime, env=[{"name": "TOKEN", "valueFrom": source}])
        report = await reports.until(is_waiting("CreateContainerConfigError"))
        assert "env[0] TOKEN" in report.containers[0].waiting.message
        assert runtime.process_ids == ()

    async def test_a_pod_knows_its_name_by_its_environment(self, runtime):
        source = {"fieldRef": {"fieldPath": "metadata.name"}}
        url = await ready(runtime, env=[{"name": "VERSION", "valueFrom": source}])
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            assert (await answer.json())["version"] == "podinfo-1"


class TestEnd:
    async def test_what_is_in_flight_is_answered_and_the_port_is_closed(self, runtime):
        url = await ready(runtime, environment={"LATENCY_MS": "600"})
        asking = asyncio.create_task(status(url))
        await asyncio.sleep(0)
        async with aiohttp.ClientSession() as session, session.get(f"{url}/healthz"):
            pass
        await runtime.stop(a_pod("podinfo-1"))
        assert await asking == 200
        with pytest.raises(aiohttp.ClientConnectorError):
            await status(url)

    async def test_a_pod_goes_on_serving_for_a_moment_and_says_that_it_ends(self, runtime):
        url = await ready(runtime, environment={"LINGER": "1000s"})
        os.kill(runtime.process_ids[0], signal.SIGTERM)
        await until(
            lambda: any("terminated" in line for line in runtime.logs("uid-podinfo-1")),
            "the pod knows that it ends",
        )
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            assert answer.status == 200
            assert answer.headers["connection"] == "close"
        assert await status(f"{url}/readyz") == 503

    async def test_a_pod_can_be_stopped_before_it_runs(self, runtime):
        await started(runtime)
        await runtime.stop(a_pod("podinfo-1"))
        assert runtime.process_ids == ()

    async def test_a_pod_that_crashes_can_be_stopped(self, runtime):
        reports = await started(runtime, environment={"CRASH": "after:0s"})
        await reports.until(is_waiting("CrashLoopBackOff"))
        await runtime.stop(a_pod("podinfo-1"))
        assert runtime.process_ids == ()

    async def test_a_pod_that_does_not_end_is_killed(self, runtime):
        reports = Reports()
        pod = a_pod("podinfo-1", environment={"LINGER": "1000s"})
        pod["spec"]["terminationGracePeriodSeconds"] = 0
        await runtime.start(pod, reports)
        await reports.until(lambda each: each.ready)
        async with asyncio.timeout(DEADLINE_SECONDS):
            await runtime.stop(pod)
        assert runtime.process_ids == ()

    async def test_logs_are_kept_in_a_file(self, tmp_path):
        async with ProcessRuntime(directory=tmp_path, linger_seconds=0) as runtime:
            await ready(runtime, tag="9.9")
        log = (tmp_path / "test_podinfo-1_app.log").read_text(encoding="utf-8")
        assert log.startswith("version 9.9 listens on 127.")

    async def test_pods_end_when_the_process_that_runs_them_is_killed(self):
        program = textwrap.dedent(
            """
            import asyncio, os, signal
            from tidegate_embedded.apiserver.storage import Storage
            from tidegate_embedded.mesh import Mesh
            from tidegate_embedded.pods import ProcessRuntime
            from tests.embedded.mesh_objects import a_pod

            async def main():
                async with ProcessRuntime() as runtime, Mesh(Storage()) as mesh:
                    came = asyncio.Event()
                    await runtime.start(a_pod("a"), lambda state: state.ready and came.set())
                    await came.wait()
                    print(*runtime.process_ids, mesh.process_id, flush=True)
                    os.kill(os.getpid(), signal.SIGKILL)

            asyncio.run(main())
            """
        )
        ran = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            timeout=DEADLINE_SECONDS,
            check=False,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
        assert ran.returncode == -signal.SIGKILL, ran.stderr
        ids = [int(each) for each in ran.stdout.split()]
        assert len(ids) == 2
        await until(lambda: not any(running(each) for each in ids), "all processes have ended")


class TestNetwork:
    def test_worlds_at_the_same_time_share_no_address(self):
        with PodNetwork() as one, PodNetwork() as other:
            given = {one.allocate() for _ in range(300)}
            assert len(given) == 300
            assert not given & {other.allocate() for _ in range(300)}

    def test_an_address_is_not_given_again_at_once(self):
        with PodNetwork() as network:
            first = network.allocate()
            network.release(first)
            assert network.allocate() != first

    def test_a_port_is_never_one_that_a_connection_may_be_given(self):
        lowest = Path("/proc/sys/net/ipv4/ip_local_port_range")
        below = int(lowest.read_text().split()[0]) if lowest.exists() else 32_768
        assert max(free_port() for _ in range(100)) < below

    def test_a_port_is_free_for_a_program_and_for_nobody_else_who_asks(self):
        port = free_port()
        with socket.create_server(("127.0.0.1", port)):
            assert port not in {free_port() for _ in range(250)}
        others = (
            f"from {free_port.__module__} import free_port\nfor _ in range(250): print(free_port())"
        )
        own = {free_port() for _ in range(250)}
        asked = subprocess.run(
            [sys.executable, "-c", others], capture_output=True, text=True, check=True
        )
        assert not own & {int(each) for each in asked.stdout.split()}


async def test_no_request_fails_while_a_deployment_rolls(tmp_path):
    """The whole embedded data plane: API server, controllers, pods, Envoy and load."""
    labels = {"app": "podinfo"}
    template = {
        "metadata": {"labels": labels},
        "spec": a_pod("podinfo")["spec"],
    }
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "podinfo", "namespace": "default"},
        "spec": {"replicas": 2, "selector": {"matchLabels": labels}, "template": template},
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "podinfo", "namespace": "default"},
        "spec": {"selector": labels, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]},
    }
    async with (
        EmbeddedApiServer() as server,
        # On a busy machine Envoy hears late of a pod that ends.
        ProcessRuntime(directory=tmp_path, linger_seconds=5.0) as runtime,
        Controllers(server, runtime),
        Mesh(server.storage) as mesh,
        aiohttp.ClientSession(server.url) as api,
    ):
        async with api.post("/api/v1/namespaces/default/services", json=service) as answer:
            assert answer.status == 201, await answer.text()
        path = "/apis/apps/v1/namespaces/default/deployments"
        async with api.post(path, json=deployment) as answer:
            assert answer.status == 201, await answer.text()
        await available(api, f"{path}/podinfo", 2)
        await mesh.settled()
        async with Load(mesh.url, host="podinfo.default", rate=150) as load:
            await load.reaches(50)
            image = {"image": "registry.example.com/podinfo:2.0"}
            change = {"spec": {"template": {"spec": {"containers": [{"name": "app", **image}]}}}}
            kind = {"Content-Type": "application/strategic-merge-patch+json"}
            async with api.patch(f"{path}/podinfo", json=change, headers=kind) as answer:
                assert answer.status == 200, await answer.text()
            async with asyncio.timeout(DEADLINE_SECONDS):
                while True:
                    before = load.stats().by_version
                    after = (await load.reaches(40)).by_version
                    if after["1.0"] == before["1.0"] and len(runtime.process_ids) == 2:
                        break
    stats = load.stats()
    assert stats.failures == ()
    assert set(stats.by_version) == {"1.0", "2.0"}


async def available(api: aiohttp.ClientSession, path: str, replicas: int) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            async with api.get(path) as answer:
                status = (await answer.json()).get("status") or {}
            if status.get("availableReplicas") == replicas:
                return
            await asyncio.sleep(0.05)


async def status(url: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status


async def changed(url: str, change: Any) -> int:
    how = {"data": change} if isinstance(change, str) else {"json": change}
    async with (
        aiohttp.ClientSession() as session,
        session.patch(f"{url}/admin/behaviour", **how) as answer,
    ):
        return answer.status


def running(process_id: int) -> bool:
    """Tell whether a process runs; one that has ended and was not waited for does not."""
    stat = Path(f"/proc/{process_id}/stat")
    try:
        return stat.read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
