"""`tidegate logs`: the entries of a Canary from all replicas of the controller, by time."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from canary.api.kinds import POD
from canary.cli.logs import entries
from canary.cluster.cluster import Cluster
from tests.cli.leases import create_lease
from tests.cli.running import tidegate
from tests.controller.faults import answer, proxied
from tests.controller.faults import kubeconfig as write_kubeconfig
from tidegate_embedded.apiserver import EmbeddedApiServer

NOW = datetime.now(UTC)
A_DAY = "24h"
"""How far back to look where the command reads the clock: tests may begin long after `NOW`."""


def entry(seconds: float, message: str, *, canary: str = "default/podinfo", level: str = "info"):
    at = (NOW - timedelta(seconds=seconds)).isoformat(timespec="milliseconds")
    return json.dumps(
        {"time": at, "level": level, "logger": "x", "message": message, "canary": canary, "run": 7}
    )


def picked(*lines: str, level: str = "info") -> list[str]:
    found = entries(lines, "default/podinfo", NOW - timedelta(hours=1), level)
    return [each.message for each in found]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (entry(1, "mine"), ["mine"]),
        (entry(1, "another's", canary="default/other"), []),
        (entry(1, "too quiet", level="debug"), []),
        (entry(7200, "too old"), []),
        ("no entry", []),
        ("[1]", []),
        ('{"canary": "default/podinfo", "level": "info", "time": "soon"}', []),
        ('{"canary": "default/podinfo", "level": "info", "time": "2026-01-01T00:00:00"}', []),
    ],
)
def test_the_entries_of_a_canary_are_picked_and_nothing_else(line, message):
    assert picked(line) == message


def test_what_leads_machines_to_other_entries_is_left_to_them():
    line = json.loads(entry(1, "mine")) | {"trace_id": "0a", "span_id": "0b", "revision": "7f3a"}
    (shown,) = entries([json.dumps(line)], "default/podinfo", NOW - timedelta(hours=1), "info")
    assert shown.more == (("run", "7"),)


def test_a_level_lets_what_is_louder_through():
    lines = (
        entry(3, "a", level="debug"),
        entry(2, "b", level="warning"),
        entry(1, "c", level="error"),
    )
    assert picked(*lines, level="debug") == ["a", "b", "c"]
    assert picked(*lines, level="error") == ["c"]


def pod(name: str):
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "default",
            "labels": {"app.kubernetes.io/name": "tidegate"},
        },
        "spec": {
            "containers": [{"name": name, "image": "x"} for name in ("istio-proxy", "controller")]
        },
    }


def logged(*lines: str):
    return answer(200, "\n".join(lines).encode())


async def test_the_logs_of_all_replicas_are_one_by_time(
    cluster: Cluster, server: EmbeddedApiServer, tmp_path: Path
) -> None:
    await create_lease(cluster, NOW)
    for name in ("tidegate-0", "tidegate-1"):
        await cluster.create(pod(name), POD)
    async with proxied(server.url) as proxy:
        first = logged(entry(3, "first"), entry(1, "third", level="warning"))
        proxy.meet("GET .*tidegate-0/log", first, always=True)
        proxy.meet("GET .*tidegate-1/log", logged(entry(2, "second")), always=True)
        config = str(write_kubeconfig(tmp_path / "config", proxy.url))
        options = ("--since", A_DAY, "--kubeconfig", config)
        code, output = await tidegate("logs", "podinfo", *options)
        told = [line.split("  ", 1)[1] for line in output.splitlines()]
        assert (code, told) == (
            0,
            ["info     first  run=7", "info     second  run=7", "warning  third  run=7"],
        )
        assert all("container=controller" in each for each in proxy.requests if "/log?" in each)
        raw = (await tidegate("logs", "podinfo", "--raw", *options))[1]
        assert [json.loads(line)["message"] for line in raw.splitlines()] == [
            "first",
            "second",
            "third",
        ]
        code, output = await tidegate("logs", "podinfo", "--level", "error", *options)
    assert (code, output) == (
        0,
        "Nothing was logged of default/podinfo in this time at level error.\n",
    )


async def test_what_is_followed_is_printed_once(
    cluster: Cluster, server: EmbeddedApiServer, tmp_path: Path
) -> None:
    await create_lease(cluster, NOW)
    await cluster.create(pod("tidegate-0"), POD)
    first, second = entry(2, "first"), entry(1, "second")
    async with proxied(server.url) as proxy:
        gone = answer(404, {"message": "restarting"})
        ending = answer(403, {"message": "no"})
        answers = (logged(first), logged(first, second), gone, logged(second), ending)
        proxy.meet("GET .*tidegate-0/log", *answers)
        config = str(write_kubeconfig(tmp_path / "config", proxy.url))
        followed = ("-f", "--since", A_DAY, "--kubeconfig", config)
        code, output = await tidegate("logs", "podinfo", *followed)
    *told, ending_line = output.splitlines()
    assert (code, [line.split()[2] for line in told]) == (1, ["first", "second"])
    assert ending_line.startswith("Error: no ")


async def test_without_a_lease_it_is_not_known_where_to_look(
    cluster: Cluster, kubeconfig: Path
) -> None:
    code, output = await tidegate("logs", "podinfo", "--kubeconfig", str(kubeconfig))
    assert (code, output.startswith("Error: no controller has a Lease")) == (1, True)
