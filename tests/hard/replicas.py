"""Several replicas of the controller as processes, and who of them wrote what.

Nothing here knows which API server is under them.
"""

import re
import signal
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Self

import httpx

from tests.controller.running import until
from tests.hard.forked import Forked, replica
from tests.hard.worlds import HardWorld
from tests.testbed.audit import Audited
from tidegate_embedded.network import free_port
from tidegate_embedded.process import last_lines

DEADLINE_SECONDS = 240.0
SETTINGS = {
    "drain": "0s",
    "lease_duration": "15s",
    "lease_renew_deadline": "10s",
    "lease_retry_period": "1s",
    "log_format": "console",
    "metrics_server": "http://127.0.0.1:9",
}
READS = {"get", "list", "watch"}
OF_A_CANARY = {"canaries", "deployments", "services", "virtualservices"}
_SUFFIX = re.compile(r"-(primary|canary)$")


async def eventually(holds: Callable[[], Any], what: str) -> Any:
    """Wait until something holds that takes several processes, and the time of Leases."""
    return await until(holds, what, seconds=DEADLINE_SECONDS)


class Replica:
    """One process."""

    def __init__(
        self, name: str, process: Forked, port: int, log: Path, client: httpx.AsyncClient
    ) -> None:
        self.name = name
        self.process = process
        self.port = port
        self.log = log
        self._client = client

    async def kill(self) -> None:
        """End it at whatever instruction it is."""
        self.process.kill()
        await self.process.wait()

    def freeze(self) -> None:
        """Stop it in the middle of whatever it does."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self.process.send_signal(signal.SIGCONT)

    async def ready(self) -> bool:
        """Tell whether it says that it is ready."""
        assert self.process.returncode is None, last_lines(self.log, 20)
        answer = await self._ask("/readyz")
        return answer is not None and answer.status_code == 200

    def lapsed(self) -> bool:
        """Tell whether it has lost its Lease, as it may where the machine is busy with others."""
        return "lost leadership" in self.log.read_text()

    async def measured(self, series: str) -> float | None:
        """Read one of its series, as its page writes it with its labels."""
        answer = await self._ask("/metrics")
        found = (
            re.search(rf"^{re.escape(series)} (\S+)$", answer.text, re.MULTILINE)
            if answer
            else None
        )
        return float(found[1]) if found else None

    async def _ask(self, path: str) -> httpx.Response | None:
        try:
            return await self._client.get(f"http://127.0.0.1:{self.port}{path}")
        except httpx.TransportError:
            return None


class Replicas:
    """Starts replicas, and leaves none behind."""

    def __init__(self, world: HardWorld, **settings: str) -> None:
        self.world = world
        self.living: dict[str, Replica] = {}
        where = {"kubeconfig": str(world.kubeconfig), "lease_namespace": world.lease_namespace}
        self._settings = SETTINGS | where | settings
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        # One for all questions: to make one takes a processor longer than many answers.
        client = httpx.AsyncClient(timeout=120, headers={"Connection": "close"})
        self._client = await self._stack.enter_async_context(client)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def start(self, *names: str, by: str = "") -> list[Replica]:
        """Start replicas at once, by a proxy's address if there is one; give them when they are ready."""
        enter = self._stack.enter_async_context
        started = [await enter(self._running(name, by)) for name in names]
        for each in started:
            await eventually(each.ready, f"{each.name} is ready")
        return started

    @asynccontextmanager
    async def _running(self, name: str, by: str) -> AsyncIterator[Replica]:
        port, log = free_port(), self.world.directory / f"{name}.log"
        settings = self._settings | {"listen": f"127.0.0.1:{port}"}
        if by:
            settings["kubeconfig"] = str(self.world.kubeconfig_by(by))
        environment = {f"TIDEGATE_{key.upper()}": value for key, value in settings.items()}
        log.unlink(missing_ok=True)
        process = Forked.started(replica, name, log=log, environment=environment)
        self.living[name] = Replica(name, process, port, log, self._client)
        try:
            yield self.living[name]
        finally:
            process.kill()
            await process.wait()

    # ------------------------------------------------------------------------------ who wrote what

    @property
    def mark(self) -> int:
        """Where the audit log stands."""
        return len(self.world.audit())

    def lease_made(self, name: str, since: int) -> int:
        """Tell where in the audit log a replica has made a Lease of its own, from a mark on."""
        return next(
            place
            for place, entry in enumerate(self.world.audit())
            if place >= since
            and entry.user_agent == f"tidegate/{name}"
            and (entry.verb, entry.resource) == ("create", "leases")
            and entry.status < 400
        )

    def writes(self, since: int = 0, before: int | None = None) -> list[tuple[str, Audited]]:
        """List the writes that were taken from replicas, with the replica's name, Leases apart."""
        return [
            (entry.user_agent.removeprefix("tidegate/"), entry)
            for entry in self.world.audit()[since:before]
            if entry.user_agent.startswith("tidegate/")
            and entry.verb not in READS
            and entry.resource != "leases"
            and entry.status < 400
        ]

    def writers(self, since: int = 0, before: int | None = None) -> dict[str, list[str]]:
        """Name for each Canary who wrote for it, in turn: each name once for as long as it did."""
        turns: defaultdict[str, list[str]] = defaultdict(list)
        for writer, entry in self.writes(since, before):
            if entry.resource not in OF_A_CANARY or not entry.name:
                continue
            turn = turns[_SUFFIX.sub("", entry.name)]
            if turn[-1:] != [writer]:
                turn.append(writer)
        return dict(turns)

    def holder(self, name: str) -> Replica:
        """Give the replica that wrote for a Canary last."""
        return self.living[self.writers()[name][-1]]
