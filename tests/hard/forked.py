"""Controllers as processes of their own that are up at once.

To import a controller takes it two seconds of a processor, and hard tests start hundreds. So each is
forked from a process that has imported everything and done nothing else (`multiprocessing`'s fork
server); from there on it is a process like any other, and is killed like one.
"""

import asyncio
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Mapping
from multiprocessing.connection import wait
from pathlib import Path
from threading import Thread
from typing import Self

from canary.__main__ import run
from canary.api.canary import Canary
from canary.cli import main
from canary.settings import Settings

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload([__name__, "canary.cli.run"])
# What reads a Canary is made with the first one: here, for all of them.
Canary.model_rebuild()


class Forked:
    """A process that runs a function, with its output in a file; it ends when this process does."""

    def __init__(self, process: multiprocessing.process.BaseProcess) -> None:
        assert process.pid is not None
        self.pid = process.pid
        self.returncode: int | None = None
        """The negative of the signal that has killed it; None while it runs."""
        self._process = process
        self._ended = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(process.sentinel, self._end)

    @classmethod
    def started(
        cls,
        function: Callable[..., object],
        *arguments: str,
        log: Path,
        environment: Mapping[str, str],
    ) -> Self:
        """Start a function of a module with these arguments and exactly this environment."""
        process = _CONTEXT.Process(
            target=_begin, args=(function, arguments, log, dict(environment)), daemon=True
        )
        process.start()
        return cls(process)

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at whatever instruction it is."""
        self.send_signal(signal.SIGKILL)

    async def wait(self) -> None:
        """Wait until it has ended."""
        await self._ended.wait()

    def _end(self) -> None:
        self._loop.remove_reader(self._process.sentinel)
        self._process.join()
        self.returncode = self._process.exitcode
        self._process.close()
        self._ended.set()


def command_line(*arguments: str) -> None:
    """Be `tidegate` with these arguments."""
    main(arguments, prog_name="tidegate")


def replica(name: str) -> None:
    """Be a controller whose name is its version, and so a part of its user agent in every audit log.

    Its settings come from the environment.
    """
    run(Settings.read(os.environ, {}), version=name)


def _begin(
    function: Callable[..., object],
    arguments: tuple[str, ...],
    log: Path,
    environment: dict[str, str],
) -> None:
    """Become the process: with a session, an output and an environment of its own."""
    os.setsid()
    Thread(target=_end_with_the_tests, daemon=True).start()
    os.environ.clear()
    os.environ.update(environment)
    with log.open("ab") as output:
        for standard in (sys.stdout, sys.stderr):
            os.dup2(output.fileno(), standard.fileno())
    function(*arguments)


def _end_with_the_tests() -> None:
    """End when the process of the tests has gone, by whatever it was."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os.kill(os.getpid(), signal.SIGKILL)
