"""tidegate as a process of its own: it runs as in a cluster, and can be stopped and killed."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Self

from tidegate_embedded.network import free_port
from tidegate_embedded.process import ProgramFailed, last_lines, start_program, stop_program

_GRACE_SECONDS = 25.0


class TidegateProcess:
    """A controller that runs on this machine."""

    def __init__(self, process: asyncio.subprocess.Process, *, port: int, log: Path) -> None:
        self._process = process
        self._port = port
        self._log = log

    @classmethod
    async def started(cls, *flags: str, log: Path, python_path: Path | None = None) -> Self:
        """Start tidegate with flags of `tidegate run`; it is not ready yet.

        `python_path` is a folder with packages that are installed beside it.
        """
        port = free_port()
        beside = {} if python_path is None else {"PYTHONPATH": str(python_path)}
        process = await start_program(
            Path(sys.executable),
            *("-m", "canary", "run"),
            *("--listen", f"127.0.0.1:{port}"),
            *("--log-format", "console"),
            # Everything that it asks is on this machine.
            *("--egress-allow", "127.0.0.0/8,::1/128"),
            *("--lease-duration", "4s"),
            *("--lease-renew-deadline", "3s"),
            *("--lease-retry-period", "500ms"),
            *flags,
            log=log,
            environment={**os.environ, **beside},
        )
        return cls(process, port=port, log=log)

    async def ready(self) -> bool:
        """Tell whether it is ready.

        Raises:
            ProgramFailed: it has ended; has the end of its log.
        """
        if self._process.returncode is not None:
            raise ProgramFailed(f"tidegate ended: {last_lines(self._log)}")
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            return False
        try:
            writer.write(b"GET /readyz HTTP/1.1\r\nHost: tidegate\r\nConnection: close\r\n\r\n")
            return b" 200 " in await reader.readline()
        finally:
            writer.close()

    async def stop(self) -> None:
        """Ask it to end, and wait."""
        await stop_program(self._process, grace_seconds=_GRACE_SECONDS)

    async def kill(self) -> None:
        """Kill it at once."""
        self._process.kill()
        await self._process.wait()
