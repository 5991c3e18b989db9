"""The controller as a process of this machine, seen as the probes of its pod see it."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.controller.running import until
from tidegate_embedded.network import free_port
from tidegate_embedded.process import ProgramFailed, last_lines, start_program, stop_program

DEADLINE_SECONDS = 120.0
_STOP_SECONDS = 25.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Controller:
    """A controller that runs."""

    process: asyncio.subprocess.Process
    port: int
    log: Path

    async def probe(self, path: str) -> httpx.Response | None:
        """Ask as a kubelet does; nothing where nobody listens yet.

        Raises:
            ProgramFailed: it has ended; has the end of its log.
        """
        if self.process.returncode is not None:
            raise ProgramFailed(f"tidegate ended: {last_lines(self.log, 20)}")
        try:
            async with httpx.AsyncClient(timeout=120.0) as client:
                return await client.get(f"http://127.0.0.1:{self.port}{path}")
        except httpx.TransportError:
            return None

    async def ready(self) -> bool:
        """Tell whether it says that it is ready."""
        answer = await self.probe("/readyz")
        return answer is not None and answer.status_code == 200

    async def until_ready(self) -> None:
        """Wait until it says that it is ready."""
        await until(self.ready, "tidegate is ready", seconds=DEADLINE_SECONDS)


@asynccontextmanager
async def running(arguments: Sequence[str], *, log: Path) -> AsyncIterator[Controller]:
    """Run `tidegate` with arguments until the context is left; ready or not is not waited for."""
    port = free_port()
    process = await start_program(
        Path(sys.executable),
        *("-m", "canary", *arguments),
        *("--listen", f"127.0.0.1:{port}", "--log-format", "console", "--drain", "0s"),
        log=log,
    )
    try:
        yield Controller(process=process, port=port, log=log)
    finally:
        await stop_program(process, grace_seconds=_STOP_SECONDS)
