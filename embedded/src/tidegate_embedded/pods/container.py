"""One container as a process: run, probed, restarted when it ends, and stopped in order.

What a pod reports of its containers together belongs to `runtime.py`.
"""

import asyncio
import signal
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tidegate_embedded.controllers.runtime import ContainerReport, Terminated, Waiting
from tidegate_embedded.pods.plan import ContainerPlan, PodPlan, Probe

_SERVER = Path(__file__).with_name("server.py")
_KEPT_LINES = 200
#: Until a container is ready it is probed this often, or at its period if that is shorter: a
#: process is up sooner than a container, and waiting for it would be all that a story does.
_FIRST_PERIOD_SECONDS = 0.05
_LONGEST_BACK_OFF_SECONDS = 300.0
_OUT_OF_MEMORY = 137


class Container:
    """A container's process, again and again until it is stopped; `changed` tells of each state."""

    def __init__(
        self,
        *,
        pod: PodPlan,
        plan: ContainerPlan,
        ip: str,
        log: Path,
        back_off_seconds: float,
        linger_seconds: float,
        changed: Callable[[], None],
    ) -> None:
        self.report = ContainerReport(
            name=plan.name, waiting=Waiting(reason="ContainerCreating", message=plan.problem)
        )
        self.lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self._pod, self._plan, self._ip, self._log = pod, plan, ip, log
        self._back_off_seconds = back_off_seconds
        self._linger_seconds = linger_seconds
        self._changed = changed
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()

    @property
    def process_id(self) -> int | None:
        """The id of the process that runs."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def run(self) -> None:
        """Run the process, and again whenever it ends, until `stop`."""
        if self._plan.problem:
            problem = Waiting(reason="CreateContainerConfigError", message=self._plan.problem)
            self._say(ContainerReport(name=self._plan.name, waiting=problem))
            return
        restarts, pause = 0, 0.0
        while not self._stopping.is_set():
            ended = await self._run_once(restarts)
            if self._stopping.is_set():
                self._say(
                    ContainerReport(name=self._plan.name, restart_count=restarts, terminated=ended)
                )
                return
            # As the kubelet does: again at once the first time, then after a growing pause.
            if pause:
                self._say(self._backing_off(ended, restarts, pause))
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), pause)
            pause = min(pause * 2 or self._back_off_seconds, _LONGEST_BACK_OFF_SECONDS)
            restarts += 1

    async def stop(self, grace_seconds: float) -> None:
        """Ask the process to end, kill it when it takes too long."""
        self._stopping.set()
        process = self._process
        if process is None:
            return
        for sent in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                process.send_signal(sent)
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), grace_seconds)
                return

    def _say(self, report: ContainerReport) -> None:
        self.report = report
        self._changed()

    async def _run_once(self, restarts: int) -> Terminated:
        # The pipe to its standard input is never written to: when this process goes, however it
        # goes, the pipe is closed and the container ends.
        self._process = process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            "-S",
            str(_SERVER),
            self._ip,
            *(str(port) for port in self._plan.ports),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={"LINGER": str(self._linger_seconds), **self._plan.environment},
            start_new_session=True,
        )
        if self._stopping.is_set():  # the order to stop came while the process was being made
            process.terminate()
        self._say(
            ContainerReport(
                name=self._plan.name,
                ready=self._plan.probe is None,
                restart_count=restarts,
                last_terminated=self.report.last_terminated,
            )
        )
        probing = asyncio.create_task(self._probe(self._plan.probe)) if self._plan.probe else None
        try:
            await self._follow_output(process)
            exit_code = await process.wait()
        finally:
            if probing is not None:
                probing.cancel()
                await asyncio.wait({probing})
            if process.returncode is None:
                process.kill()
                await process.wait()
        return Terminated(
            # A shell's way of naming a signal.
            exit_code=exit_code if exit_code >= 0 else 128 - exit_code,
            reason=_ending(exit_code),
            message=self.lines[-1] if self.lines and exit_code else "",
        )

    async def _follow_output(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        with self._log.open("a", encoding="utf-8") as log:
            async for line in process.stdout:
                text = line.decode(errors="replace").rstrip("\n")
                self.lines.append(text)
                log.write(f"{text}\n")
                log.flush()

    async def _probe(self, probe: Probe) -> None:
        """Probe for as long as the process runs, and tell when the answer turns."""
        await asyncio.sleep(probe.delay_seconds)
        in_a_row, last = 0, False
        while True:
            succeeded = await probed(self._ip, probe)
            in_a_row = in_a_row + 1 if succeeded == last else 1
            last = succeeded
            needed = probe.successes if succeeded else probe.failures
            report = self.report
            if succeeded != report.ready and in_a_row >= needed and self.process_id:
                self._say(
                    ContainerReport(
                        name=report.name,
                        ready=succeeded,
                        restart_count=report.restart_count,
                        last_terminated=report.last_terminated,
                    )
                )
            eager = not self.report.ready
            await asyncio.sleep(
                min(probe.period_seconds, _FIRST_PERIOD_SECONDS) if eager else probe.period_seconds
            )

    def _backing_off(self, ended: Terminated, restarts: int, pause: float) -> ContainerReport:
        message = (
            f"back-off {pause:g}s restarting failed container={self._plan.name} "
            f"pod={self._pod.name}_{self._pod.namespace}({self._pod.uid})"
        )
        return ContainerReport(
            name=self._plan.name,
            restart_count=restarts,
            waiting=Waiting(reason="CrashLoopBackOff", message=message),
            last_terminated=ended,
        )


def _ending(exit_code: int) -> str:
    if exit_code == _OUT_OF_MEMORY:
        return "OOMKilled"
    return "Error" if exit_code else "Completed"


async def probed(ip: str, probe: Probe) -> bool:
    """Probe once: whether the port is open and, where there is a path, answers 2xx or 3xx."""
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(probe.timeout_seconds):
            reader, writer = await asyncio.open_connection(ip, probe.port)
            if not probe.path:
                return True
            head = f"GET {probe.path} HTTP/1.1\r\nHost: {ip}\r\nConnection: close\r\n\r\n"
            writer.write(head.encode())
            answer = await reader.readline()
            return answer.split(b" ")[1][:1] in {b"2", b"3"}
    except (OSError, TimeoutError, IndexError):
        return False
    finally:
        if writer is not None:
            writer.close()
