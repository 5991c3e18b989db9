"""Folders for as long as a process needs them, removed also when it was killed."""

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX = "tidegate-control-plane-"


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Make a folder that is removed at the end, or by the next start after a kill."""
    remove_abandoned()
    with tempfile.NamedTemporaryFile(prefix=_PREFIX, suffix=".lock") as lock:
        # The folder comes after its lock is held: one that can be locked belongs to nobody.
        fcntl.flock(lock, fcntl.LOCK_EX)
        folder = Path(lock.name).with_suffix("")
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder)


def remove_abandoned() -> None:
    """Remove the folders whose process has gone."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*/"):
        lock_file = folder.with_name(f"{folder.name}.lock")
        try:
            with lock_file.open("r+") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
                lock_file.unlink()
        except (BlockingIOError, FileNotFoundError, PermissionError):
            continue  # in use, just removed by another process, or another user's
