"""Where the controller is measured: in the embedded world, or on a real control plane.

Either way its requests are counted from the API server's audit log, by user agent.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.process import Process, Tree, a_controller
from tests.bench.store import Store
from tests.controller.running import AnyWorld, World
from tests.hard.plane import PlaneWorld, a_shared_plane
from tests.testbed.audit import Audited, AuditLog

USER_AGENT = "tidegate/"


@dataclass(frozen=True, kw_only=True)
class Place:
    """A world with an audit log."""

    name: str
    world: AnyWorld
    audit: Callable[[], Sequence[Audited]]

    @property
    def mark(self) -> int:
        """Where the audit log stands."""
        return len(self.audit())

    def requests(self, since: int = 0) -> list[Audited]:
        """List what the controller has asked, from a mark on, beside Lease renewals."""
        return [
            each
            for each in self.audit()[since:]
            if each.user_agent.startswith(USER_AGENT) and each.resource != "leases"
        ]

    def controller(
        self, store: Store, *options: str, tree: Tree | None = None, alerts: str = ""
    ) -> AbstractAsyncContextManager[Process]:
        """Run a controller here, that of another tree where one is given.

        `alerts` is where it tells what happens.
        """
        return a_controller(
            self.world.kubeconfig,
            store,
            *options,
            lease_namespace=self.world.lease_namespace,
            log=self.world.directory / "tidegate.log",
            tree=tree,
            alerts=alerts,
        )


@asynccontextmanager
async def embedded(directory: Path) -> AsyncIterator[Place]:
    """Measure in the embedded world, whose API server is in this process."""
    async with World(directory) as world:
        yield Place(name="embedded", world=world, audit=lambda: world.server.audit)


@asynccontextmanager
async def control_plane(directory: Path) -> AsyncIterator[Place]:
    """Measure on a real control plane, with pods that kwok reports ready and TLS."""
    async with a_shared_plane(directory) as shared, PlaneWorld(shared, directory) as world:
        log = AuditLog(shared.plane.audit_log, user_agents=USER_AGENT)
        yield Place(name="control-plane", world=world, audit=lambda: log.entries)


PLACES = {"embedded": embedded, "control-plane": control_plane}
