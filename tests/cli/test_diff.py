"""`tidegate diff`: the target beside the primary, in a cluster."""

from copy import deepcopy
from pathlib import Path
from typing import Any

from canary.api.kinds import (
    CONFIG_MAP,
    CONTROLLER_REVISION,
    DEPLOYMENT,
    SECRET,
    STATEFUL_SET,
    Kind,
)
from canary.api.meta import GROUP
from canary.cluster.cluster import Cluster
from canary.controller.canaries import canary_kind
from tests.cli.conftest import CANARY
from tests.cli.running import tidegate


def deployment(name: str, image: str, suffix: str = "") -> dict[str, Any]:
    container = {
        "name": "app",
        "image": image,
        "envFrom": [
            {"configMapRef": {"name": f"flags{suffix}"}},
            {"secretRef": {"name": f"keys{suffix}"}},
        ],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [container]},
            },
        },
    }


async def config(cluster: Cluster, kind: Kind, name: str, **content: Any) -> None:
    metadata = {"name": name, "namespace": "default"}
    await cluster.create(
        {"apiVersion": "v1", "kind": kind.kind, "metadata": metadata, **content}, kind
    )


async def test_what_the_release_changes_is_shown_without_a_secret(
    cluster: Cluster, kubeconfig: Path
) -> None:
    copied = "-podinfo-0123456789ab"
    target = deployment("podinfo", "shop:6.1")
    await cluster.create(target, DEPLOYMENT)
    await cluster.create(deployment("podinfo-primary", "shop:6.0", copied), DEPLOYMENT)
    for suffix, value in (("", "new"), (copied, "old")):
        await config(
            cluster, CONFIG_MAP, f"flags{suffix}", data={"limits.yaml": value, "same": "1"}
        )
        await config(cluster, SECRET, f"keys{suffix}", stringData={"token": value})
    options = ("podinfo", "--kubeconfig", str(kubeconfig))
    code, output = await tidegate("diff", *options)
    assert (code, output.splitlines()) == (
        0,
        [
            "image app: shop:6.0 → shop:6.1",
            "configmap flags: limits.yaml changed",
            "secret keys: token changed (values not shown)",
        ],
    )
    assert (await tidegate("diff", *options, "--exit-code"))[0] == 3
    code, output = await tidegate("diff", *options, "-o", "json")
    assert (code, '"where": "keys"' in output, "bmV3" in output) == (0, True, False)


async def test_a_target_that_is_promoted_changes_nothing(
    cluster: Cluster, kubeconfig: Path
) -> None:
    for name in ("podinfo", "podinfo-primary"):
        await cluster.create(deepcopy(deployment(name, "shop:6.0")), DEPLOYMENT)
    options = ("podinfo", "--kubeconfig", str(kubeconfig))
    assert await tidegate("diff", *options, "--exit-code") == (
        0,
        "Nothing changes: the target is what is promoted.\n",
    )


async def stateful_set(cluster: Cluster, image: str, serving: str) -> None:
    """Have a StatefulSet under the Canary `shop`, whose pods run the image 6.0 of a revision."""
    canary = deepcopy(CANARY)
    canary["metadata"]["name"] = "shop"
    canary["spec"] |= {
        "targetRef": {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "shop"},
        "provider": "kubernetes:replicas",
    }
    await cluster.create(canary, canary_kind(GROUP))
    app = deployment("shop", image) | {"kind": "StatefulSet"}
    app["spec"]["serviceName"] = "shop"
    made = await cluster.create(app, STATEFUL_SET)
    status = {"replicas": 3, "currentRevision": serving, "updateRevision": "shop-new"}
    await cluster.merge_patch(
        STATEFUL_SET, "default", "shop", {"status": status}, subresource="status"
    )
    template = made["spec"]["template"] | {"$patch": "replace"}
    template["spec"]["containers"][0]["image"] = "shop:6.0"
    revision = {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {"name": "shop-old", "namespace": "default"},
        "revision": 1,
        "data": {"spec": {"template": template}},
    }
    await cluster.create(revision, CONTROLLER_REVISION)


async def test_of_a_stateful_set_the_template_is_compared_with_what_its_pods_run(
    cluster: Cluster, kubeconfig: Path
) -> None:
    await stateful_set(cluster, "shop:6.1", serving="shop-old")
    options = ("shop", "--kubeconfig", str(kubeconfig))
    code, output = await tidegate("diff", *options, "--exit-code")
    assert (code, output.splitlines()[0]) == (3, "image app: shop:6.0 → shop:6.1")


async def test_a_stateful_set_whose_pods_run_its_template_changes_nothing(
    cluster: Cluster, kubeconfig: Path
) -> None:
    await stateful_set(cluster, "shop:6.0", serving="shop-old")
    options = ("shop", "--kubeconfig", str(kubeconfig))
    assert await tidegate("diff", *options, "--exit-code") == (
        0,
        "Nothing changes: the target is what is promoted.\n",
    )


async def test_a_stateful_set_that_no_controller_has_seen_has_nothing_to_compare(
    cluster: Cluster, kubeconfig: Path
) -> None:
    await stateful_set(cluster, "shop:6.0", serving="")
    assert await tidegate("diff", "shop", "--kubeconfig", str(kubeconfig)) == (
        1,
        (
            "Error: default/shop: there are no two sides to compare: StatefulSet shop names no "
            "revision that its pods run yet\n"
        ),
    )


async def test_without_a_primary_there_is_nothing_to_compare(
    cluster: Cluster, kubeconfig: Path
) -> None:
    code, output = await tidegate("diff", "podinfo", "--kubeconfig", str(kubeconfig))
    assert (code, output.startswith("Error: default/podinfo: there are no two sides")) == (1, True)
