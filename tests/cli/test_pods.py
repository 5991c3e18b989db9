"""`tidegate get --pods`: the pods of both sides, over HTTP."""

import json
from pathlib import Path
from typing import Any

import pytest

from canary.api.kinds import POD
from canary.api.meta import GROUP
from canary.cluster.cluster import Cluster
from canary.controller.canaries import canary_kind
from canary.targets import target_for
from tests.cli.running import tidegate
from tests.controller.faults import answer, proxied
from tests.controller.faults import kubeconfig as write_kubeconfig
from tidegate_embedded.apiserver import EmbeddedApiServer

PULL = {"waiting": {"reason": "ImagePullBackOff", "message": "no such image \x1b[2J"}}


async def a_pod(
    cluster: Cluster, name: str, owner: tuple[str, str], state: Any = None, **labels: str
) -> None:
    kind, of = owner
    owners = [{"apiVersion": "apps/v1", "kind": kind, "name": of, "uid": "u", "controller": True}]
    await cluster.create(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": name,
                "namespace": "default",
                "labels": {key.replace("_", "-"): value for key, value in labels.items()},
                "ownerReferences": owners,
            },
            "spec": {"containers": [{"name": "app", "image": "x"}]},
        },
        POD,
    )
    container = {
        "name": "app", "ready": state is None, "restartCount": 0, "image": "x", "imageID": "x",
        "state": state or {"running": {}},
    }  # fmt: skip
    status = {"status": {"phase": "Running", "containerStatuses": [container]}}
    await cluster.merge_patch(POD, "default", name, status, subresource="status")


async def of_a_deployment(cluster: Cluster) -> None:
    for workload, state in (("podinfo", PULL), ("podinfo-primary", None), ("other", None)):
        owner = ("ReplicaSet", f"{workload}-abc")
        await a_pod(cluster, f"{workload}-abc-1", owner, state, pod_template_hash="abc")
    await a_pod(cluster, "job-1", ("Job", "podinfo"))


async def sides(kubeconfig: Path) -> list[tuple[str, str]]:
    code, output = await tidegate(
        "get", "podinfo", "--pods", "-o", "json", "--kubeconfig", str(kubeconfig)
    )
    assert code == 0, output
    return [(each["side"], each["name"]) for each in json.loads(output.splitlines()[0])["pods"]]


async def test_the_pods_of_both_sides_are_listed_with_why_one_does_not_run(
    cluster: Cluster, kubeconfig: Path
) -> None:
    await of_a_deployment(cluster)
    code, output = await tidegate("get", "podinfo", "--pods", "--kubeconfig", str(kubeconfig))
    assert code == 0, output
    rows = [line.split()[:4] for line in output.splitlines()]
    assert ["canary", "podinfo-abc-1", "0/1", "ImagePullBackOff"] in rows
    assert ["primary", "podinfo-primary-abc-1", "1/1", "Running"] in rows
    assert "podinfo-abc-1: container app: no such image" in output
    assert "\x1b" not in output
    assert ("other-abc-1" in output, "job-1" in output) == (False, False)


async def test_programs_get_them_beside_the_view(cluster: Cluster, kubeconfig: Path) -> None:
    await of_a_deployment(cluster)
    assert await sides(kubeconfig) == [
        ("canary", "podinfo-abc-1"),
        ("primary", "podinfo-primary-abc-1"),
    ]
    _, output = await tidegate("get", "podinfo", "-o", "json", "--kubeconfig", str(kubeconfig))
    assert "pods" not in json.loads(output.splitlines()[0])


async def test_of_a_target_that_is_kept_its_own_pods_are_the_primary(
    cluster: Cluster, kubeconfig: Path
) -> None:
    await cluster.merge_patch(
        canary_kind(GROUP), "default", "podinfo", {"spec": {"keepTarget": True}}
    )
    for workload in ("podinfo", "podinfo-canary"):
        owner = ("ReplicaSet", f"{workload}-abc")
        await a_pod(cluster, f"{workload}-abc-1", owner, pod_template_hash="abc")
    assert await sides(kubeconfig) == [
        ("canary", "podinfo-canary-abc-1"),
        ("primary", "podinfo-abc-1"),
    ]


@pytest.mark.parametrize(
    ("newest", "canaries"), [("new", ["podinfo-2"]), ("old", []), ("", []), (None, [])]
)
async def test_of_a_stateful_set_the_pods_of_its_newest_revision_are_the_canarys(
    cluster: Cluster, kubeconfig: Path, newest: str | None, canaries: list[str]
) -> None:
    reference = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "podinfo"}
    await cluster.merge_patch(
        canary_kind(GROUP), "default", "podinfo", {"spec": {"targetRef": reference}}
    )
    if newest is not None:
        await a_stateful_set(cluster, newest)
    for number, revision in enumerate(("old", "old", "new")):
        owner = ("StatefulSet", "podinfo")
        await a_pod(cluster, f"podinfo-{number}", owner, controller_revision_hash=revision)
    found = await sides(kubeconfig)
    assert [name for side, name in found if side == "canary"] == canaries
    assert len(found) == 3


async def a_stateful_set(cluster: Cluster, newest: str) -> None:
    kind, labels = target_for("StatefulSet").kind, {"app": "podinfo"}
    made = await cluster.create(
        {
            "apiVersion": "apps/v1",
            "kind": "StatefulSet",
            "metadata": {"name": "podinfo", "namespace": "default"},
            "spec": {
                "replicas": 3,
                "serviceName": "podinfo",
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {"containers": [{"name": "app", "image": "x"}]},
                },
            },
        },
        kind,
    )
    status = {
        "observedGeneration": made["metadata"]["generation"], "replicas": 3,
        "currentRevision": "old", "updateRevision": newest,
    }  # fmt: skip
    await cluster.merge_patch(kind, "default", "podinfo", {"status": status}, subresource="status")


async def test_who_may_not_list_pods_is_told_so(
    cluster: Cluster, server: EmbeddedApiServer, tmp_path: Path
) -> None:
    async with proxied(server.url) as proxy:
        proxy.meet("GET .*/pods", answer(403), always=True)
        config = str(write_kubeconfig(tmp_path / "proxied", proxy.url))
        code, output = await tidegate("get", "podinfo", "--pods", "--kubeconfig", config)
        assert (code, output.startswith("Error: ")) == (1, True)


async def test_without_pods_there_are_none(cluster: Cluster, kubeconfig: Path) -> None:
    _, output = await tidegate("get", "podinfo", "--pods", "--kubeconfig", str(kubeconfig))
    assert "There are no pods of either side." in output


async def a_deployment(cluster: Cluster, name: str, *, replicas: int, ready: int) -> None:
    kind, labels = target_for("Deployment").kind, {"app": name}
    await cluster.create(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {"containers": [{"name": "app", "image": "x"}]},
                },
            },
        },
        kind,
    )
    status = {"status": {"replicas": replicas, "availableReplicas": ready}}
    await cluster.merge_patch(kind, "default", name, status, subresource="status")


async def test_the_ready_pods_of_both_sides_are_counted(cluster: Cluster, kubeconfig: Path) -> None:
    await a_deployment(cluster, "podinfo", replicas=1, ready=0)
    get = ("get", "podinfo", "--kubeconfig", str(kubeconfig))
    _, output = await tidegate(*get)
    assert "pods canary 0/1 ready" in output.splitlines()
    await a_deployment(cluster, "podinfo-primary", replicas=3, ready=2)
    _, output = await tidegate(*get)
    assert "pods primary 2/3 ready  canary 0/1 ready" in output.splitlines()
    _, output = await tidegate(*get, "-o", "json")
    assert json.loads(output.splitlines()[0])["ready"] == [
        {"side": "primary", "ready": 2, "wanted": 3},
        {"side": "canary", "ready": 0, "wanted": 1},
    ]


async def test_who_may_not_read_workloads_sees_the_rest(
    cluster: Cluster, server: EmbeddedApiServer, tmp_path: Path
) -> None:
    await a_deployment(cluster, "podinfo", replicas=1, ready=1)
    async with proxied(server.url) as proxy:
        proxy.meet("GET .*/deployments", answer(403), always=True)
        config = str(write_kubeconfig(tmp_path / "proxied", proxy.url))
        code, output = await tidegate("get", "podinfo", "--kubeconfig", config)
        assert (code, "pods " in output, "podinfo" in output) == (0, False, True)
