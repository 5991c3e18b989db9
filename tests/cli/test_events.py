"""`tidegate events` and `tidegate list --watch`: what has happened, and what changes."""

import asyncio
import json
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from canary.api.meta import GROUP
from canary.cluster.cluster import Cluster
from canary.controller.canaries import canary_kind
from canary.controller.events import EVENT
from tests.cli.running import tidegate
from tests.cli.test_watching import PATIENCE_SECONDS, set_weight, until_line

CANARY = canary_kind(GROUP)


async def record(cluster: Cluster, reason: str, moment: str, **about: Any) -> None:
    named = {
        "apiVersion": f"{GROUP}/v1beta1",
        "kind": "Canary",
        "namespace": "default",
        "name": "podinfo",
    }
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"podinfo.{reason.lower()}", "namespace": "default"},
        "involvedObject": named | about,
        "reason": reason,
        "message": f"what {reason} says",
        "type": "Normal",
        "firstTimestamp": moment,
        "lastTimestamp": moment,
    }
    await cluster.create(event, EVENT)


@asynccontextmanager
async def watching(kubeconfig: Path, *arguments: str) -> AsyncIterator[asyncio.StreamReader]:
    """Run a command that has no end of its own, and end it with Ctrl-C."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "canary", *arguments, "--kubeconfig", str(kubeconfig)),
        stdin=DEVNULL,
        stdout=PIPE,
    )
    assert process.stdout is not None
    try:
        yield process.stdout
        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), PATIENCE_SECONDS) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_events_are_those_of_the_canary_the_oldest_first(
    cluster: Cluster, kubeconfig: Path
) -> None:
    await record(cluster, "Promoted", "2026-01-02T00:00:00Z")
    await record(cluster, "RunStarted", "2026-01-01T00:00:00Z")
    await record(cluster, "Other", "2026-01-01T00:00:00Z", name="other")
    await record(cluster, "Theirs", "2026-01-01T00:00:00Z", apiVersion="flagger.app/v1beta1")
    code, output = await tidegate("events", "podinfo", "--kubeconfig", str(kubeconfig))
    assert code == 0, output
    assert [line.split("  ")[1:] for line in output.splitlines()] == [
        ["RunStarted", "what RunStarted says"],
        ["Promoted", "what Promoted says"],
    ]
    code, output = await tidegate(
        "events", "podinfo", "-o", "json", "--kubeconfig", str(kubeconfig)
    )
    assert [each["reason"] for each in json.loads(output)["events"]] == ["RunStarted", "Promoted"]


async def test_only_those_of_a_time_are_asked_for_and_none_is_said(
    cluster: Cluster, kubeconfig: Path
) -> None:
    await record(cluster, "Promoted", "2026-01-02T00:00:00Z")
    code, output = await tidegate(
        "events", "podinfo", "--since", "1m", "--kubeconfig", str(kubeconfig)
    )
    assert (code, output) == (0, "There are no events of default/podinfo.\n")


@pytest.mark.usefixtures("interruptible")
async def test_events_that_come_are_printed_once_until_ctrl_c(
    cluster: Cluster, kubeconfig: Path
) -> None:
    await record(cluster, "RunStarted", "2026-01-01T00:00:00Z")
    async with watching(kubeconfig, "events", "podinfo", "-w", "-o", "json") as output:
        assert len(await until_line(output, "RunStarted")) == 1
        await record(cluster, "Promoted", "2026-01-02T00:00:00Z")
        (line,) = await until_line(output, "Promoted")
        assert json.loads(line)["reason"] == "Promoted"


@pytest.mark.usefixtures("interruptible")
async def test_a_list_that_is_watched_has_another_row_for_what_changes(
    cluster: Cluster, kubeconfig: Path
) -> None:
    async with watching(kubeconfig, "list", "-w") as output:
        header, first = await until_line(output, "podinfo")
        assert header.split()[:3] == ["NAME", "PHASE", "WEIGHT"]
        assert first.split()[:2] == ["podinfo", "New"]
        await set_weight(cluster, 20)
        (row,) = await until_line(output, "20 %")
        assert row.split()[:2] == ["podinfo", "Progressing"]
        # What changes no cell is no change.
        labels = {"metadata": {"labels": {"team": "web"}}}
        await cluster.merge_patch(CANARY, "default", "podinfo", labels)
        await cluster.delete(CANARY, "default", "podinfo")
        (row,) = await until_line(output, "Deleted")
        assert row.split()[:2] == ["podinfo", "Deleted"]


@pytest.mark.parametrize("options", [("-o", "yaml"), ("--sort", "since")])
async def test_a_list_that_is_watched_is_neither_sorted_nor_one_document(
    kubeconfig: Path, options: tuple[str, ...]
) -> None:
    code, output = await tidegate("list", "-w", *options, "--kubeconfig", str(kubeconfig))
    assert (code, "leave them out" in output) == (2, True)
