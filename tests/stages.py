"""The stages of `make test`: what each runs, in which order, and where the time went.

`python -m tests.stages GROUP [--workers N] [-- PYTEST ARGUMENTS]` runs the stages of a group one
after the other and ends at the first that fails, with its exit code. `test` is all groups; it
builds the control plane at the lowest priority while the stories wait for their worlds.
"""

import argparse
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).parent.parent
BUILD_LOG = ROOT / ".cache" / "build.log"

#: What decides, renders or judges is covered to the last branch.
PURE = (
    "canary/core/*,canary/api/*,canary/objects/*,canary/resources/*,canary/routers/*,"
    "canary/replicas/membership.py,canary/replicas/shares.py,canary/views/*,analysis/judges/*"
)
SLOW = "story or delivery"
#: Tests that need the programs of a real control plane, which take long to build.
APART = "control_plane"
#: Kills and storms mostly wait, so two run at a time.
HARD = "tests/hard"
STORIES, DEMO = "tests/stories", "tests/stories/test_demo.py"
_LOWEST_PRIORITY = 19

Command = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stage:
    """A step of a group; its commands run in their order."""

    name: str
    commands: tuple[Command, ...]


class StageFailed(Exception):
    """A command of a stage has failed."""

    def __init__(self, stage: Stage, command: Command, code: int) -> None:
        super().__init__(f"{stage.name} failed with exit code {code}: {shlex.join(command)}")
        # A signal's number is negative; a shell would report it so.
        self.code = code if code > 0 else 128 - code


@dataclass(slots=True)
class Timetable:
    """How long each stage took, in seconds."""

    _seconds: dict[str, float] = field(default_factory=dict)

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
        total = f"{sum(self._seconds.values()):6.0f} s  in all"
        return "\n".join(["Where the time went", *rows, total])


def module(name: str, *arguments: str) -> Command:
    """Give the command that runs a module with this very Python."""
    return (sys.executable, "-m", name, *arguments)


def tool(name: str, *arguments: str) -> Command:
    """Give the command that runs a program of this virtual environment."""
    return (str(Path(sys.executable).parent / name), *arguments)


def in_network(command: Command) -> Command:
    """Run a command in a network of its own, where pods can have addresses."""
    return module("tests.testbed.namespace", *command)


#: Everything that the control plane's tests need from Go modules and packages; what is needed
#: first comes first. Its network leads nowhere, so this runs outside of it.
BUILD = (
    module("tests.delivery.helm"),
    module("tests.testbed.build"),
    module("tests.testbed.modules"),
)


def groups(workers: str, extra: Sequence[str]) -> dict[str, tuple[Stage, ...]]:
    """List the stages of each group; `extra` are arguments for every pytest."""

    def pytest(*arguments: str) -> Command:
        return module("pytest", *arguments, *extra)

    two_at_a_time = ("-n", "2", "--dist", "worksteal", HARD, "--durations=10")
    on_control_plane = ("--world", "control-plane")
    conformance = pytest("tests/conformance")
    return {
        "check": (
            Stage("lint", (tool("ruff", "check", "."), tool("ruff", "format", "--check", "."))),
            Stage("types", (tool("mypy"),)),
            Stage(
                "import contracts",
                tuple(
                    tool("lint-imports", "--no-cache", "--no-logo", "--config", config)
                    for config in ("pyproject.toml", "embedded/pyproject.toml")
                ),
            ),
            Stage(
                "unit tests",
                (
                    pytest(
                        *("-n", workers, "--dist", "worksteal"),
                        *("-m", f"not ({SLOW} or {APART})"),
                        *("--durations=10", "--cov", "--cov-report="),
                    ),
                ),
            ),
            Stage(
                "coverage of what is pure",
                (tool("coverage", "report", f"--include={PURE}", "--fail-under=100"),),
            ),
        ),
        "embedded": (
            Stage(
                "stories and delivery",
                (
                    pytest(
                        *("-m", f"({SLOW}) and not {APART}"),
                        *("--ignore", HARD, "--durations=25"),
                    ),
                ),
            ),
            Stage("crashes, faults and replicas", (pytest(*two_at_a_time),)),
        ),
        "control-plane": (
            Stage("network", (in_network(("true",)),)),
            Stage("build", BUILD),
            Stage(
                "CRDs, objects, pods, gateway and chart",
                (
                    in_network(
                        pytest("-m", APART, "tests/testbed", "tests/delivery", "--durations=10")
                    ),
                ),
            ),
            Stage("conformance", (module("tests.testbed.control_plane", *conformance),)),
            Stage(
                "stories on the control plane",
                (
                    in_network(
                        pytest(STORIES, "--ignore", DEMO, *on_control_plane, "--durations=10")
                    ),
                ),
            ),
            Stage(
                "crashes, faults and replicas on the control plane",
                (in_network(pytest(*two_at_a_time, *on_control_plane)),),
            ),
        ),
    }


def run(stages: Iterable[Stage], times: Timetable) -> None:
    """Run stages in their order.

    Raises:
        StageFailed: a command did not exit with 0; those after it are not run.
    """
    for stage in stages:
        with times.timing(stage):
            for command in stage.commands:
                code = subprocess.run(command, cwd=ROOT, check=False).returncode
                if code:
                    raise StageFailed(stage, command, code)


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
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def split_at(words: Sequence[str], mark: str) -> tuple[Sequence[str], Sequence[str]]:
    """Split at the first mark, which belongs to neither part."""
    place = words.index(mark) if mark in words else len(words)
    return words[:place], words[place + 1 :]


def main() -> int:
    """Run the stages that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m tests.stages")
    parser.add_argument("group", choices=("check", "embedded", "control-plane", "test"))
    parser.add_argument("--workers", default="auto", help="processes of the unit tests")
    # argparse takes no positional arguments after an option once it has seen the group.
    own, extra = split_at(sys.argv[1:], "--")
    arguments = parser.parse_args(own)
    signal.signal(signal.SIGTERM, _leave)
    stages, times = groups(arguments.workers, extra), Timetable()
    try:
        if arguments.group == "test":
            network, *later = stages["control-plane"]
            # A machine that refuses the network says so before an hour has gone by.
            run([network, *stages["check"]], times)
            with beside(BUILD, BUILD_LOG):
                run(stages["embedded"], times)
                run(later, times)
        else:
            run(stages[arguments.group], times)
    except StageFailed as failed:
        print(f"\n{failed}", file=sys.stderr, flush=True)
        return failed.code
    finally:
        print(f"\n{times}", flush=True)
    return 0


def _leave(number: int, _frame: FrameType | None) -> None:
    """End in order, so that what runs beside ends as well."""
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
