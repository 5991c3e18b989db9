"""Programs of the embedded world: started, ended, and never left behind.

What each program is, and how it gets its configuration, belongs to its owner.
"""

import asyncio
import os
import shutil
import signal
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

#: Linux ends the program with SIGTERM when the process that started it has gone, even by SIGKILL.
#: The signal is asked for by the program's own process before it becomes the program: code between
#: fork and exec would not be safe in a process with threads.
_BOUND = """\
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGTERM)
if os.getppid() != int(sys.argv[1]):
    sys.exit("the process that started this one has gone")
os.execv(sys.argv[2], sys.argv[2:])
"""


class ProgramFailed(Exception):
    """A program of the embedded world is missing, did not start, or refused its configuration."""


def find_program(name: str, *, remedy: str) -> Path:
    """Find a program beside this Python, then on the PATH.

    Raises:
        ProgramFailed: there is none; says the remedy.
    """
    scripts = Path(sysconfig.get_path("scripts"))
    found = shutil.which(name, path=str(scripts)) or shutil.which(name)
    if found is None:
        raise ProgramFailed(f"{name}: not found beside {sys.executable} nor on the PATH; {remedy}")
    return Path(found)


async def start_program(
    program: Path,
    *arguments: str,
    log: Path,
    environment: Mapping[str, str] | None = None,
) -> asyncio.subprocess.Process:
    """Start a program whose output goes to a file, and which ends when this process does."""
    command: Sequence[str] = (str(program), *arguments)
    if sys.platform == "linux":
        bound = (sys.executable, "-I", "-S", "-c", _BOUND, str(os.getpid()))
        command = (*bound, *command)
    with log.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=None if environment is None else dict(environment),
            start_new_session=True,  # Ctrl-C is for this process, which ends the others in order
        )


async def stop_program(process: asyncio.subprocess.Process, *, grace_seconds: float) -> None:
    """Ask a program to end, and end it when it takes too long."""
    for sent in (signal.SIGTERM, signal.SIGKILL):
        if process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            process.send_signal(sent)
        with suppress(TimeoutError):
            async with asyncio.timeout(grace_seconds):
                await process.wait()


def last_lines(log: Path, count: int = 3) -> str:
    """Give the end of a log in one line, for a message."""
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    return " / ".join(text.strip().splitlines()[-count:]) or "it logged nothing"
