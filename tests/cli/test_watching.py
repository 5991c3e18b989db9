"""`tidegate status --watch`: it shows what changes, until Ctrl-C."""

import asyncio
import json
import os
import pty
import re
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path
from typing import Any

import pytest

from canary.api.meta import GROUP
from canary.cluster.cluster import Cluster
from canary.controller.canaries import canary_kind
from tests.cli.running import tidegate
from tests.controller.faults import Proxy, proxied
from tests.controller.faults import kubeconfig as write_kubeconfig
from tests.controller.running import until
from tidegate_embedded.apiserver import EmbeddedApiServer

CANARY = canary_kind(GROUP)
WATCH = (sys.executable, "-m", "canary", "status", "podinfo", "--watch", "--kubeconfig")
PATIENCE_SECONDS = 180


RUN = {"id": "1-abc", "revision": "abc", "startedAt": "2026-11-01T08:00:00Z"}
PROMOTED = {
    "revision": "abc",
    "outcome": "Promoted",
    "message": "it is promoted",
    "startedAt": "2026-11-01T08:00:00Z",
    "endedAt": "2026-11-01T08:12:00Z",
    "durationSeconds": 720,
}


async def end_run(cluster: Cluster) -> None:
    status = {
        "phase": "Succeeded",
        "canaryWeight": 0,
        "weights": {"primary": 100, "canary": 0},
        "run": None,
        "history": [PROMOTED],
    }
    await cluster.merge_patch(
        CANARY, "default", "podinfo", {"status": status}, subresource="status"
    )


async def set_weight(cluster: Cluster, weight: int, run: dict[str, str] | None = None) -> None:
    status: dict[str, Any] = {
        **({"run": run} if run else {}),
        "phase": "Progressing",
        "canaryWeight": weight,
        "weights": {"primary": 100 - weight, "canary": weight},
    }
    await cluster.merge_patch(
        CANARY, "default", "podinfo", {"status": status}, subresource="status"
    )


async def until_line(stream: asyncio.StreamReader, part: str) -> list[str]:
    """Read lines until one holds a part; give them all."""
    lines: list[str] = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not lines or part not in lines[-1]:
            line = await stream.readline()
            assert line, lines
            lines.append(line.decode().rstrip())
    return lines


@pytest.mark.usefixtures("interruptible")
async def test_without_a_terminal_each_change_is_a_line_and_ctrl_c_a_good_end(
    cluster: Cluster, kubeconfig: Path
) -> None:
    await set_weight(cluster, 10)
    process = await asyncio.create_subprocess_exec(
        *WATCH, str(kubeconfig), stdin=DEVNULL, stdout=PIPE
    )
    assert process.stdout is not None
    first = await until_line(process.stdout, "no controller is running")
    assert re.fullmatch(r"\d\d:\d\d:\d\d  podinfo  Progressing  10 %", first[0])

    await set_weight(cluster, 20)
    second = await until_line(process.stdout, "20 %")
    assert len(second) == 1, "nothing is printed between changes, and what has not changed once"

    process.send_signal(signal.SIGINT)
    assert await asyncio.wait_for(process.wait(), PATIENCE_SECONDS) == 0
    assert (await process.stdout.read()).strip() == b""


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize(
    ("ended_by", "code"),
    [(signal.SIGINT, 0), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
    ids=["ctrl-c", "sigterm", "sighup"],
)
async def test_a_terminal_is_painted_anew_and_keeps_what_was_seen_last_however_it_ends(
    cluster: Cluster, kubeconfig: Path, ended_by: signal.Signals, code: int
) -> None:
    await set_weight(cluster, 10)
    ours, theirs = pty.openpty()
    seen = bytearray()
    loop = asyncio.get_running_loop()
    changed = asyncio.Event()

    def read() -> None:
        try:
            seen.extend(os.read(ours, 65536))
        except OSError:
            loop.remove_reader(ours)
        changed.set()

    async def until_seen(pattern: str) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not re.search(pattern, seen.decode(errors="replace")):
                changed.clear()
                await changed.wait()

    loop.add_reader(ours, read)
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "80", "LINES": "24"}
    process = await asyncio.create_subprocess_exec(
        *WATCH, str(kubeconfig), stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    )
    os.close(theirs)
    await until_seen("canary 10 %")
    await set_weight(cluster, 20)
    await until_seen("canary 20 %")
    process.send_signal(ended_by)
    assert await asyncio.wait_for(process.wait(), PATIENCE_SECONDS) == code
    await until_seen(r"\x1b\[\?1049l(?s:.*)canary 20 %(?s:.*)no controller is running")
    loop.remove_reader(ours)
    os.close(ours)
    assert "canary 10 %" not in seen.decode().rpartition("\x1b[?1049l")[2]


@pytest.mark.parametrize("form", [[], ["-o", "json"]], ids=["lines", "documents"])
@pytest.mark.parametrize("under_way", [True, False], ids=["under way", "to come"])
async def test_a_watch_ends_by_itself_with_the_run_that_it_has_seen(
    cluster: Cluster, server: EmbeddedApiServer, tmp_path: Path, form: list[str], under_way: bool
) -> None:
    async with proxied(server.url) as proxy:
        path = write_kubeconfig(tmp_path / "config", proxy.url)
        if under_way:
            await set_weight(cluster, 10, RUN)
        arguments = ("get", "podinfo", "-w", "--kubeconfig", str(path), *form)
        watching = asyncio.create_task(tidegate(*arguments))
        await until_asked(proxy, 3)
        assert not watching.done(), watching.result()
        if not under_way:
            await set_weight(cluster, 10, RUN)
            await until_asked(proxy, 3)
        await end_run(cluster)
        code, output = await asyncio.wait_for(watching, PATIENCE_SECONDS)
    assert code == 0
    lines = [each for each in output.splitlines() if "no controller" not in each]
    if form:
        assert [json.loads(each)["run"] is None for each in lines] == [
            *([] if under_way else [True]),
            False,
            True,
        ]
    else:
        assert lines[-1].endswith("podinfo  Succeeded  0 %  Promoted after 12m")


@pytest.fixture
async def proxy(server: EmbeddedApiServer):
    async with proxied(server.url) as proxy:
        yield proxy


async def test_an_api_server_that_is_away_is_waited_for_and_a_canary_that_goes_is_the_end(
    cluster: Cluster, proxy: Proxy, tmp_path: Path
) -> None:
    path = write_kubeconfig(tmp_path / "config", proxy.url)
    watching = asyncio.create_task(tidegate("status", "podinfo", "-w", "--kubeconfig", str(path)))
    # The third request is that of the second look, so the first has been answered.
    await until_asked(proxy, 3)
    proxy.down = True
    await until_asked(proxy, 2)
    proxy.down = False
    await until_asked(proxy, 2)
    await cluster.delete(CANARY, "default", "podinfo")
    code, output = await asyncio.wait_for(watching, PATIENCE_SECONDS)
    assert code == 1
    assert "; retrying" in output
    assert output.splitlines()[-1] == "Error: there is no Canary podinfo in namespace default"


async def until_asked(proxy: Proxy, times: int) -> None:
    """Wait for that many more requests for the Canary."""
    wanted = len(proxy.asked("canaries/podinfo")) + times
    await until(lambda: len(proxy.asked("canaries/podinfo")) >= wanted, "it is asked for again")


async def test_a_canary_that_is_not_there_is_not_waited_for(
    cluster: Cluster, kubeconfig: Path
) -> None:
    code, output = await tidegate("status", "none", "-w", "--kubeconfig", str(kubeconfig))
    assert (code, output.splitlines()[-1].partition(";")[0]) == (
        1,
        "Error: there is no Canary none in namespace default",
    )
