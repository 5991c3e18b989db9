"""Pods of the real control plane that are processes: `make control-plane` runs it in a namespace."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.testbed.build import found_programs, provide_programs
from tests.testbed.control_plane import NAMES, ControlPlane
from tests.testbed.namespace import inside
from tests.testbed.users import TIDEGATE
from tidegate_embedded.process import ProgramFailed

pytestmark = [pytest.mark.control_plane, pytest.mark.asyncio(loop_scope="module")]

DEADLINE_SECONDS = 180.0
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
PODS = "/api/v1/namespaces/default/pods"
SLICES = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
POLICIES = (
    "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies",
    "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings",
)
MERGE = {"Content-Type": "application/merge-patch+json"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plane(tmp_path_factory) -> AsyncIterator[ControlPlane]:
    wanted = os.environ.get("TIDEGATE_CONTROL_PLANE") == "1"
    programs = provide_programs(NAMES) if wanted else found_programs(NAMES)
    if programs is None or not (wanted or inside()):
        pytest.skip("needs a control plane that is built, and a namespace: make control-plane")
    logs = tmp_path_factory.mktemp("served")
    async with ControlPlane(programs, logs=logs, pods="served") as plane:
        yield plane


@pytest_asyncio.fixture(loop_scope="module")
async def api(plane: ControlPlane) -> AsyncIterator[httpx.AsyncClient]:
    """Nothing of a test is left to the next one."""
    async with plane.client() as client:
        yield client
        for path in (DEPLOYMENTS, "/api/v1/namespaces/default/services/app"):
            await client.delete(path, params={"propagationPolicy": "Background"})
        await eventually(lambda: nothing(client, PODS), "every pod has gone")
    assert plane.kubelet.runtime.process_ids == ()


async def eventually(holds: Callable[[], Awaitable[bool]], what: str) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + DEADLINE_SECONDS
    while not await holds():
        assert loop.time() < deadline, f"did not happen in {DEADLINE_SECONDS:.0f} s: {what}"
        await asyncio.sleep(0.05)


async def items(api: httpx.AsyncClient, path: str, **query: str) -> list[dict[str, Any]]:
    return (await api.get(path, params=query)).raise_for_status().json()["items"]


async def nothing(api: httpx.AsyncClient, path: str) -> bool:
    return not await items(api, path)


def deployment(tag: str, **behaviour: str) -> dict[str, Any]:
    env = [{"name": name, "value": value} for name, value in behaviour.items()]
    container = {
        "name": "app",
        "image": f"registry.example/app:{tag}",
        "env": env,
        "ports": [{"containerPort": 8080}],
    }
    return {
        "metadata": {"name": "app"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "app"}},
            "strategy": {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": {
                "metadata": {"labels": {"app": "app"}},
                "spec": {"containers": [container]},
            },
        },
    }


async def deploy(api: httpx.AsyncClient, tag: str = "1.0", **behaviour: str) -> None:
    (await api.post(DEPLOYMENTS, json=deployment(tag, **behaviour))).raise_for_status()


async def available(api: httpx.AsyncClient) -> bool:
    """Whether the newest template runs on all replicas."""
    found = (await api.get(f"{DEPLOYMENTS}/app")).raise_for_status().json()
    status = found["status"]
    counts = {status.get(key) for key in ("replicas", "updatedReplicas", "availableReplicas")}
    return counts == {2} and status["observedGeneration"] == found["metadata"]["generation"]


async def serve(api: httpx.AsyncClient) -> None:
    spec = {"selector": {"app": "app"}, "ports": [{"port": 80, "targetPort": 8080}]}
    service = {"metadata": {"name": "app"}, "spec": spec}
    (await api.post("/api/v1/namespaces/default/services", json=service)).raise_for_status()


async def endpoints(api: httpx.AsyncClient) -> list[str]:
    """The addresses that a proxy would send requests to."""
    slices = await items(api, SLICES, labelSelector="kubernetes.io/service-name=app")
    return [
        endpoint["addresses"][0]
        for each in slices
        for endpoint in each["endpoints"] or ()
        if endpoint["conditions"]["ready"]
    ]


async def test_a_deployment_becomes_available_on_addresses_that_answer(api):
    await serve(api)
    await deploy(api)
    await eventually(lambda: available(api), "the deployment is available")

    async def both() -> bool:
        return len(await endpoints(api)) == 2

    await eventually(both, "two endpoints are ready")
    async with httpx.AsyncClient() as client:
        for address in await endpoints(api):
            assert address.startswith("10.244.")
            answer = await client.get(f"http://{address}:8080/")
            assert answer.json()["version"] == "1.0"


async def test_a_rolling_update_sends_no_request_into_the_void(api):
    await serve(api)
    await deploy(api)
    await eventually(lambda: available(api), "the first version is available")
    versions: set[str] = set()
    rolled = asyncio.Event()

    async def load() -> None:
        async with httpx.AsyncClient() as client:
            while not rolled.is_set():
                ready = await endpoints(api)
                assert len(ready) >= 2
                for address in ready:
                    answer = await client.get(f"http://{address}:8080/")
                    assert answer.status_code == 200
                    versions.add(answer.json()["version"])

    loading = asyncio.create_task(load())

    async def seen() -> bool:
        return loading.done() or "1.0" in versions

    async def updated() -> bool:
        return loading.done() or (await available(api) and "2.0" in versions)

    try:
        await eventually(seen, "the first version has answered")
        template = {"spec": {"template": deployment("2.0")["spec"]["template"]}}
        patched = await api.patch(f"{DEPLOYMENTS}/app", json=template, headers=MERGE)
        patched.raise_for_status()
        await eventually(updated, "the second version is available, and has answered")
    finally:
        rolled.set()
        await loading
    assert versions == {"1.0", "2.0"}


async def test_a_version_that_crashes_is_told_as_a_kubelet_does(api):
    await deploy(api, "1.0", CRASH="after:0.1s", CRASH_EXIT_CODE="3")

    async def crashing() -> bool:
        pods = await items(api, PODS)
        found = [each for pod in pods for each in pod["status"].get("containerStatuses") or ()]
        reasons = [each["state"].get("waiting", {}).get("reason") for each in found]
        return reasons == ["CrashLoopBackOff"] * 2

    await eventually(crashing, "both pods are in a crash loop")
    (status, _) = [pod["status"]["containerStatuses"][0] for pod in await items(api, PODS)]
    assert status["lastState"]["terminated"]["exitCode"] == 3
    assert status["restartCount"] >= 1
    assert status["ready"] is False


async def test_an_image_that_cannot_be_pulled_is_told_as_a_kubelet_does(api):
    await deploy(api, "image-pull")

    async def waiting() -> bool:
        pods = await items(api, PODS)
        found = [each for pod in pods for each in pod["status"].get("containerStatuses") or ()]
        reasons = [each["state"].get("waiting", {}).get("reason") for each in found]
        return reasons == ["ImagePullBackOff"] * 2

    await eventually(waiting, "both pods wait for their image")


async def test_a_deleted_deployment_leaves_no_process(api, plane):
    await deploy(api)
    await eventually(lambda: available(api), "the deployment is available")
    assert len(plane.kubelet.runtime.process_ids) == 2
    (await api.delete(f"{DEPLOYMENTS}/app", params={"propagationPolicy": "Background"}))
    await eventually(lambda: nothing(api, PODS), "the pods have gone")
    assert plane.kubelet.runtime.process_ids == ()


@pytest.mark.parametrize(
    ("program", "end"),
    [("kube-apiserver", "stop"), ("kube-apiserver", "kill"), ("etcd", "kill")],
)
async def test_what_is_stored_outlives_a_program_that_ends(api, plane, program, end):
    await deploy(api)
    await eventually(lambda: available(api), "the deployment is available")
    before = {pod["metadata"]["uid"] for pod in await items(api, PODS)}
    await (plane.kill(program) if end == "kill" else plane.stop(program))
    await plane.start(program)

    async def answers() -> bool:
        try:
            return (await api.get("/readyz")).status_code == 200
        except httpx.TransportError:
            return False

    await eventually(answers, "the API server answers")
    assert {pod["metadata"]["uid"] for pod in await items(api, PODS)} == before
    scaled = await api.patch(f"{DEPLOYMENTS}/app", json={"spec": {"replicas": 4}}, headers=MERGE)
    scaled.raise_for_status()

    async def four() -> bool:
        found = (await api.get(f"{DEPLOYMENTS}/app")).json()
        return found["status"].get("availableReplicas") == 4

    await eventually(four, "the controllers work again")
    addresses = [pod["status"]["podIP"] for pod in await items(api, PODS)]
    assert len(set(addresses)) == 4


async def test_the_audit_log_tells_who_asked_what(api, plane):
    mark = plane.audited_bytes
    async with plane.client(TIDEGATE.name) as client:
        client.headers["User-Agent"] = "a-client"
        forbidden = await client.get("/apis/apps/v1/namespaces/default/deployments/none/scale")
        assert forbidden.status_code == 403
    (entry,) = [each for each in plane.audit(since=mark) if each.user_agent == "a-client"]
    assert (entry.verb, entry.group, entry.resource) == ("get", "apps", "deployments")
    assert (entry.namespace, entry.name, entry.subresource) == ("default", "none", "scale")
    assert (entry.user, entry.status) == ("system:serviceaccount:tidegate-system:tidegate", 403)


async def test_a_watch_is_counted_once_as_it_opens(api, plane):
    mark = plane.audited_bytes
    async with plane.client() as client:
        client.headers["User-Agent"] = "a-watcher"
        watched = {"watch": "true", "timeoutSeconds": "1"}
        (await client.get("/api/v1/namespaces", params=watched)).raise_for_status()
    found = [each for each in plane.audit(since=mark) if each.user_agent == "a-watcher"]
    assert [(each.verb, each.resource, each.status) for each in found] == [
        ("watch", "namespaces", 200)
    ]


async def test_a_user_that_there_is_not_is_refused_with_those_that_there_are(plane):
    with pytest.raises(ProgramFailed, match="no user nobody; there are tester, system:service"):
        plane.kubeconfig_of("nobody")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def reported(plane, tmp_path_factory) -> AsyncIterator[ControlPlane]:
    """Beside the other one, so that no pod of it is served."""
    logs = tmp_path_factory.mktemp("reported")
    async with ControlPlane(found_programs(NAMES), logs=logs, pods="reported") as reported:
        yield reported


async def test_thousands_of_pods_need_no_process_where_they_are_only_reported(reported):
    async with reported.client() as api:
        many = deployment("1.0")
        many["spec"]["replicas"] = 100
        (await api.post(DEPLOYMENTS, json=many)).raise_for_status()

        async def all_ready() -> bool:
            found = (await api.get(f"{DEPLOYMENTS}/app")).json()
            return found["status"].get("availableReplicas") == 100

        await eventually(all_ready, "a hundred pods are available")
        (await api.delete(f"{DEPLOYMENTS}/app", params={"propagationPolicy": "Background"}))
        await eventually(lambda: nothing(api, PODS), "the pods have gone")
        assert reported.kubelet is None


async def test_a_pod_whose_report_the_api_server_has_refused_is_reported_again(reported):
    async with reported.client() as api:
        await refuse_reports(api)
        probe = pod("probe")
        (await api.post(PODS, json=probe)).raise_for_status()

        async def is_refused() -> bool:
            patch = {"status": {"message": "a probe"}}
            answer = await api.patch(f"{PODS}/probe/status", json=patch, headers=MERGE)
            return answer.status_code == 422

        await eventually(is_refused, "reports are refused")
        mark = reported.audited_bytes
        (await api.post(PODS, json=pod("app"))).raise_for_status()

        async def was_refused() -> bool:
            return any(
                (each.resource, each.subresource, each.name, each.status)
                == ("pods", "status", "app", 422)
                for each in reported.audit(since=mark)
            )

        await eventually(was_refused, "the report of the pod was refused")
        for path in POLICIES:
            (await api.delete(f"{path}/no-reports")).raise_for_status()

        async def runs() -> bool:
            found = (await api.get(f"{PODS}/app")).json()
            return bool(found["status"].get("podIP")) and found["status"]["phase"] == "Running"

        await eventually(runs, "the pod is reported")
        for name in ("probe", "app"):
            (await api.delete(f"{PODS}/{name}")).raise_for_status()
        await eventually(lambda: nothing(api, PODS), "the pods have gone")


def pod(name: str) -> dict[str, Any]:
    container = {"name": "app", "image": "registry.example/app:1.0"}
    return {"metadata": {"name": name}, "spec": {"containers": [container]}}


async def refuse_reports(api: httpx.AsyncClient) -> None:
    """Have the API server refuse whatever is reported of pods."""
    rule = {
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "operations": ["UPDATE"],
        "resources": ["pods/status"],
    }
    policy = {
        "metadata": {"name": "no-reports"},
        "spec": {
            "matchConstraints": {"resourceRules": [rule]},
            "validations": [{"expression": "false", "message": "no reports"}],
        },
    }
    binding = {
        "metadata": {"name": "no-reports"},
        "spec": {"policyName": "no-reports", "validationActions": ["Deny"]},
    }
    for path, manifest in zip(POLICIES, (policy, binding), strict=True):
        (await api.post(path, json=manifest)).raise_for_status()
