"""Figures of the command line: how soon a list begins, and what commands take of a processor."""

import asyncio
import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.bench.board import WATCHED, put_fleet
from tests.bench.figures import Figure
from tests.bench.fleet import a_server

TIMES = 5
"""How often each command is run; the least counts, because others are at work on the machine."""
HELP_SECONDS, GET_SECONDS, ROW_SECONDS = 0.25, 1.0, 1.5
_COMPLETING = {
    "_TIDEGATE_COMPLETE": "bash_complete",
    "COMP_WORDS": "tidegate li",
    "COMP_CWORD": "1",
}


@dataclass(frozen=True, kw_only=True)
class Spent:
    """What a command took, in seconds."""

    row: float
    """Until it had printed two lines: the names of the columns, and the first row."""
    cpu: float


async def measure(directory: Path, count: int) -> list[Figure]:
    """Run commands by themselves, and against an API server with many Canaries."""
    async with a_server(directory) as (server, kubeconfig):
        put_fleet(server, count)
        reached = ("--kubeconfig", str(kubeconfig))
        namespace, name = WATCHED
        listed = await least("list", "-A", *reached)
        got = await least("get", name, "-n", namespace, *reached)
    alone = {
        "--help": await least("--help"),
        "version --client": await least("version", "--client"),
        "completion of a command": await least(environment=_COMPLETING),
    }
    return [
        *(_figure(f"{what}: CPU", each.cpu, HELP_SECONDS) for what, each in alone.items()),
        _figure(f"list of {count} Canaries, until the first row", listed.row, ROW_SECONDS),
        _figure(f"list of {count} Canaries: CPU of the whole", listed.cpu),
        _figure("get: CPU", got.cpu, GET_SECONDS),
    ]


async def least(*arguments: str, environment: Mapping[str, str] | None = None) -> Spent:
    """Run a command several times; give the least of what it took."""
    runs = [await asyncio.to_thread(_run, arguments, environment or {}) for _ in range(TIMES)]
    return Spent(row=min(each.row for each in runs), cpu=min(each.cpu for each in runs))


def _run(arguments: tuple[str, ...], environment: Mapping[str, str]) -> Spent:
    program = str(Path(sys.executable).parent / "tidegate")
    before, began = _children(), time.monotonic()
    with subprocess.Popen(
        (program, *arguments),
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.readline()
        row = time.monotonic() - began
        process.stdout.read()
    return Spent(row=row, cpu=_children() - before)


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _figure(name: str, seconds: float, most: float | None = None) -> Figure:
    target = "" if most is None else f"≤ {most:g} s"
    return Figure(
        name=name,
        value=f"{seconds:.2f} s",
        target=target,
        reached=most is None or seconds <= most,
    )
