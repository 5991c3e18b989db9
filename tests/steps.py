"""How the stages of `make test` run: in their order or side by side, timed, until one fails."""

import asyncio
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

ROOT = Path(__file__).parent.parent
_LOWEST_PRIORITY = 19
#: Enough for pytest's table of durations and the failures that it names below.
_LAST_LINES = 60

Command = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stage:
    """A step of a group; its commands run in their order."""

    name: str
    commands: tuple[Command, ...]


@dataclass(frozen=True, slots=True)
class SideBySide:
    """Lanes that run at the same time, because each mostly waits; a lane's stages in their order."""

    lanes: tuple[tuple[Stage, ...], ...]


Step = Stage | SideBySide


def stage(name: str, *commands: Command) -> Stage:
    """Make a stage of commands."""
    return Stage(name, commands)


def side_by_side(*lanes: Iterable[Stage]) -> SideBySide:
    """Make a step of lanes."""
    return SideBySide(tuple(tuple(lane) for lane in lanes))


class StageFailed(Exception):
    """A command of a stage has failed."""

    def __init__(self, stage: Stage, command: Command, code: int, last_words: str = "") -> None:
        said = f"\n\nThe last it said:\n{last_words}" if last_words else ""
        super().__init__(f"{stage.name} failed with exit code {code}: {shlex.join(command)}{said}")
        # A signal's number is negative; a shell would report it so.
        self.code = code if code > 0 else 128 - code


@dataclass(slots=True)
class Timetable:
    """How long each stage took, and all together, in seconds."""

    _seconds: dict[str, float] = field(default_factory=dict)
    _began: float = field(default_factory=time.monotonic)

    @contextmanager
    def timing(self, stage: Stage) -> Iterator[None]:
        """Announce a stage, and record how long it takes, also when it fails."""
        print(f"\n== {stage.name}", flush=True)
        began = time.monotonic()
        try:
            yield
        finally:
            self._seconds[stage.name] = time.monotonic() - began
            print(f"== {stage.name}: {self._seconds[stage.name]:.0f} s", flush=True)

    def __str__(self) -> str:
        rows = [f"{seconds:6.0f} s  {name}" for name, seconds in self._seconds.items()]
        total = f"{time.monotonic() - self._began:6.0f} s  in all"
        return "\n".join(["Where the time went", *rows, total])


def run(steps: Iterable[Step], times: Timetable) -> None:
    """Run steps in their order.

    Raises:
        StageFailed: a command did not exit with 0; those after it are not run, those beside it are
            ended.
        SystemExit: SIGTERM came while lanes ran; they are ended.
    """
    for step in steps:
        if isinstance(step, SideBySide):
            _run_side_by_side(step, times)
            continue
        with times.timing(step):
            for command in step.commands:
                code = subprocess.run(command, cwd=ROOT, check=False).returncode
                if code:
                    raise StageFailed(step, command, code)


def _run_side_by_side(step: SideBySide, times: Timetable) -> None:
    before = signal.getsignal(signal.SIGTERM)
    try:
        asyncio.run(_run_lanes(step.lanes, times))
    except asyncio.CancelledError:
        sys.exit(128 + signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)


async def _run_lanes(lanes: Iterable[Sequence[Stage]], times: Timetable) -> None:
    # A handler that raises could do so while a process is being started, which nobody would end.
    run_by = asyncio.current_task()
    assert run_by is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, run_by.cancel)
    tasks = [asyncio.create_task(_run_lane(lane, times)) for lane in lanes]
    try:
        for first in asyncio.as_completed(tasks):
            await first
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def _run_lane(stages: Iterable[Stage], times: Timetable) -> None:
    """Run stages in their order; what a stage says is shown in one piece when it has ended."""
    for stage in stages:
        with times.timing(stage), TemporaryFile() as said:
            try:
                for command in stage.commands:
                    code = await _run_beside_others(command, said)
                    if code:
                        raise StageFailed(stage, command, code, _last_words(said))
            finally:
                said.seek(0)
                print(f"\n== {stage.name} has said", flush=True)
                shutil.copyfileobj(said, sys.stdout.buffer)
                sys.stdout.flush()


def _last_words(said: IO[bytes]) -> str:
    """Give the last lines: what the other lanes have said is shown after all of them."""
    said.seek(0)
    return "\n".join(said.read().decode(errors="replace").splitlines()[-_LAST_LINES:])


async def _run_beside_others(command: Command, output: IO[bytes]) -> int:
    """Run a command, and give its exit code; it is ended where the stages beside it have failed."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
    )
    try:
        return await process.wait()
    finally:
        if process.returncode is None:
            _end_all_of(process.pid)
            await process.wait()


@contextmanager
def beside(commands: Sequence[Command], log: Path) -> Iterator[None]:
    """Run commands at the lowest priority meanwhile; what has not ended by then is ended.

    A failure is left to the stage that runs the same commands later, in the foreground.
    """
    log.parent.mkdir(exist_ok=True)
    line = " && ".join(shlex.join(command) for command in commands)
    with log.open("wb") as output:
        process = subprocess.Popen(
            ("nice", "-n", str(_LOWEST_PRIORITY), "sh", "-c", line),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield
    finally:
        _end_all_of(process.pid)
        process.wait()


def _end_all_of(session: int) -> None:
    """End a process that began a session, and all that it has started there."""
    with suppress(ProcessLookupError):
        os.killpg(session, signal.SIGTERM)
