"""Folders that go with their process."""

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from tests.testbed.tools import ROOT

HOLDS_ONE = """
from tests.testbed.scratch import scratch_folder
with scratch_folder() as folder:
    (folder / "data").write_text("much")
    print(folder, flush=True)
    input()
"""


@contextmanager
def holder(temporary: Path):
    """Run a process that holds a folder until it is told to end."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS_ONE],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(temporary)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        folder = Path(process.stdout.readline().strip())
        assert folder.parent == temporary
        assert (folder / "data").exists()
        try:
            yield process, folder
        finally:
            process.kill()


def test_nothing_is_left_at_the_end(tmp_path):
    with holder(tmp_path) as (process, _):
        process.communicate("end\n")
        assert process.returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_removed_at_the_next_start(tmp_path):
    with holder(tmp_path) as (process, left):
        process.kill()
        process.wait()
        assert left.exists()
        with holder(tmp_path) as (_, other):
            assert not left.exists()
            assert {each.name for each in tmp_path.iterdir()} == {other.name, f"{other.name}.lock"}


def test_what_another_process_uses_stays(tmp_path):
    with holder(tmp_path) as (_, one), holder(tmp_path) as (_, other):
        assert one.exists()
        assert other.exists()
