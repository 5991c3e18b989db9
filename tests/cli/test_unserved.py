"""A Canary that no controller takes by its labels: each command that shows it says so."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from canary.api.kinds import Manifest
from canary.api.meta import GROUP
from canary.cluster.cluster import Cluster
from canary.controller.canaries import canary_kind
from canary.demo.manifests import canary
from canary.replicas.leases import LEASE
from canary.replicas.presence import Scope
from tests.cli.running import tidegate
from tests.controller.faults import answer, proxied
from tests.controller.faults import kubeconfig as write_kubeconfig
from tidegate_embedded.apiserver import EmbeddedApiServer

CANARY = canary_kind(GROUP)
LABEL = "tidegate.dev/controller"
STANDING = f"{LABEL}!=next"
SAID = f"no controller takes its labels: the one of Lease default/tidegate takes {STANDING}"


def lease(selector: str, *namespaces: str, name: str = "tidegate") -> Manifest:
    scope = Scope(
        version="", groups=frozenset({GROUP}), namespaces=frozenset(namespaces), selector=selector
    )
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": name, "namespace": "default", **scope.metadata},
        "spec": {"holderIdentity": "pod-1", "renewTime": now, "leaseDurationSeconds": 3600},
    }


async def label(cluster: Cluster, value: str) -> None:
    metadata = {"labels": {LABEL: value}}
    await cluster.merge_patch(CANARY, "default", "podinfo", {"metadata": metadata})


async def outputs(kubeconfig: Path) -> dict[str, str]:
    commands = {
        "list": (),
        "status": ("podinfo",),
        "explain": ("podinfo",),
        "plan": ("podinfo",),
        "doctor": ("-n", "default"),
    }
    return {
        name: (await tidegate(name, *arguments, "--kubeconfig", str(kubeconfig)))[1]
        for name, arguments in commands.items()
    }


async def test_every_command_that_shows_it_names_who_takes_others(
    cluster: Cluster, kubeconfig: Path
) -> None:
    await cluster.create(lease(STANDING), LEASE)
    await label(cluster, "next")
    found = await outputs(kubeconfig)
    assert {name for name, output in found.items() if SAID in " ".join(output.split())} == {*found}
    assert f"with the labels {STANDING}" in found["doctor"]
    code, output = await tidegate("plan", "podinfo", "-o", "json", "--kubeconfig", str(kubeconfig))
    assert (
        code,
        json.loads(output.splitlines()[0] if code == 0 else output[: output.rindex("}") + 1])[
            "plans"
        ][0]["unserved"],
    ) == (code, SAID)


async def test_of_one_that_is_taken_and_where_leases_may_not_be_listed_nothing_is_said(
    cluster: Cluster, server: EmbeddedApiServer, kubeconfig: Path, tmp_path: Path
) -> None:
    await cluster.create(lease(STANDING), LEASE)
    found = await outputs(kubeconfig)
    assert [name for name, output in found.items() if "no controller" in output] == []
    await label(cluster, "next")
    async with proxied(server.url) as proxy:
        proxy.meet("GET .*leases", answer(403), always=True)
        found = await outputs(write_kubeconfig(tmp_path / "config", proxy.url))
    assert [name for name, output in found.items() if "no controller" in output] == []


async def test_of_another_namespace_it_says_that_none_serves_it(
    cluster: Cluster, kubeconfig: Path
) -> None:
    await cluster.create(lease(STANDING, "shop"), LEASE)
    found = await outputs(kubeconfig)
    said = f"no controller serves {GROUP} in namespace default; the one of Lease default/tidegate"
    assert {name for name, output in found.items() if said in " ".join(output.split())} == {*found}


async def test_a_list_names_a_controller_that_is_gone_by_its_last_renewal(
    cluster: Cluster, kubeconfig: Path
) -> None:
    gone = lease("")
    gone["spec"] |= {"renewTime": "2026-01-01T09:00:00.000000Z", "leaseDurationSeconds": 15}
    await cluster.create(gone, LEASE)
    code, output = await tidegate("list", "--kubeconfig", str(kubeconfig))
    said = "no controller is running: Lease default/tidegate was last renewed at 2026-01-01"
    assert (code, said in " ".join(output.split())) == (0, True)


async def test_of_many_a_list_names_the_first_and_counts_the_others(
    cluster: Cluster, kubeconfig: Path
) -> None:
    await cluster.create(lease(f"{LABEL}=next"), LEASE)
    for number in range(6):
        manifest = canary("istio", name=f"app-{number}", namespace="default")
        await cluster.create(manifest, CANARY)
    _, output = await tidegate("list", "--kubeconfig", str(kubeconfig))
    assert output.count("no controller takes its labels") == 5
    assert "And 2 more that no controller takes." in output


@pytest.mark.parametrize("written", ["tier in (a", 7], ids=["broken", "no text"])
def test_a_lease_with_a_selector_that_cannot_be_read_is_taken_to_take_all(written) -> None:
    scope = Scope(
        version="", groups=frozenset({GROUP}), namespaces=frozenset(), selector=str(written)
    )
    assert scope.serves(GROUP, "shop", {}) is (written != 7)


@pytest.mark.parametrize(
    ("selectors", "wrong"),
    [
        ((STANDING, f"{LABEL}=next"), False),
        ((STANDING, ""), True),
        ((STANDING, f"!{LABEL}"), True),
    ],
    ids=["apart", "one takes all", "some in common"],
)
async def test_two_controllers_that_may_act_on_the_same_canaries_are_wrong(
    cluster: Cluster, kubeconfig: Path, selectors: tuple[str, str], wrong: bool
) -> None:
    for number, selector in enumerate(selectors):
        await cluster.create(lease(selector, name=f"tidegate-{number}"), LEASE)
    _, output = await tidegate("doctor", "--kubeconfig", str(kubeconfig))
    said = "those of Leases default/tidegate-0 and default/tidegate-1 act on the same Canaries"
    assert (said in " ".join(output.split())) is wrong
