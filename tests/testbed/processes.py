"""Programs that belong together: started, ended and started again, and never left behind.

What each is told, and in which order they come, belongs to their owner.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from tidegate_embedded.process import ProgramFailed, last_lines, start_program, stop_program

_START_SECONDS = 120.0
_STOP_SECONDS = 10.0
_POLL_SECONDS = 0.1
#: A program may take minutes to end when it is asked to, such as an API server whose etcd has gone:
#: what makes it end with this process is SIGKILL.
_KILLED = """\
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 9)
os.execv(sys.argv[1], sys.argv[1:])
"""


class Processes:
    """Processes by the names of their programs; `whole` is what they are parts of, for messages.

    `programs` are paths by name. Each logs to a file in the folder `logs`, which stays.
    """

    def __init__(self, whole: str, programs: Mapping[str, Path], logs: Path) -> None:
        self._whole = whole
        self._programs = programs
        self._logs = logs
        self._arguments: dict[str, tuple[str, ...]] = {}
        self._running: dict[str, asyncio.subprocess.Process] = {}

    @property
    def ids(self) -> dict[str, int]:
        """Their ids, by the name of the program."""
        return {name: process.pid for name, process in self._running.items()}

    def log(self, name: str) -> Path:
        """Give the file that a program logs to."""
        return self._logs / f"{name}.log"

    async def start(self, name: str, *arguments: str) -> None:
        """Start a program for the first time; its log begins anew."""
        self.log(name).unlink(missing_ok=True)
        self._arguments[name] = arguments
        await self.start_again(name)

    async def start_again(self, name: str) -> None:
        """Start a program that has ended, as it was started before."""
        program, log, arguments = self._programs[name], self.log(name), self._arguments[name]
        if sys.platform == "linux":
            python = Path(sys.executable)
            bound = ("-I", "-S", "-c", _KILLED, str(program), *arguments)
            process = await start_program(python, *bound, log=log)
        else:
            process = await start_program(program, *arguments, log=log)
        self._running[name] = process

    async def stop(self, name: str) -> None:
        """End a program in order, and at once if that takes it long."""
        await stop_program(self._running.pop(name), grace_seconds=_STOP_SECONDS)

    async def kill(self, name: str) -> None:
        """End a program at once."""
        process = self._running.pop(name)
        process.kill()
        await process.wait()

    async def stop_all(self) -> None:
        """End what still runs, the last one first."""
        for name in reversed(self._arguments):
            if name in self._running:
                await self.stop(name)

    def standing(self) -> list[str]:
        """Say of each program whether it runs, and the end of its log, for a failure's message."""
        return [
            f"{name}: {_state(self._running.get(name))}: {last_lines(self.log(name))}"
            for name in self._arguments
        ]

    async def until(self, holds: Callable[[], Awaitable[bool]], what: str) -> None:
        """Wait until something holds while every program runs.

        Raises:
            ProgramFailed: one ended, or it took too long; has the ends of their logs.
        """
        deadline = time.monotonic() + _START_SECONDS
        while not await holds():
            ended = [name for name, each in self._running.items() if each.returncode is not None]
            if ended or time.monotonic() > deadline:
                cause = f"{', '.join(ended)} ended" if ended else f"waited {_START_SECONDS:g} s"
                logs = "\n".join(self.standing())
                raise ProgramFailed(
                    f"{self._whole}: {cause} before {what}; all of it is in {self._logs}\n{logs}"
                )
            await asyncio.sleep(_POLL_SECONDS)


def _state(process: asyncio.subprocess.Process | None) -> str:
    if process is None:
        return "was stopped"
    return "runs" if process.returncode is None else f"ended with {process.returncode}"
