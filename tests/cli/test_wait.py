"""`tidegate wait`: a script goes on when its release is promoted, and not before."""

import asyncio
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from canary.api.kinds import DEPLOYMENT
from canary.cli.orphans import NAMESPACE
from canary.cluster.cluster import Cluster
from canary.demo import manifests
from canary.demo.manifests import APP, pod_template
from tests.cli.conftest import CANARY as A_CANARY
from tests.cli.leases import create_lease
from tests.cli.running import tidegate
from tests.controller.faults import answer, proxied
from tests.controller.faults import kubeconfig as write_kubeconfig
from tests.controller.running import CANARY, DEMO, World, until
from tidegate_embedded.apiserver import EmbeddedApiServer

#: One after the other, as a pipeline would: each could take the success of the one before for its own.
RELEASES = 8
#: To find the Canary, to read its target, and to look at it first.
MOST_LOOKS_AT_ONCE = 3
GATE = {"type": "confirm-promotion", "name": "by-hand"}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path) as world:
        await world.create_app()
        yield world


async def waiting(world: World, *options: str) -> tuple[int, str]:
    kubeconfig = str(world.kubeconfig)
    return await tidegate("wait", APP, "-n", DEMO, "--kubeconfig", kubeconfig, *options)


async def test_a_release_is_waited_for_from_its_first_moment_on(world: World) -> None:
    async with world.running_controller():
        await world.create_canary(skipAnalysis=True)
        code, output = await waiting(world, "--for", "initialized", "--timeout", "10m")
        assert code == 0, output
        for tag in range(2, RELEASES + 2):
            await world.release(tag=str(tag))
            code, output = await waiting(world, "--timeout", "10m")
            assert code == 0, output
            assert f"promoted podinfo:{tag - 1} → podinfo:{tag}" in output
        # What is promoted already is answered at once.
        code, output = await waiting(world)
        assert (code, f"podinfo:{RELEASES + 1}" in output) == (0, True), output


async def test_a_rollback_is_a_no_and_a_gate_needs_a_person(world: World) -> None:
    async with world.running_controller():
        await world.create_canary(analysis={"stepWeights": [50], "webhooks": [GATE]})
        code, output = await waiting(world, "--for", "condition=Ready", "--timeout", "10m")
        assert code == 0, output
        await world.release()
        code, output = await waiting(world, "--fail-when-held", "--timeout", "10m")
        assert code == 5, output
        assert "held at the gate confirm-promotion: approve or reject it" in output
        code, output = await waiting(world, "--for", "phase=waitingpromotion", "--timeout", "10m")
        assert code == 0, output
        code, output = await waiting(world, "--timeout", "100ms")
        assert (code, "not promoted in time" in output) == (4, True), output
        await world.patch(
            CANARY, APP, {"metadata": {"annotations": {"tidegate.dev/reject": "tester"}}}
        )
        code, output = await waiting(world, "--timeout", "10m")
        assert code == 3, output
        assert "RolledBack: " in output
        code, output = await waiting(world, "--for", "settled")
        assert code == 0, output


@pytest.mark.parametrize(
    "which",
    [("web/cart", "web/search"), ("-n", "web", "-l", "app"), ("cart", "search", "-A")],
    ids=["by name", "by label", "anywhere"],
)
async def test_of_several_each_is_waited_for_and_the_worst_end_is_the_answer(
    cluster: Cluster, kubeconfig: Path, which: tuple[str, ...]
) -> None:
    await cluster.create(manifests.namespace("web"), NAMESPACE)
    await cluster.create(manifests.deployment("1", namespace="web"), DEPLOYMENT)
    for name, phase in (("cart", "Succeeded"), ("search", "Failed")):
        metadata = {"name": name, "namespace": "web", "labels": {"app": name}}
        await cluster.create(A_CANARY | {"metadata": metadata}, CANARY)
        status = {"status": {"phase": phase}}
        await cluster.merge_patch(CANARY, "web", name, status, subresource="status")
    reached = ("--kubeconfig", str(kubeconfig), "--timeout", "1s")
    code, output = await tidegate("wait", *which, "--for", "phase=succeeded", *reached)
    last = output.splitlines()[-1]
    assert (code, "1 of 2 Canaries are not phase=succeeded: search: " in last) == (4, True), output
    assert "cart: " in output.replace(last, "")


async def test_who_waits_without_a_controller_is_told_so_at_the_start_and_at_the_end(
    cluster: Cluster, kubeconfig: Path
) -> None:
    await create_lease(cluster, datetime(2026, 1, 1, 9, tzinfo=UTC))
    reached = ("--kubeconfig", str(kubeconfig), "--timeout", "1s")
    code, output = await tidegate("wait", "podinfo", "--for", "deleted", *reached)
    said = "no controller is running: Lease default/tidegate was last renewed at 2026-01-01"
    first, *_, last = output.splitlines()
    assert (code, said in first, "the wait goes on" in first) == (4, True, True), output
    assert last.startswith("Error: podinfo: not deleted in time"), output
    assert said in last, output


async def test_who_may_not_watch_looks_again_every_now_and_then(
    cluster: Cluster, server: EmbeddedApiServer, tmp_path: Path
) -> None:
    await cluster.create(manifests.deployment("1", namespace="default"), DEPLOYMENT)
    async with proxied(server.url) as proxy:
        proxy.meet("watch=true", answer(403), always=True)
        path = write_kubeconfig(tmp_path / "proxied", proxy.url)
        reached = ("--for", "phase=succeeded", "--timeout", "10m", "--kubeconfig", str(path))
        waited = asyncio.create_task(tidegate("wait", "podinfo", *reached))
        await until(lambda: len(proxy.asked("canaries/podinfo$")) > MOST_LOOKS_AT_ONCE)
        status = {"status": {"phase": "Succeeded"}}
        await cluster.merge_patch(CANARY, "default", "podinfo", status, subresource="status")
        code, output = await waited
        assert (code, len(proxy.asked("watch=true"))) == (0, 1), output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "name Canaries, or choose them with --selector"),
        (("shop", "-l", "app=shop"), "name Canaries, or choose them with --selector"),
        (("shop", "-n", "web", "-A"), "choose one of --namespace and --all-namespaces"),
    ],
)
async def test_what_is_waited_for_is_said_in_one_way(arguments: tuple[str, ...], told: str) -> None:
    code, output = await tidegate("wait", *arguments)
    assert (code, told in output) == (2, True), output


async def test_labels_that_none_has_are_named(cluster: Cluster, kubeconfig: Path) -> None:
    code, output = await tidegate("wait", "-l", "app=none", "--kubeconfig", str(kubeconfig))
    assert (code, output) == (
        1,
        "Error: no Canary in namespace default has the labels app=none\n",
    )


async def test_a_deletion_is_waited_for(world: World) -> None:
    async with world.running_controller():
        await world.create_canary()
        await world.until_phase("Initialized")
        waited = asyncio.create_task(waiting(world, "--for", "deleted", "--timeout", "10m"))
        await world.api.delete(CANARY, DEMO, APP)
        code, output = await waited
        assert (code, "deleted" in output) == (0, True), output
        code, output = await waiting(world)
        assert (code, "there is no Canary podinfo" in output) == (1, True), output


def called(release: str, tag: str) -> dict[str, Any]:
    """Give a change of the app's Deployment that another tool applies, with a name for it."""
    return {
        "metadata": {"annotations": {"tidegate.dev/release": release}},
        "spec": {"template": pod_template(tag)},
    }


async def test_a_release_is_waited_for_by_its_name_before_another_tool_applies_it(
    world: World,
) -> None:
    async with world.running_controller():
        await world.create_canary(skipAnalysis=True)
        await world.until_phase("Initialized")
        waited = asyncio.create_task(waiting(world, "--release", "r2", "--timeout", "10m"))
        await world.patch(DEPLOYMENT, APP, called("r2", "2"))
        code, output = await waited
        assert code == 0, output
        assert "promoted podinfo:1 → podinfo:2" in output
        target = await world.read(DEPLOYMENT, APP)
        assert target is not None
        generation = str(target["metadata"]["generation"])
        code, output = await waiting(world, "--generation", generation, "--timeout", "10m")
        assert code == 0, output
        code, output = await waiting(world, "--generation", generation, "--release", "r2")
        assert code == 2
        assert "name a release by --generation, or by --release and --commit" in output


async def test_a_wait_for_a_release_ends_when_another_takes_its_place(world: World) -> None:
    async with world.running_controller():
        await world.create_canary(analysis={"stepWeights": [50], "webhooks": [GATE]})
        await world.until_phase("Initialized")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "canary", "wait", APP, "-n", DEMO),
            *("--kubeconfig", str(world.kubeconfig), "--release", "r2", "--timeout", "10m"),
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stderr is not None
        first = await process.stderr.readline()
        assert b"waiting for the controller to see r2" in first
        await world.patch(DEPLOYMENT, APP, called("r2", "2"))
        assert b"podinfo  " in await process.stderr.readline()
        await world.patch(DEPLOYMENT, APP, called("r3", "3"))
        _, told = await process.communicate()
        assert (process.returncode, b"r2 was overtaken by r3" in told) == (3, True), told


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--commit", "main"], "'main' is no commit; write 7 to 64 hexadecimal digits"),
        (["--generation", "0"], "0 is not in the range x>=1"),
    ],
)
async def test_a_release_that_cannot_be_meant_is_refused(options: list[str], told: str) -> None:
    code, output = await tidegate("wait", APP, *options)
    assert (code, told in " ".join(output.split())) == (2, True), output


async def test_what_cannot_be_waited_for_is_said_at_once(world: World) -> None:
    for what in ("promotion", "phase=Sideways", "condition=", "held=now"):
        code, output = await waiting(world, "--for", what)
        assert (code, "is nothing to wait for" in output) == (2, True), output
    await world.create_canary(
        targetRef={"apiVersion": "apps/v1", "kind": "Deployment", "name": "gone"}
    )

    async def there() -> bool:
        return await world.read(CANARY, APP) is not None

    await until(there)
    code, output = await waiting(world)
    assert (code, "its target cannot be read" in output) == (1, True), output
