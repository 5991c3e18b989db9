"""What orchestrates `make test`: the first failure ends it, and nothing is left behind."""

import fcntl
import signal
import sys
from pathlib import Path

import pytest

from tests import stages
from tests.controller.running import until
from tests.stages import Stage, StageFailed, Timetable


def python(program: str) -> stages.Command:
    return (sys.executable, "-c", program)


SOUND, BROKEN = python(""), python("raise SystemExit(3)")


def test_stages_run_in_their_order_and_are_timed(capfd):
    said = [Stage(name, (python(f"print('{name} runs')"),)) for name in ("first", "second")]
    times = Timetable()
    stages.run(said, times)
    shown = capfd.readouterr().out
    assert shown.index("first runs") < shown.index("second runs")
    assert [line.split()[-1] for line in str(times).splitlines()[1:]] == ["first", "second", "all"]


def test_the_first_command_that_fails_ends_it_with_its_exit_code(tmp_path: Path):
    left = tmp_path / "left"
    later = Stage("later", (python(f"open({str(left)!r}, 'w')"),))
    times = Timetable()
    with pytest.raises(StageFailed, match="broken failed with exit code 3") as failed:
        stages.run([Stage("broken", (SOUND, BROKEN)), later], times)
    assert (failed.value.code, left.exists()) == (3, False)
    assert "broken" in str(times)


def test_a_command_that_is_killed_has_failed():
    killed = python("import os; os.kill(os.getpid(), 9)")
    with pytest.raises(StageFailed) as failed:
        stages.run([Stage("killed", (killed,))], Timetable())
    assert failed.value.code == 128 + signal.SIGKILL


async def test_what_runs_beside_ends_with_what_it_runs_beside(tmp_path: Path):
    held = tmp_path / "held"
    holds = python(
        f"import fcntl, time; file = open({str(held)!r}, 'w'); fcntl.flock(file, fcntl.LOCK_EX);"
        "print('up', flush=True); time.sleep(600)"
    )
    log = tmp_path / "log"
    with stages.beside([SOUND, holds], log):
        await until(lambda: b"up" in log.read_bytes())
        assert not free(held)
    await until(lambda: free(held))


def free(path: Path) -> bool:
    """Tell whether the process that held a file has gone; a process id may be a zombie's."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def test_every_test_belongs_to_a_stage():
    known = stages.groups("auto", ())
    commands = [each for group in known.values() for stage in group for each in stage.commands]
    marked = [" ".join(command) for command in commands if "pytest" in command]
    assert any(f"not ({stages.SLOW} or {stages.APART})" in each for each in marked)
    assert any(f"({stages.SLOW}) and not {stages.APART}" in each for each in marked)
    assert any(f"-m {stages.APART}" in each for each in marked)


def test_arguments_reach_every_pytest():
    known = stages.groups("2", ("-k", "some"))
    commands = [each for group in known.values() for stage in group for each in stage.commands]
    assert [each for each in commands if "pytest" in each and each[-2:] != ("-k", "some")] == []
