"""What orchestrates `make test`: the first failure ends it, and nothing is left behind."""

import asyncio
import fcntl
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import stages
from tests.controller.running import until
from tests.delivery.role import Right
from tests.halves import FOLDER, used_elsewhere
from tests.sampling import SAMPLE, WHOLE
from tests.steps import (
    ROOT,
    Command,
    SideBySide,
    StageFailed,
    Step,
    Timetable,
    beside,
    run,
    side_by_side,
    stage,
)


def python(program: str) -> Command:
    return (sys.executable, "-c", program)


SOUND, BROKEN = python(""), python("raise SystemExit(3)")


def test_stages_run_in_their_order_and_are_timed(capfd):
    said = [stage(name, python(f"print('{name} runs')")) for name in ("first", "second")]
    times = Timetable()
    run(said, times)
    shown = capfd.readouterr().out
    assert shown.index("first runs") < shown.index("second runs")
    assert [line.split()[-1] for line in str(times).splitlines()[1:]] == ["first", "second", "all"]


def test_the_first_command_that_fails_ends_it_with_its_exit_code(tmp_path: Path):
    left = tmp_path / "left"
    later = stage("later", python(f"open({str(left)!r}, 'w')"))
    times = Timetable()
    with pytest.raises(StageFailed, match="broken failed with exit code 3") as failed:
        run([stage("broken", SOUND, BROKEN), later], times)
    assert (failed.value.code, left.exists()) == (3, False)
    assert "broken" in str(times)


def test_a_command_that_is_killed_has_failed():
    killed = python("import os; os.kill(os.getpid(), 9)")
    with pytest.raises(StageFailed) as failed:
        run([stage("killed", killed)], Timetable())
    assert failed.value.code == 128 + signal.SIGKILL


async def test_what_runs_beside_ends_with_what_it_runs_beside(tmp_path: Path):
    held, log = tmp_path / "held", tmp_path / "log"
    with beside([SOUND, holding(held)], log):
        await until(lambda: b"up" in log.read_bytes())
        assert not free(held)
    await until(lambda: free(held))


def test_lanes_run_at_the_same_time_and_each_in_its_order(tmp_path: Path, capfd):
    there, back = tmp_path / "there", tmp_path / "back"
    # Each waits for a file of the other, so that neither could end alone.
    one = python(f"open({str(there)!r}, 'w')\n{waiting_for(back)}")
    other = python(f"{waiting_for(there)}\nopen({str(back)!r}, 'w')")
    times = Timetable()
    run(
        [
            side_by_side(
                [stage("one", one, python("print('all of one')"))],
                [stage("other", other), stage("last", python("print('all of last')"))],
            )
        ],
        times,
    )
    shown = capfd.readouterr().out
    assert shown.index("== one has said") < shown.index("all of one")
    assert shown.index("== other has said") < shown.index("all of last")
    assert {line.split()[-1] for line in str(times).splitlines()[1:-1]} == {"one", "other", "last"}


def test_a_lane_that_fails_ends_those_beside_it_with_its_exit_code(tmp_path: Path, capfd):
    held, left = tmp_path / "held", tmp_path / "left"
    fails = python(f"{waiting_for(held)}\nprint('the reason'); raise SystemExit(3)")
    later = stage("later", python(f"open({str(left)!r}, 'w')"))
    lanes = side_by_side([stage("holds", holding(held)), later], [stage("broken", fails), later])
    with pytest.raises(StageFailed, match="broken failed with exit code 3") as failed:
        run([lanes, later], Timetable())
    assert "the reason" in capfd.readouterr().out
    assert str(failed.value).endswith("The last it said:\nthe reason")
    assert not left.exists()
    assert free(held)


async def test_lanes_end_with_what_runs_them(tmp_path: Path):
    held, log = tmp_path / "held", tmp_path / "log"
    program = (
        "from tests.steps import Timetable, run, side_by_side, stage\n"
        f"run([side_by_side([stage('holds', {holding(held)!r})])], Timetable())"
    )
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *python(program), cwd=ROOT, stdout=output, stderr=output
        )
    await until(lambda: held.exists() and held.read_text() == "held")
    process.terminate()
    assert await process.wait() == 143, log.read_text()
    await until(lambda: free(held))


def waiting_for(file: Path) -> str:
    """Give a program that ends once there is a file."""
    return f"import os, time\nwhile not os.path.exists({str(file)!r}): time.sleep(0.01)"


def holding(file: Path) -> Command:
    """Give a program that locks a file, says so in it and on its output, and doesn't end."""
    return python(
        f"import fcntl, time; file = open({str(file)!r}, 'w'); fcntl.flock(file, fcntl.LOCK_EX);"
        "file.write('held'); file.flush(); print('up', flush=True); time.sleep(600)"
    )


def free(path: Path) -> bool:
    """Tell whether the process that held a file has gone; a process id may be a zombie's."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def commands_of(steps: tuple[Step, ...]) -> Iterator[Command]:
    for step in steps:
        lanes = step.lanes if isinstance(step, SideBySide) else [[step]]
        for lane in lanes:
            for each in lane:
                yield from each.commands


def test_every_test_belongs_to_a_stage():
    known = stages.groups("auto", ())
    commands = [each for group in known.values() for each in commands_of(group)]
    marked = [" ".join(command) for command in commands if "pytest" in command]
    quick = f"not ({stages.SLOW} or {stages.APART} or {WHOLE})"
    assert any(quick in each for each in marked)
    assert any(f"-m {WHOLE} {stages.SEARCHES}" in each for each in marked)
    assert any(f"({stages.SLOW}) and not {stages.APART}" in each for each in marked)
    assert any(f"-m {stages.APART}" in each for each in marked)


@pytest.mark.parametrize("folder", stages.SLOW_FOLDERS)
def test_the_folders_that_the_unit_tests_leave_out_have_none(folder: str):
    marked = re.compile(r"^pytestmark = (\[[^\]]*|.*)\b(story|control_plane)\b", re.MULTILINE)
    files = list((ROOT / folder).rglob("test_*.py"))
    assert files
    assert [each for each in files if not marked.search(each.read_text())] == []


def test_what_needs_a_control_plane_is_where_that_is_run():
    folders = (*stages.APART_FOLDERS, *stages.SLOW_FOLDERS)
    marked = re.compile(r"^(pytestmark = [^\]]*|@)pytest\.mark\.control_plane\b", re.MULTILINE)
    files = (each.relative_to(ROOT) for each in (ROOT / "tests").rglob("test_*.py"))
    found = [each for each in files if marked.search((ROOT / each).read_text())]
    assert found
    assert [each for each in found if not any(map(each.is_relative_to, folders))] == []


def test_what_ci_runs_leaves_no_group_out():
    known = stages.groups("auto", ())
    apart = {*stages.AT_FIRST, "check", "rest"}
    # A stage may begin with what it needs of another one.
    assert {command for name in known.keys() - apart for command in commands_of(known[name])} == {
        *commands_of(known["rest"]),
        *commands_of(known["control-plane"][:1]),
    }
    *static, untraced = commands_of(known["check"])
    assert static == list(commands_of(known["static"]))
    traced, _ = commands_of(known["coverage"])
    assert untraced[-4:] == ("--hypothesis-profile", SAMPLE, "--hypothesis-seed", "0")
    assert [each for each in traced if not each.startswith("--cov")] == list(untraced[:-4])


def test_the_two_halves_of_the_stories_are_all_of_them():
    first, second = stages.halves()
    assert min(len(first), len(second)) >= 3
    every = {str(each.relative_to(ROOT)) for each in (ROOT / stages.STORIES).glob("test_*.py")}
    assert {*first, *second} == every - {stages.DEMO}
    assert set(first) & set(second) == {stages.THEREAFTER}
    assert first[-1] == second[-1] == stages.THEREAFTER


def test_the_half_that_ends_last_knows_the_rights_that_both_have_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Both have one process id, as each has namespaces of its own."""
    monkeypatch.setenv(FOLDER, str(tmp_path))
    first, second = (Right("apps", "deployments", verb) for verb in ("get", "patch"))
    assert used_elsewhere({first}) is None
    assert used_elsewhere({second}) == {first}


def test_told_in_one_the_stories_have_no_other_half(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv(FOLDER, raising=False)
    assert used_elsewhere({Right("apps", "deployments", "get")}) == set()


def test_every_search_of_seeds_is_where_all_of_them_are_tried():
    searching = [
        file.relative_to(ROOT)
        for file in (ROOT / "tests").rglob("test_*.py")
        if re.search(r"^from .* import .*\bseeds\b", file.read_text(), re.MULTILINE)
    ]
    assert searching
    assert all(each.is_relative_to(stages.SEARCHES) for each in searching)


def test_arguments_reach_every_pytest():
    known = stages.groups("2", ("-k", "some"))
    commands = [each for group in known.values() for each in commands_of(group)]
    assert [each for each in commands if "pytest" in each and each[-2:] != ("-k", "some")] == []
