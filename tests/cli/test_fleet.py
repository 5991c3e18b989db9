"""`tidegate fleet approve`: what a person opens, and what of it the coordinator can read."""

from pathlib import Path
from typing import Any

import pytest

from canary.api.fleet_approval import WaveApproval, read_approvals
from canary.api.fleet_status import FleetApproval, FleetCanary, FleetFailure, FleetPlanStatus
from canary.api.hub import FLEET_PLAN
from canary.api.schema import hub_crds
from canary.cluster.cluster import Cluster
from canary.demo.embedded import CRD
from tests.builders import at
from tests.cli.running import tidegate

PLAN = "default/shop"


async def stated(hub: Cluster, *canaries: FleetCanary) -> None:
    """Have a hub with a plan whose coordinator says so."""
    for definition in hub_crds().values():
        await hub.create(definition, CRD)
    plan = {
        "apiVersion": "tidegate.dev/v1beta1",
        "kind": "FleetPlan",
        "metadata": {"name": "shop", "namespace": "default"},
        "spec": {"waves": [{"name": "all", "clusters": ["eu-1"]}]},
    }
    await hub.create(plan, FLEET_PLAN)
    await state(hub, *canaries)


async def state(hub: Cluster, *canaries: FleetCanary) -> None:
    document = FleetPlanStatus(canaries=canaries).model_dump(
        mode="json", by_alias=True, exclude_none=True
    )
    await hub.merge_patch(FLEET_PLAN, "default", "shop", {"status": document}, subresource="status")


async def approved(hub: Cluster) -> list[WaveApproval]:
    plan = await hub.read(FLEET_PLAN, "default", "shop")
    return list(read_approvals(plan["metadata"].get("annotations") or {}))


def under_way(name: str, release: str = "r2", **said: Any) -> FleetCanary:
    return FleetCanary(canary=f"shop/{name}", release=release, since=at(0), **said)


@pytest.mark.usefixtures("server")
async def test_a_cluster_that_is_no_hub_is_one_sentence(kubeconfig: Path) -> None:
    said = "there is no FleetPlan on this hub; is this its context?"
    code, output = await tidegate("fleet", "status", "--kubeconfig", str(kubeconfig))
    assert (code, output) == (1, f"Error: {said}\n")


async def test_an_approval_is_kept_beside_another_until_the_coordinator_has_seen_it(
    cluster: Cluster, kubeconfig: Path
) -> None:
    failed = FleetFailure(cluster="eu-1", run=2, at=at(0))
    await stated(cluster, under_way("cart", failures=(failed,)), under_way("web"))
    ask = ("fleet", "approve", PLAN, "all", "--kubeconfig", str(kubeconfig), "--canary")
    for name in ("shop/cart", "shop/web"):
        assert (await tidegate(*ask, name))[0] == 0
    (approval,) = await approved(cluster)
    assert approval.releases == {"shop/cart": "r2", "shop/web": "r2"}
    assert approval.since == dict.fromkeys(approval.releases, under_way("cart").began)
    assert approval.forgiven == {"shop/cart": ("eu-1/2",)}
    seen = FleetApproval(wave="all", by="alice", at=at(1))
    await state(cluster, under_way("cart", approvals=(seen,)), under_way("web"))
    assert (await tidegate(*ask, "shop/web"))[0] == 0
    (approval,) = await approved(cluster)
    assert (approval.releases, approval.forgiven) == ({"shop/web": "r2"}, {})


async def test_more_than_the_coordinator_reads_is_refused_with_the_way_out(
    cluster: Cluster, kubeconfig: Path
) -> None:
    await stated(cluster, *(under_way(f"app-{number}", "r" * 200) for number in range(400)))
    ask = ("fleet", "approve", PLAN, "all", "--kubeconfig", str(kubeconfig))
    code, output = await tidegate(*ask)
    assert code == 1
    assert "approve it for one after the other, with --canary" in output
    assert await approved(cluster) == []
    code, output = await tidegate(*ask, "--canary", "shop/app-7")
    assert code == 0, output
    (approval,) = await approved(cluster)
    assert approval.releases == {"shop/app-7": "r" * 200}
