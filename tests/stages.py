"""The stages of `make test`: what each runs, and in which order.

`python -m tests.stages GROUP [--workers N] [-- PYTEST ARGUMENTS]` runs the stages of a group, ends
at the first that fails, with its exit code, and says where the time went. `test` is the stages of
all groups, its unit tests traced; beside these it builds the control plane at the lowest priority.
"""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType

from tests.halves import FOLDER as HALVES
from tests.sampling import SAMPLE, WHOLE
from tests.steps import (
    ROOT,
    Command,
    StageFailed,
    Step,
    Timetable,
    beside,
    run,
    side_by_side,
    stage,
)

BUILD_LOG = ROOT / ".cache" / "build.log"

#: One more than there are processors: some of the unit tests wait.
WORKERS = str(len(os.sched_getaffinity(0)) + 1)
SLOW = "story or delivery"
#: Tests that need the programs of a real control plane, which take long to build.
APART = "control_plane"
APART_FOLDERS = ("tests/security", "tests/testbed", "tests/delivery")
#: Where all tests are slow, or apart: the unit tests do without importing them.
SLOW_FOLDERS = ("tests/hard", "tests/proofs", "tests/stories")
#: What `test` runs while the control plane is built at the lowest priority; `coverage` holds what
#: `check` adds to `static`, with all examples rather than a sample.
AT_FIRST = ("static", "coverage", "searches")
HARD = "tests/hard"
#: Where seeds are searched, of which the unit tests try the first.
SEARCHES = "tests/security"
STORIES, DEMO = "tests/stories", "tests/stories/test_demo.py"
#: On the control plane they are told in two halves, as they mostly wait: the second begins here.
MIDDLE = "tests/stories/test_strategies.py"
#: Ends each half, with what all stories have asked of the control plane.
THEREAFTER = "tests/stories/test_thereafter.py"


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
    module("tests.testbed.debian"),
    module("tests.testbed.build"),
    module("tests.testbed.modules"),
)


def halves() -> tuple[Sequence[str], Sequence[str]]:
    """Give the files of the stories but the demonstration, in two halves that take as long."""
    every = sorted(str(each.relative_to(ROOT)) for each in (ROOT / STORIES).glob("test_*.py"))
    files = [each for each in every if each not in {DEMO, THEREAFTER}]
    first = [each for each in files if each < MIDDLE]
    return [*first, THEREAFTER], [*files[len(first) :], THEREAFTER]


def _at_a_time(number: str) -> tuple[str, ...]:
    """Give the arguments by which pytest runs so many tests at a time."""
    return ("-n", number, "--dist", "worksteal")


def groups(workers: str, extra: Sequence[str]) -> dict[str, tuple[Step, ...]]:
    """List the steps of each group; `extra` are arguments for every pytest."""

    def pytest(*arguments: str) -> Command:
        return module("pytest", *arguments, *extra)

    elsewhere = [each for folder in SLOW_FOLDERS for each in ("--ignore", folder)]
    quick = ("-m", f"not ({SLOW} or {APART} or {WHOLE})")
    slow = ("-m", f"({SLOW}) and not {APART}", "--ignore", HARD)
    apart = ("-m", APART, *APART_FOLDERS)
    on_control_plane = ("--world", "control-plane")
    # Stories, kills and storms mostly wait, so several run at a time, also beside others.
    hard = (*_at_a_time("2"), HARD, "--durations=10")

    contracts = (
        tool("lint-imports", "--no-cache", "--no-logo", "--config", config)
        for config in ("pyproject.toml", "embedded/pyproject.toml")
    )
    many = _at_a_time(workers)
    unit = (*many, *quick, *elsewhere, "--durations=10")
    sample = ("--hypothesis-profile", SAMPLE, "--hypothesis-seed", "0")
    traced = pytest(*unit, "--cov", "--cov-report=")
    static = (
        stage("lint", tool("ruff", "check", "."), tool("ruff", "format", "--check", ".")),
        stage("types", tool("mypy")),
        stage("import contracts", *contracts),
    )
    # Installing a package is not to be cut short, as what is built beside may be.
    browser = stage("browser", module("tests.dashboard.browsing"))
    embedded = stage("stories and delivery", pytest(*_at_a_time("3"), *slow, "--durations=25"))
    embedded_hard = stage("crashes, faults and replicas", pytest(*hard))
    network = stage("network", in_network(("true",)))
    build = stage("build", *BUILD)
    told, told_beside = (
        stage(
            f"stories on the control plane, {which} half",
            in_network(pytest(*files, *on_control_plane, "--durations=10")),
        )
        for which, files in zip(("first", "second"), halves(), strict=True)
    )
    through_contour = pytest(STORIES, "--ignore", DEMO, "--world", "contour", "--durations=10")
    # Each stage has a network of its own, so pods have their addresses to themselves.
    others = (
        stage(
            "CRDs, objects, pods, gateway and chart", in_network(pytest(*apart, "--durations=10"))
        ),
        stage("conformance", module("tests.testbed.control_plane", *pytest("tests/conformance"))),
        stage(
            "crashes, faults and replicas on the control plane",
            in_network(pytest(*hard, *on_control_plane)),
        ),
        stage("stories through Contour", in_network(through_contour)),
        told_beside,
    )
    known = {
        "static": static,
        "check": (*static, stage("unit tests", pytest(*unit, *sample))),
        "coverage": (
            stage("unit tests", traced),
            stage(
                "coverage of what is pure",
                tool("coverage", "report", "--fail-under=100"),
            ),
        ),
        "searches": (stage("all seeds", pytest(*many, "-m", WHOLE, SEARCHES)),),
        "embedded": (browser, side_by_side([embedded], [embedded_hard])),
        "control-plane": (network, build, side_by_side([told], others)),
    }
    # Two lanes of about the same length. What the first one needs of the build is there by then,
    # but where the machine is slow: then it waits for what the second one builds.
    both = side_by_side(
        [embedded, stage(told.name, *BUILD, *told.commands)], [build, *others, embedded_hard]
    )
    return known | {"rest": (browser, both)}


def split_at(words: Sequence[str], mark: str) -> tuple[Sequence[str], Sequence[str]]:
    """Split at the first mark, which belongs to neither part."""
    place = words.index(mark) if mark in words else len(words)
    return words[:place], words[place + 1 :]


def main() -> int:
    """Run the stages that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m tests.stages")
    choices = ("static", "check", "coverage", "searches", "embedded", "control-plane", "test")
    parser.add_argument("group", choices=choices)
    parser.add_argument("--workers", default=WORKERS, help="processes of the unit tests")
    # argparse takes no positional arguments after an option once it has seen the group.
    own, extra = split_at(sys.argv[1:], "--")
    arguments = parser.parse_args(own)
    signal.signal(signal.SIGTERM, _leave)
    stages, times = groups(arguments.workers, extra), Timetable()
    failed = None
    told = TemporaryDirectory(prefix="tidegate-halves-")
    os.environ[HALVES] = told.name
    try:
        if arguments.group == "test":
            # A machine that refuses the network says so before an hour has gone by.
            run(stages["control-plane"][:1], times)
            with beside(BUILD, BUILD_LOG):
                run([step for name in AT_FIRST for step in stages[name]], times)
            run(stages["rest"], times)
        else:
            run(stages[arguments.group], times)
    except StageFailed as stage_failed:
        failed = stage_failed
    finally:
        told.cleanup()
        print(f"\n{times}", flush=True)
    if failed is None:
        return 0
    # The end of a log is what is read first, and all that is kept of a long one.
    print(f"\n{failed}", file=sys.stderr, flush=True)
    return failed.code


def _leave(number: int, _frame: FrameType | None) -> None:
    """End in order, so that what runs beside ends as well."""
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
