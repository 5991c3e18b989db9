"""`tidegate version`: ours, and those of the controllers, wherever there is a cluster to ask."""

import asyncio
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from canary.api.meta import GROUP
from canary.cluster.cluster import Cluster
from canary.replicas.leases import LEASE
from canary.replicas.presence import Scope
from tests.cli.running import tidegate
from tests.cli.test_main import HEAVY
from tests.controller.faults import answer, hang, proxied
from tests.controller.faults import kubeconfig as write_kubeconfig
from tidegate_embedded.apiserver import EmbeddedApiServer

OURS = "0.1.0"
"""The version of the package, as pyproject.toml has it."""


def lease(name: str, version: str, *, age: timedelta = timedelta()) -> dict[str, Any]:
    scope = Scope(version=version, groups=frozenset({GROUP}), namespaces=frozenset())
    renewed = f"{datetime.now(UTC) - age:%Y-%m-%dT%H:%M:%S.%fZ}"
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": name, "namespace": "default", **scope.metadata},
        "spec": {"holderIdentity": "pod-1", "renewTime": renewed, "leaseDurationSeconds": 3600},
    }


async def two_controllers(cluster: Cluster) -> None:
    await cluster.create(lease("gone", "0.0.9", age=timedelta(days=1)), LEASE)
    await cluster.create(lease("tidegate", "0.2.0\x1b[2J"), LEASE)


async def test_the_controllers_are_named_after_this_command_those_that_act_first(
    cluster: Cluster, kubeconfig: Path
) -> None:
    await two_controllers(cluster)
    code, output = await tidegate("version", "--kubeconfig", str(kubeconfig))
    assert code == 0
    ours, first, second = output.splitlines()
    assert ours == OURS
    assert first.startswith("controller 0.2.0")
    assert first.endswith("(Lease default/tidegate)")
    assert "\x1b" not in first
    assert second == "controller 0.0.9 (Lease default/gone, which does not act now)"


async def test_who_has_no_home_has_no_kubeconfig_there() -> None:
    """As a user of a container that no entry in /etc/passwd knows."""
    code, output = await tidegate("version", "--kubeconfig", "~nobody-has-this-name/config")
    assert code == 0
    assert output.splitlines()[0] == OURS


@pytest.mark.parametrize(("form", "read"), [("json", json.loads), ("yaml", yaml.safe_load)])
async def test_programs_read_the_same(
    cluster: Cluster, kubeconfig: Path, form: str, read: Any
) -> None:
    await two_controllers(cluster)
    code, output = await tidegate("version", "-o", form, "--kubeconfig", str(kubeconfig))
    document = read(output)
    assert (code, document["client"]) == (0, {"version": OURS})
    assert [(each["lease"], each["acts"]) for each in document["controllers"]] == [
        ("default/tidegate", True),
        ("default/gone", False),
    ]


async def test_a_controller_whose_lease_tells_no_version_is_named_all_the_same(
    cluster: Cluster, kubeconfig: Path
) -> None:
    await cluster.create(lease("tidegate", ""), LEASE)
    _, output = await tidegate("version", "--kubeconfig", str(kubeconfig))
    told = "controller of a version that its Lease does not tell (Lease default/tidegate)"
    assert output.splitlines()[1] == told


async def test_who_may_not_list_leases_reads_why_no_controller_is_named(
    server: EmbeddedApiServer, tmp_path: Path
) -> None:
    async with proxied(server.url) as proxy:
        proxy.meet("GET .*/leases", answer(403), always=True)
        config = write_kubeconfig(tmp_path / "proxied", proxy.url)
        code, output = await tidegate("version", "--kubeconfig", str(config))
        ours, why = output.splitlines()
        assert (code, ours) == (0, OURS)
        assert why.startswith("no controller's version is known: ")
        assert (await tidegate("version", "-q", "--kubeconfig", str(config))) == (0, f"{OURS}\n")


@pytest.mark.parametrize("config", ["missing", "broken", "unreachable"])
@pytest.mark.parametrize("arguments", [(), ("-o", "json"), ("-o", "yaml")])
async def test_without_a_cluster_it_does_not_fail(
    tmp_path: Path, config: str, arguments: tuple[str, ...]
) -> None:
    file = tmp_path / config
    if config == "broken":
        file.write_text("clusters: [")
    elif config == "unreachable":
        write_kubeconfig(file, "http://127.0.0.1:1")
    code, output = await tidegate("version", *arguments, "--kubeconfig", str(file))
    assert (code, OURS in output.splitlines()[0] or f"version: {OURS}" in output) == (0, True)
    if arguments:
        document = yaml.safe_load(output)
        assert document["controllers"] is None
        assert document["reason"]


@pytest.mark.parametrize("arguments", [(), ("-o", "json")])
async def test_the_client_alone_asks_no_cluster(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    nowhere = str(tmp_path / "missing")
    shown = await tidegate("version", "--client", *arguments, "--kubeconfig", nowhere)
    assert shown == (0, '{"client": {"version": "0.1.0"}}\n' if arguments else f"{OURS}\n")


async def test_groups_without_a_user_are_wrong_usage() -> None:
    code, _ = await tidegate("version", "--as-group", "ops")
    assert code == 2


@pytest.mark.delivery
async def test_our_own_is_printed_before_the_cluster_has_said_anything(
    server: EmbeddedApiServer, tmp_path: Path
) -> None:
    async with proxied(server.url) as proxy:
        proxy.meet("GET .*/leases", hang, always=True)
        path = write_kubeconfig(tmp_path / "proxied", proxy.url)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "canary", "version", "--kubeconfig", str(path)),
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        assert await process.stdout.readline() == f"{OURS}\n".encode()
        proxy.release()
        assert await process.wait() == 0


@pytest.mark.delivery
@pytest.mark.parametrize("option", ["--client", "--quiet"], ids=["client", "without a cluster"])
def test_the_client_alone_imports_nothing_heavy(option: str, tmp_path: Path) -> None:
    program = (
        "import atexit, sys\n"
        f"atexit.register(lambda: print(sorted({HEAVY!r} & sys.modules.keys())))\n"
        "from canary.cli import main\n"
        f"main(['version', {option!r}], prog_name='tidegate')\n"
    )
    elsewhere = {"HOME": str(tmp_path), "KUBECONFIG": ""}
    ran = subprocess.run(
        (sys.executable, "-c", program),
        env=os.environ | elsewhere,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stdout.splitlines() == [OURS, "[]"], ran.stderr
