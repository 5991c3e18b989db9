"""Which Canary is meant, where neither its namespace nor its API group is written."""

import json
from pathlib import Path
from typing import Any

import pytest

from canary.api.meta import GROUP, PEER_GROUP
from canary.cli.orphans import NAMESPACE
from canary.cluster.cluster import Cluster
from canary.controller.canaries import canary_kind
from canary.demo import manifests
from canary.demo.embedded import CRD
from tests.cli.conftest import CANARY
from tests.cli.running import tidegate
from tests.cli.test_errors import said
from tests.controller.faults import answer, proxied
from tests.controller.faults import kubeconfig as write_kubeconfig
from tests.controller.test_peer import peer_crd
from tidegate_embedded.apiserver import EmbeddedApiServer

READING = ("get", "explain", "history", "events", "metrics")


async def create(cluster: Cluster, namespace: str, name: str, group: str = GROUP) -> None:
    if namespace != "default":
        await cluster.create(manifests.namespace(namespace), NAMESPACE)
    canary: dict[str, Any] = CANARY | {
        "apiVersion": f"{group}/v1beta1",
        "metadata": {"name": name, "namespace": namespace},
    }
    await cluster.create(canary, canary_kind(group))


def kubeconfig_of(kubeconfig: Path) -> tuple[str, str]:
    return ("--kubeconfig", str(kubeconfig))


@pytest.mark.parametrize("command", READING)
async def test_one_who_reads_finds_a_canary_in_whichever_namespace_it_is(
    cluster: Cluster, kubeconfig: Path, command: str
) -> None:
    await create(cluster, "shop", "cart")
    there = await tidegate(command, "shop/cart", *kubeconfig_of(kubeconfig))
    found = await tidegate(command, "cart", "-A", *kubeconfig_of(kubeconfig))
    assert found == there


async def test_of_several_with_one_name_none_is_taken(cluster: Cluster, kubeconfig: Path) -> None:
    for namespace in ("eu", "us"):
        await create(cluster, namespace, "cart")
    assert await said("get", "cart", "-A", *kubeconfig_of(kubeconfig)) == (
        1,
        "there are 2 Canaries cart: eu/cart, us/cart; write NAMESPACE/NAME",
    )


async def test_one_that_is_nowhere_is_told_so(cluster: Cluster, kubeconfig: Path) -> None:
    assert await said("get", "cart", "-A", *kubeconfig_of(kubeconfig)) == (
        1,
        "there is no Canary cart in any namespace; tidegate list -A names them all",
    )


async def test_nothing_is_found_in_a_cluster_without_canaries(
    server: EmbeddedApiServer, kubeconfig: Path
) -> None:
    code, sentence = await said("get", "cart", "-A", *kubeconfig_of(kubeconfig))
    assert (code, "does not serve canaries.tidegate.dev" in sentence) == (1, True)


@pytest.mark.parametrize(
    "arguments", [["get", "cart", "-n", "shop"], ["get", "shop/cart"], ["doctor", "-n", "shop"]]
)
async def test_a_namespace_and_all_of_them_are_wrong_usage(arguments: list[str]) -> None:
    code, output = await tidegate(*arguments, "-A")
    assert (code, "choose one of --namespace and --all-namespaces" in output) == (2, True)


@pytest.mark.parametrize("arguments", [("wait", "--timeout", "1s"), ("plan",)], ids=" ".join)
async def test_who_waits_or_plans_need_not_know_the_namespace(
    cluster: Cluster, kubeconfig: Path, arguments: tuple[str, ...]
) -> None:
    await create(cluster, "shop", "cart")
    command, *options = arguments
    there = await tidegate(command, "shop/cart", *options, *kubeconfig_of(kubeconfig))
    found = await tidegate(command, "cart", *options, "-A", *kubeconfig_of(kubeconfig))
    assert found == there
    assert "shop" in there[1]


@pytest.mark.parametrize("command", ["replay", "backtest"])
async def test_who_judges_the_past_need_not_know_the_namespace(
    cluster: Cluster, kubeconfig: Path, command: str
) -> None:
    await create(cluster, "shop", "cart")
    past = ["--from", "2026-03-01T14:00:00Z", "--to", "2026-03-02T14:00:00Z"]
    there = await tidegate(command, "shop/cart", *past, *kubeconfig_of(kubeconfig))
    found = await tidegate(command, "cart", "-A", *past, *kubeconfig_of(kubeconfig))
    assert found == there
    assert "there is no Canary" not in there[1]


@pytest.mark.parametrize("command", ["approve", "abort", "promote"])
async def test_who_commands_says_in_which_namespace(command: str) -> None:
    code, output = await tidegate(command, "cart", "-A")
    assert (code, "No such option" in output) == (2, True)


@pytest.mark.parametrize("everywhere", [(), ("-A",)], ids=["here", "anywhere"])
async def test_a_canary_of_the_peers_group_is_found_without_naming_the_group(
    cluster: Cluster, kubeconfig: Path, everywhere: tuple[str, ...]
) -> None:
    await cluster.create(peer_crd(), CRD)
    await create(cluster, "default", "cart", PEER_GROUP)
    code, output = await tidegate("get", "cart", *everywhere, *kubeconfig_of(kubeconfig))
    assert (code, output.split()[0]) == (0, "default/cart"), output


async def test_where_only_the_peers_group_is_served_it_is_the_one_that_is_meant(
    server: EmbeddedApiServer, kubeconfig: Path
) -> None:
    async with Cluster.connect(kubeconfig=str(kubeconfig)) as cluster:
        await cluster.create(peer_crd(), CRD)
        await create(cluster, "default", "cart", PEER_GROUP)
    assert await said("get", "carts", *kubeconfig_of(kubeconfig)) == (
        1,
        "there is no Canary carts in namespace default; did you mean cart?",
    )


async def test_of_two_groups_ours_is_meant_and_anywhere_asks_which(
    cluster: Cluster, kubeconfig: Path
) -> None:
    await cluster.create(peer_crd(), CRD)
    await create(cluster, "default", "podinfo", PEER_GROUP)
    code, output = await tidegate("get", "podinfo", "-o", "json", *kubeconfig_of(kubeconfig))
    assert (code, json.loads(output)["group"]) == (0, GROUP)
    assert await said("get", "podinfo", "-A", *kubeconfig_of(kubeconfig)) == (
        1,
        "default/podinfo is in two API groups: choose one with --api-group",
    )
    code, output = await tidegate(
        *("get", "podinfo", "-A", "-o", "json", "--api-group", PEER_GROUP),
        *kubeconfig_of(kubeconfig),
    )
    assert (code, json.loads(output)["group"]) == (0, PEER_GROUP)


async def test_who_may_not_read_canaries_is_told_of_ours(
    cluster: Cluster, server: EmbeddedApiServer, tmp_path: Path
) -> None:
    async with proxied(server.url) as proxy:
        proxy.meet(r"GET .*/canaries/podinfo", answer(403), always=True)
        config = write_kubeconfig(tmp_path / "config", proxy.url)
        code, sentence = await said("get", "podinfo", "--kubeconfig", str(config))
    assert (code, "ask an admin for this permission" in sentence) == (1, True)
