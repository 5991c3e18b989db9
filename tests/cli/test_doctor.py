"""`tidegate doctor`: what is wrong in a cluster, each with what to do."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from canary.api.kinds import POD, SERVICE
from canary.api.meta import GROUP
from canary.api.schema import crds
from canary.cluster.cluster import Cluster
from canary.controller.canaries import canary_kind
from canary.demo.embedded import CRD
from canary.replicas.leases import LEASE
from canary.replicas.presence import Scope
from tests.cli.running import tidegate
from tests.controller.faults import answer, proxied
from tests.controller.faults import kubeconfig as write_kubeconfig
from tidegate_embedded.apiserver import EmbeddedApiServer


async def examined(kubeconfig: Path, *arguments: str) -> tuple[int, list[tuple[str, str, str]]]:
    code, output = await tidegate(
        "doctor", "-o", "json", "--kubeconfig", str(kubeconfig), *arguments
    )
    rows = json.loads(output.splitlines()[0])["examined"]
    return code, [(each["state"], each["what"], each["message"]) for each in rows]


def lease(version: str, *, ahead: timedelta = timedelta()) -> dict[str, Any]:
    scope = Scope(version=version, groups=frozenset({GROUP}), namespaces=frozenset())
    now = f"{datetime.now(UTC) + ahead:%Y-%m-%dT%H:%M:%S.%fZ}"
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "tidegate", "namespace": "default", **scope.metadata},
        "spec": {"holderIdentity": "pod-1", "renewTime": now, "leaseDurationSeconds": 3600},
    }


async def test_a_cluster_in_which_a_controller_acts_is_found_sound(
    cluster: Cluster, kubeconfig: Path
) -> None:
    await cluster.delete(canary_kind(GROUP), "default", "podinfo")
    await cluster.create(lease(""), LEASE)
    code, rows = await examined(kubeconfig)
    assert (code, [row for row in rows if row[0] == "bad"]) == (0, [])
    told = {(what, message.split(" ")[0]) for state, what, message in rows if state == "good"}
    assert told >= {
        ("API server", "Kubernetes"),
        ("CRD", "canaries.tidegate.dev"),
        ("CRD", "metrictemplates.tidegate.dev"),
        ("CRD", "alertproviders.tidegate.dev"),
        ("controller", "pod-1"),
        ("clock", "pod-1"),
        ("Canaries", "there"),
    }


async def test_what_is_wrong_is_named_with_what_to_do(cluster: Cluster, kubeconfig: Path) -> None:
    await cluster.create(lease("0.0.1"), LEASE)
    versions = [older(each) for each in crds()["Canary"]["spec"]["versions"]]
    await cluster.merge_patch(CRD, "", "canaries.tidegate.dev", {"spec": {"versions": versions}})
    await cluster.create(pod(), POD)
    state = {"name": "controller", "ready": False, "restartCount": 3, "image": "x", "imageID": "x"}
    status = {"status": {"containerStatuses": [state]}}
    await cluster.merge_patch(POD, "default", "tidegate-1", status, subresource="status")
    code, rows = await examined(kubeconfig)
    wrong = {(what, message) for state, what, message in rows if state == "bad"}
    assert code == 3
    assert {what for what, _ in wrong} == {"CRD", "version", "pod", "router"}
    assert any("kubectl apply --server-side" in message for what, message in wrong if what == "CRD")
    assert ("pod", "default/tidegate-1: 0 of 1 containers ready, 3 restarts") in wrong
    assert (
        "router",
        (
            "router istio needs virtualservices.networking.istio.io, which the cluster does not "
            "serve: install it"
        ),
    ) in wrong


@pytest.mark.parametrize(
    ("ahead", "told"),
    # Half a minute more: some of it may be gone until the Lease is stored.
    [
        (timedelta(hours=5, minutes=30, seconds=30), "5h30m ahead of"),
        (-timedelta(hours=5, minutes=30, seconds=30), "5h30m behind"),
    ],
    ids=["ahead", "behind"],
)
async def test_a_controllers_clock_is_compared_with_the_api_servers(
    cluster: Cluster, kubeconfig: Path, ahead: timedelta, told: str
) -> None:
    await cluster.create(lease("", ahead=ahead), LEASE)
    (row,) = [row for row in (await examined(kubeconfig))[1] if row[1] == "clock"]
    effect = "its deadlines, windows and queries are off by as much"
    remedy = "synchronize the clocks of the nodes"
    assert row == ("bad", "clock", f"pod-1's is {told} the API server's: {effect}; {remedy}")


def older(version: dict[str, Any]) -> dict[str, Any]:
    spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    kept = {key: each for key, each in spec["properties"].items() if key != "suspend"}
    schema = version["schema"]["openAPIV3Schema"]
    properties = schema["properties"] | {"spec": spec | {"properties": kept}}
    return version | {"schema": {"openAPIV3Schema": schema | {"properties": properties}}}


def pod() -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "tidegate-1",
            "namespace": "default",
            "labels": {"app.kubernetes.io/name": "tidegate"},
        },
        "spec": {"containers": [{"name": "controller", "image": "tidegate"}]},
    }


async def test_others_that_write_into_what_is_ours_are_named(
    cluster: Cluster, server: EmbeddedApiServer, kubeconfig: Path
) -> None:
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "podinfo-canary", "namespace": "default"},
        "spec": {"ports": [{"port": 80}]},
    }
    await cluster.create(service, SERVICE)
    ours = [row for row in (await examined(kubeconfig))[1] if "podinfo-canary" in row[1]]
    assert ours == []
    other = service | {"metadata": {"name": "podinfo-primary", "namespace": "default"}}
    async with httpx.AsyncClient(base_url=server.url) as client:
        path, query = "/api/v1/namespaces/default/services", {"fieldManager": "argocd-controller"}
        (await client.post(path, params=query, json=other)).raise_for_status()
    rows = (await examined(kubeconfig))[1]
    assert (
        "bad",
        "Service default/podinfo-primary",
        "argocd-controller writes its spec too: take it out of there, or the two undo each other",
    ) in rows


async def test_what_may_not_be_read_is_no_failure(
    cluster: Cluster, server: EmbeddedApiServer, tmp_path: Path
) -> None:
    async with proxied(server.url) as proxy:
        proxy.meet("GET", *[answer(403, {"message": "no"})] * 99)
        path = write_kubeconfig(tmp_path / "config", proxy.url)
        code, rows = await examined(path)
    assert (code, {state for state, _, _ in rows} - {"good"}) == (0, {"unknown"})
