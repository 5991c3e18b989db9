"""Canaries that are being deleted without a controller: listed, and released on request."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from canary.api.kinds import DAEMON_SET, DEPLOYMENT, Manifest
from canary.api.meta import GROUP
from canary.cluster.cluster import Cluster
from canary.controller.canaries import FINALIZER, canary_kind
from canary.demo import manifests
from canary.errors import NotFound
from tests.cli.leases import create_lease
from tests.cli.running import tidegate

CANARY = canary_kind(GROUP)
OTHERS = "example.com/keep"


@pytest.fixture
async def deleted(cluster: Cluster) -> None:
    """Delete the Canary while it has a finalizer of ours and one of somebody else."""
    held = {"metadata": {"finalizers": [OTHERS, FINALIZER]}}
    await cluster.merge_patch(CANARY, "default", "podinfo", held)
    await cluster.delete(CANARY, "default", "podinfo")


async def serve(cluster: Cluster, name: str, available: int) -> None:
    app = manifests.deployment("1", name=name, namespace="default")
    await cluster.create(app, DEPLOYMENT)
    status: dict[str, Any] = {"replicas": available, "availableReplicas": available}
    await cluster.merge_patch(DEPLOYMENT, "default", name, {"status": status}, subresource="status")


async def read(cluster: Cluster) -> Manifest:
    return await cluster.read(CANARY, "default", "podinfo")


async def test_where_nobody_waits_that_is_said(cluster: Cluster, kubeconfig: Path) -> None:
    code, output = await tidegate("orphans", "--kubeconfig", str(kubeconfig))
    assert (code, output) == (0, "No Canary is waiting for a controller.\n")


async def test_they_are_listed_and_left_alone(
    cluster: Cluster, kubeconfig: Path, deleted: None
) -> None:
    code, output = await tidegate("orphans", "--kubeconfig", str(kubeconfig))
    assert code == 0, output
    assert "default/podinfo (tidegate.dev) was deleted " in output
    assert FINALIZER in (await read(cluster))["metadata"]["finalizers"]
    elsewhere = await tidegate("orphans", "-n", "shop", "--kubeconfig", str(kubeconfig))
    assert elsewhere == (0, "No Canary is waiting for a controller.\n")


async def test_our_finalizer_is_removed_and_no_other(
    cluster: Cluster, kubeconfig: Path, deleted: None
) -> None:
    code, output = await tidegate("orphans", "--release", "--kubeconfig", str(kubeconfig))
    assert code == 0, output
    assert "default/podinfo is released" in output
    assert (await read(cluster))["metadata"]["finalizers"] == [OTHERS]


async def test_who_has_no_other_finalizer_is_gone(cluster: Cluster, kubeconfig: Path) -> None:
    held = {"metadata": {"finalizers": [FINALIZER]}}
    await cluster.merge_patch(CANARY, "default", "podinfo", held)
    await cluster.delete(CANARY, "default", "podinfo")
    await tidegate("orphans", "--release", "--kubeconfig", str(kubeconfig))
    with pytest.raises(NotFound):
        await read(cluster)


async def test_a_controller_that_is_there_is_not_forestalled(
    cluster: Cluster, kubeconfig: Path, deleted: None
) -> None:
    await create_lease(cluster, datetime.now(UTC) + timedelta(hours=1))
    code, output = await tidegate("orphans", "--release", "--kubeconfig", str(kubeconfig))
    assert code == 6
    assert "a controller is running (Lease default/tidegate)" in output
    assert FINALIZER in (await read(cluster))["metadata"]["finalizers"]
    there = ("--release", "--force", "--kubeconfig", str(kubeconfig))
    assert (await tidegate("orphans", *there))[0] == 0


async def test_a_primary_that_alone_serves_is_not_taken_away_unasked(
    cluster: Cluster, kubeconfig: Path, deleted: None
) -> None:
    await serve(cluster, "podinfo", 0)
    await serve(cluster, "podinfo-primary", 3)
    code, output = await tidegate("orphans", "--release", "--kubeconfig", str(kubeconfig))
    assert code == 6
    assert "first run kubectl scale deployment/podinfo -n default --replicas=3" in output
    assert FINALIZER in (await read(cluster))["metadata"]["finalizers"]


async def test_a_target_without_replicas_is_run_again_by_a_patch(
    cluster: Cluster, kubeconfig: Path, deleted: None
) -> None:
    reference = {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "podinfo"}
    await cluster.merge_patch(CANARY, "default", "podinfo", {"spec": {"targetRef": reference}})
    app = manifests.deployment("1", name="podinfo-primary", namespace="default")
    del app["spec"]["replicas"]
    await cluster.create(app | {"kind": "DaemonSet"}, DAEMON_SET)
    status = {"numberAvailable": 3}
    await cluster.merge_patch(
        DAEMON_SET, "default", "podinfo-primary", {"status": status}, subresource="status"
    )
    code, output = await tidegate("orphans", "--kubeconfig", str(kubeconfig))
    assert code == 0
    words = " ".join(output.split())
    assert "first run kubectl patch daemonset/podinfo -n default --type merge -p '{" in words


async def test_a_primary_beside_a_target_that_serves_may_go(
    cluster: Cluster, kubeconfig: Path, deleted: None
) -> None:
    await serve(cluster, "podinfo", 1)
    await serve(cluster, "podinfo-primary", 3)
    code, output = await tidegate("orphans", "--release", "--kubeconfig", str(kubeconfig))
    assert code == 0, output
