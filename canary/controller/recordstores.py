"""Where run records are kept: the log, files, or an object store by way of fsspec.

A store is called in a thread and may block. What it raises says that nothing is known to be kept.
"""

import logging
import os
import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote, urlsplit

from canary.errors import CanaryError
from canary.settings.records import IN_LOG

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

log = logging.getLogger(__name__)

FILE_NAME = "record.jsonl"
PART_BYTES = 32 * 1024
"""An object that has so much is not written again; the next lines begin another."""
OPEN_PARTS = 500
"""Of so many runs the newest object is kept in memory, to be written again with more lines."""


class RecordStore(Protocol):
    """Keeps lines by the folder of their run; what is there already is never overwritten."""

    def append(self, folder: str, lines: Sequence[bytes]) -> None:
        """Keep lines, each without its end."""


def record_store(where: str, *, process: str) -> RecordStore | None:
    """Make the store that a setting names; None where nothing is recorded.

    `process` tells what this process writes from what others do.

    Raises:
        CanaryError: the store needs a package that is not installed, or is unknown to fsspec.
    """
    if not where:
        return None
    if where == IN_LOG:
        return LogRecords()
    if where.startswith("file:"):
        return FileRecords(Path(unquote(urlsplit(where).path)))
    try:
        import fsspec

        filesystem, base = fsspec.url_to_fs(where)
    except ImportError as error:
        missing = "install it with: pip install 'tidegate[records]'"
        remedy = missing if error.name == "fsspec" else "install what fsspec asks for"
        raise CanaryError(f"--records: {where!r} cannot be written: {error}; {remedy}") from None
    except ValueError as error:
        raise CanaryError(f"--records: {where!r} is no store that fsspec knows: {error}") from None
    return ObjectRecords(filesystem, base, process=process)


class LogRecords:
    """Writes lines to the log, one entry each."""

    def append(self, folder: str, lines: Sequence[bytes]) -> None:
        """Log each line."""
        canary, _, run = folder.rstrip("/").rpartition("/")
        for line in lines:
            log.info("%s", line.decode(), extra={"canary": canary, "run": run})


@dataclass(frozen=True, slots=True)
class FileRecords:
    """Appends to a file for each run."""

    base: Path

    def append(self, folder: str, lines: Sequence[bytes]) -> None:
        """Append lines in one write; a line that a crash has cut short is ended first.

        Raises:
            OSError: the file could not be written.
        """
        path = self.base / folder / FILE_NAME
        path.parent.mkdir(parents=True, exist_ok=True)
        text = b"".join(b"%s\n" % line for line in lines)
        with path.open("ab+", buffering=0) as file:
            if file.seek(0, os.SEEK_END):
                file.seek(-1, os.SEEK_END)
                text = text if file.read(1) == b"\n" else b"\n" + text
            written = file.write(text)
        if written != len(text):
            raise OSError(f"{path}: {written} of {len(text)} bytes were written")


@dataclass(slots=True)
class _Part:
    """An object that may get more lines."""

    path: str
    content: bytes


class ObjectRecords:
    """Writes objects, none of which another process writes: an object cannot be appended to.

    The newest of a run is written again with more lines until it is large enough.
    """

    def __init__(
        self,
        filesystem: "AbstractFileSystem",
        base: str,
        *,
        process: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        open_parts: int = OPEN_PARTS,
    ) -> None:
        self._filesystem = filesystem
        self._base = base.rstrip("/")
        self._process = re.sub(r"[^A-Za-z0-9.-]", "-", process)
        self._clock = clock
        self._open_parts = open_parts
        self._lock = Lock()
        self._number = 0
        self._parts: OrderedDict[str, _Part] = OrderedDict()

    def append(self, folder: str, lines: Sequence[bytes]) -> None:
        """Write lines into the newest object of a run, or into another one.

        Raises:
            Exception: whatever the store's package raises; the lines may be written again.
        """
        text = b"".join(b"%s\n" % line for line in lines)
        with self._lock:
            part = self._parts.pop(folder, None) or _Part(self._next(folder), b"")
        whole = _Part(part.path, part.content + text)
        self._write(whole)
        if len(whole.content) < PART_BYTES:
            with self._lock:
                self._parts[folder] = whole
                while len(self._parts) > self._open_parts:
                    self._parts.popitem(last=False)

    def _next(self, folder: str) -> str:
        """Name an object after all that are there, and as no other process does."""
        self._number += 1
        name = f"{self._clock():%Y%m%dT%H%M%S}Z-{self._process}-{self._number}.jsonl"
        return f"{self._base}/{folder}{name}"

    def _write(self, part: _Part) -> None:
        try:
            self._filesystem.pipe_file(part.path, part.content)
        except FileNotFoundError:
            # Stores with real folders want them to be there.
            self._filesystem.makedirs(part.path.rpartition("/")[0], exist_ok=True)
            self._filesystem.pipe_file(part.path, part.content)
