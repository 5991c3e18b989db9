"""The controller as a process of its own, and what it uses."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import httpx

from tests.bench.store import Store
from tests.controller.running import until
from tidegate_embedded.network import free_port
from tidegate_embedded.process import ProgramFailed, last_lines, start_program, stop_program

START_SECONDS = 600.0
CPUCLOCK_SCHED = 2


@dataclass(frozen=True, kw_only=True)
class Tree:
    """The sources that a controller is run from, be they this tree's or those of another commit."""

    root: Path
    calls: Path | None = None
    """Where the calls of functions are counted into; None where they are not."""

    @property
    def command(self) -> Sequence[str]:
        """Python's arguments up to those of the controller."""
        if self.calls is None:
            return ("-P", "-m", "canary")
        return ("-P", str(Path(__file__).with_name("counted.py")), str(self.calls), "canary")

    @property
    def environment(self) -> Mapping[str, str]:
        """Has the sources found before those that are installed."""
        path = os.pathsep.join(map(str, (self.root, self.root / "embedded" / "src")))
        return os.environ | {"PYTHONPATH": path}


class Process:
    """What the controller uses."""

    def __init__(self, program: asyncio.subprocess.Process, port: int) -> None:
        self._program = program
        self._port = port

    async def ready(self, path: str = "/readyz") -> None:
        """Wait until it says that it is ready."""

        async def answers() -> bool:
            try:
                async with httpx.AsyncClient() as client:
                    answer = await client.get(f"http://127.0.0.1:{self._port}{path}")
            except httpx.TransportError:
                return False
            return answer.status_code == HTTPStatus.OK

        await until(answers, "ready", seconds=START_SECONDS)

    @property
    def cpu_seconds(self) -> float:
        """CPU time so far, of user and system, to the nanosecond.

        Source: clock_getcpuclockid(3), whose clock of a process Linux numbers like this.
        """
        return time.clock_gettime((~self._program.pid << 3) | CPUCLOCK_SCHED)

    @property
    def memory_mib(self) -> float:
        """Resident memory."""
        pages = int(Path(f"/proc/{self._program.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    async def page_of_metrics(self) -> tuple[float, float, float]:
        """Read the page of metrics as Prometheus does.

        Gives its MiB, those that go over the wire, and the seconds of CPU that it takes.
        """
        async with httpx.AsyncClient(timeout=START_SECONDS) as client:
            before = self.cpu_seconds
            answer = await client.get(f"http://127.0.0.1:{self._port}/metrics")
            used, page = self.cpu_seconds - before, answer.raise_for_status().content
            return len(page) / 2**20, answer.num_bytes_downloaded / 2**20, used

    async def idle(self, seconds: float = 2.0) -> None:
        """Wait until it has hardly anything to do."""
        while True:
            before = self.cpu_seconds
            await asyncio.sleep(seconds)
            if self.cpu_seconds - before < 0.05 * seconds:
                return

    async def calls(self, file: Path) -> int:
        """Give how many functions it has called, where they are counted into a file."""
        before = _text_of(file)
        self._program.send_signal(signal.SIGUSR1)

        async def told() -> bool:
            return _text_of(file) != before

        await until(told, "it tells what it has called", seconds=START_SECONDS)
        return int(_text_of(file))

    async def freeze(self, seconds: float) -> None:
        """Hold it for so long, as a machine does that is frozen itself."""
        self._program.send_signal(signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            self._program.send_signal(signal.SIGCONT)


def _text_of(file: Path) -> str:
    return file.read_text() if file.exists() else ""


@asynccontextmanager
async def a_controller(
    kubeconfig: Path,
    store: Store,
    *options: str,
    lease_namespace: str = "default",
    drain: str = "0s",
    log: Path | None = None,
    tree: Tree | None = None,
    alerts: str = "",
) -> AsyncIterator[Process]:
    """Run the controller, that of another tree where one is given.

    `alerts` is where it tells what happens.

    Raises:
        ProgramFailed: it has ended by itself.
    """
    port = free_port()
    arguments = (
        *(tree.command if tree else ("-m", "canary")),
        *("run", "--kubeconfig", str(kubeconfig), "--drain", drain),
        *("--listen", f"127.0.0.1:{port}", "--lease-namespace", lease_namespace),
        *("--metrics-server", store.url, *options),
    )
    log = log or kubeconfig.with_suffix(".log")
    environment = dict(tree.environment if tree else os.environ)
    if alerts:
        environment["TIDEGATE_ALERT_WEBHOOK"] = alerts
    python = Path(sys.executable)
    running = a_process(python, *arguments, port=port, log=log, environment=environment)
    async with running as process:
        yield process


@asynccontextmanager
async def a_process(
    program: Path,
    *arguments: str,
    port: int,
    log: Path,
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[Process]:
    """Run a controller that answers on a port.

    Raises:
        ProgramFailed: it has ended by itself.
    """
    started = await start_program(program, *arguments, log=log, environment=environment)
    try:
        yield Process(started, port)
        if started.returncode is not None:
            raise ProgramFailed(f"{program.name} ended by itself:\n{last_lines(log)}")
    finally:
        await stop_program(started, grace_seconds=20)
