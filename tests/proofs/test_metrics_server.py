"""What a real metrics-server answers by way of a real API server; kwok says what its pods use."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from analysis.errors import Ambiguous, LoginRefused
from analysis.model import Credentials, NoData, Outcome, ProviderSpec, Sample
from analysis.providers.podmetrics import PodMetricsProvider
from canary.api.kinds import Manifest
from tests.controller.running import until
from tests.testbed import nodes
from tests.testbed.build import PROGRAMS
from tests.testbed.conftest import programs
from tests.testbed.control_plane import ControlPlane
from tests.testbed.modules import module_files
from tests.testbed.users import STRANGER, TIDEGATE
from tidegate_embedded.network import free_port
from tidegate_embedded.process import start_program, stop_program

pytestmark = [pytest.mark.control_plane, pytest.mark.asyncio(loop_scope="module")]

MINUTE = timedelta(minutes=1)
NODE, NAMESPACE, GROUP = "measured", "shop", "metrics.k8s.io"
MEBIBYTE = 1024**2
#: The longest that metrics-server takes to have measured twice, on a machine that is busy.
_MEASURED_SECONDS = 180
#: Pods, by name: the workload that each is of, its containers, and what each of those uses.
PODS = {
    "shop-1": ("shop", ("app", "sidecar"), "400m", "64Mi"),
    "shop-primary-1": ("shop-primary", ("app",), "100m", "32Mi"),
    "shop-primary-2": ("shop-primary", ("app",), "100m", "96Mi"),
}
#: What docs/metrics.md has an administrator allow the controller.
ALLOWED = {"apiGroups": [GROUP], "resources": ["pods"], "verbs": ["list"]}
#: The API server has no certificate of its own for metrics-server here, and so is nobody to it.
NOBODY = {"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "system:anonymous"}


def pod(name: str) -> Manifest:
    app, containers, cpu, memory = PODS[name]
    usage = {"kwok.x-k8s.io/usage-cpu": cpu, "kwok.x-k8s.io/usage-memory": memory}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": app}, "annotations": usage},
        "spec": {
            "nodeName": NODE,
            "containers": [{"name": each, "image": f"{each}:1"} for each in containers],
        },
    }


def allowed(name: str, rules: list[Manifest], subject: Manifest) -> tuple[Manifest, Manifest]:
    """Make a role, and its binding to a user."""
    api = "rbac.authorization.k8s.io"
    meta = {"apiVersion": f"{api}/v1", "metadata": {"name": name}}
    role = {"apiGroup": api, "kind": "ClusterRole", "name": name}
    return (
        meta | {"kind": "ClusterRole", "rules": rules},
        meta | {"kind": "ClusterRoleBinding", "roleRef": role, "subjects": [subject]},
    )


async def create(client: httpx.AsyncClient, path: str, *objects: Manifest) -> None:
    for each in objects:
        (await client.post(path, json=each)).raise_for_status()


async def measured(client: httpx.AsyncClient, kubelet: int, server: int) -> None:
    """Have pods on a node, whose kubelet is kwok, and metrics-server answer for its group."""
    node = nodes.node(1)
    node["metadata"] = {
        "name": NODE,
        "labels": {"kubernetes.io/hostname": NODE},
        "annotations": {
            f"{GROUP}/resource-metrics-path": f"/metrics/nodes/{NODE}/metrics/resource"
        },
    }
    node["status"] |= {
        "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": kubelet}},
    }
    await create(client, "/api/v1/nodes", node)
    await create(client, "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    await create(client, f"/api/v1/namespaces/{NAMESPACE}/pods", *map(pod, PODS))
    answering = [
        ALLOWED | {"verbs": ["*"]},
        {"nonResourceURLs": [f"/apis/{GROUP}", f"/apis/{GROUP}/*"], "verbs": ["get"]},
    ]
    rbac = "/apis/rbac.authorization.k8s.io/v1"
    role, binding = allowed("nobody", answering, NOBODY)
    await create(client, f"{rbac}/clusterroles", role)
    await create(client, f"{rbac}/clusterrolebindings", binding)
    service = {
        "metadata": {"name": "metrics-server"},
        "spec": {"type": "ExternalName", "externalName": "localhost"},
    }
    await create(client, "/api/v1/namespaces/kube-system/services", service)
    where = {"namespace": "kube-system", "name": "metrics-server", "port": server}
    registered = {
        "metadata": {"name": f"v1beta1.{GROUP}"},
        "spec": {
            "service": where,
            "group": GROUP,
            "version": "v1beta1",
            "insecureSkipTLSVerify": True,
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
        },
    }
    await create(client, "/apis/apiregistration.k8s.io/v1/apiservices", registered)


def kubelet_arguments(folder: Path, kubeconfig: Path, port: int) -> list[str]:
    """Say to kwok that pods run, and that their annotations say what they use."""
    told = nodes.kwok_arguments(folder, "reported", kubeconfig)
    kwok = next(each for each in PROGRAMS if each.name == "kwok")
    files = module_files(f"{kwok.module}@{kwok.version}", "kustomize/metrics/", ".yaml")
    said = ("resource/metrics-resource.yaml", "usage/usage-from-annotation.yaml")
    documents = [files[f"kustomize/metrics/{each}"] for each in said]
    with (folder / "kwok.yaml").open("a") as configuration:
        configuration.write("".join(f"\n---\n{each}" for each in documents))
    return [*told, f"--server-address=127.0.0.1:{port}"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plane(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ControlPlane]:
    """Run a control plane with a node, kwok as its kubelet, and metrics-server."""
    folder = tmp_path_factory.mktemp("metrics-server")
    built = programs("kwok", "metrics-server")
    async with AsyncExitStack() as context:
        plane = await context.enter_async_context(
            ControlPlane(programs(), logs=folder / "logs", users=(TIDEGATE, STRANGER))
        )
        client = await context.enter_async_context(plane.client())
        kubelet, server = free_port(), free_port()
        await measured(client, kubelet, server)
        kubeconfigs = (f"--{each}kubeconfig" for each in ("", "authentication-", "authorization-"))
        told = {
            "kwok": kubelet_arguments(folder, plane.kubeconfig, kubelet),
            "metrics-server": [
                *(f"{each}={plane.kubeconfig}" for each in kubeconfigs),
                f"--cert-dir={folder / 'certificates'}",
                "--bind-address=127.0.0.1",
                f"--secure-port={server}",
                "--kubelet-use-node-status-port",
                "--kubelet-preferred-address-types=InternalIP",
                "--deprecated-kubelet-completely-insecure",
                "--kubelet-request-timeout=8s",
                "--metric-resolution=10s",
            ],
        }
        for name, arguments in told.items():
            log = folder / f"{name}.log"
            process = await start_program(built[name], *arguments, log=log)
            context.push_async_callback(stop_program, process, grace_seconds=5)

        async def all_are_measured() -> bool:
            path = f"/apis/{GROUP}/v1beta1/namespaces/{NAMESPACE}/pods"
            answer = await client.get(path)
            return answer.is_success and len(answer.json()["items"]) == len(PODS)

        await until(all_are_measured, "metrics-server has measured", seconds=_MEASURED_SECONDS)
        yield plane


async def asked(plane: ControlPlane, query: str, user: str = "", reduce: str = "") -> Outcome:
    """Ask the API server as a user, as a controller does of its own."""
    config = json.loads(plane.kubeconfig_of(user or "tester").read_text())
    provider = PodMetricsProvider(
        ProviderSpec(
            type="podmetrics",
            address=plane.url,
            credentials=Credentials(token=config["users"][0]["user"]["token"]),
            insecure_skip_verify=True,
            timeout=timedelta(seconds=60),
            options=(("reduce", reduce),) if reduce else (),
        )
    )
    try:
        return await provider.query(f"{NAMESPACE}/{query}", datetime.now(UTC), MINUTE)
    finally:
        await provider.close()


@pytest.mark.parametrize(
    ("query", "reduce", "mebibytes"),
    [
        pytest.param("memory?labelSelector=app=shop", "", 128, id="a pod with all its containers"),
        pytest.param("memory/app?labelSelector=app=shop", "", 64, id="one container"),
        pytest.param("memory?labelSelector=app=shop-primary", "max", 96, id="the largest pod"),
        pytest.param("memory?labelSelector=app=shop-primary", "avg", 64, id="the mean of pods"),
        pytest.param("memory", "sum", 256, id="all pods"),
    ],
)
async def test_what_pods_hold_is_read(
    plane: ControlPlane, query: str, reduce: str, mebibytes: int
) -> None:
    found = await asked(plane, query, reduce=reduce)
    assert isinstance(found, Sample)
    assert found.value == mebibytes * MEBIBYTE


async def test_cores_are_those_that_pods_use(plane: ControlPlane) -> None:
    """They are measured over the time between two looks, which a busy machine makes uneven."""
    canary = await asked(plane, "cpu?labelSelector=app=shop")
    primary = await asked(plane, "cpu?labelSelector=app=shop-primary", reduce="avg")
    assert isinstance(canary, Sample)
    assert isinstance(primary, Sample)
    assert 0.4 < canary.value < 1.6
    assert 0.05 < primary.value < 0.2


async def test_pods_are_several_series_and_none_is_no_data(plane: ControlPlane) -> None:
    with pytest.raises(Ambiguous, match="2 series"):
        await asked(plane, "memory?labelSelector=app=shop-primary")
    assert isinstance(await asked(plane, "memory?labelSelector=app=nobody"), NoData)
    assert isinstance(await asked(plane, "memory/nothing?labelSelector=app=shop"), NoData)


async def test_a_controller_asks_with_the_right_that_the_documentation_names(
    plane: ControlPlane,
) -> None:
    query = "memory?labelSelector=app=shop"
    with pytest.raises(LoginRefused, match="cannot list resource"):
        await asked(plane, query, user=TIDEGATE.name)
    subject = {"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": TIDEGATE.name}
    role, binding = allowed("metrics", [ALLOWED], subject)
    rbac = "/apis/rbac.authorization.k8s.io/v1"
    async with plane.client() as client:
        await create(client, f"{rbac}/clusterroles", role)
        await create(client, f"{rbac}/clusterrolebindings", binding)

    async def may() -> bool:
        try:
            found = await asked(plane, query, user=TIDEGATE.name)
        except LoginRefused:
            return False
        return isinstance(found, Sample) and found.value == 128 * MEBIBYTE

    await until(may, "the controller is answered")
    with pytest.raises(LoginRefused, match="cannot list resource"):
        await asked(plane, query, user=STRANGER.name)
