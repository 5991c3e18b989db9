"""The dashboard as a process: it follows the Canaries, and serves them while it is open."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from time import monotonic, time
from typing import TYPE_CHECKING, Protocol

from aiohttp import web

from canary.cluster.cluster import Cluster
from canary.dashboard.about import Examine
from canary.dashboard.doors import LaptopDoor
from canary.dashboard.fleet import Fleet
from canary.dashboard.metrics import DashboardMetrics
from canary.dashboard.pages import PageRenderer
from canary.dashboard.server import application, serving
from canary.dashboard.sessions import KEY_SECONDS, OneTimeKey, Sessions
from canary.dashboard.site import Site
from canary.dashboard.viewers import Viewer
from canary.dashboard.ways import Way

if TYPE_CHECKING:
    from canary.dashboard.earlier import EarlierPoints


class Chat(Protocol):
    """Answers people who prove themselves by what they send: those of a chat, or with a link."""

    def __call__(
        self,
        fleet: Fleet,
        cluster: Cluster,
        /,
        *,
        clock: Callable[[], datetime],
        seconds_now: Callable[[], float],
    ) -> AbstractAsyncContextManager[Sequence[web.RouteDef]]:
        """Begin to; give what takes the requests that the chat signs."""


LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Laptop:
    """A dashboard on the machine of the person who looks."""

    address: str
    key: OneTimeKey
    fleet: Fleet

    def invitation(self) -> str:
        """Give an address that lets one browser in, once; the one before no longer does."""
        return f"{self.address}/?key={self.key.make()}"


@asynccontextmanager
async def on_laptop(
    cluster: Cluster,
    *,
    user: str,
    namespaces: Sequence[str] = (),
    port: int = 0,
    read_only: bool = False,
    examine: Examine | None = None,
    earlier: "EarlierPoints | None" = None,
    key_seconds: float = KEY_SECONDS,
) -> AsyncIterator[Laptop]:
    """Serve on loopback, with the rights of the cluster's own credentials.

    An address that is printed lets one browser in, within `key_seconds`.

    Raises:
        CanaryError: the port can't be listened on.
    """
    sessions, key = Sessions(monotonic), OneTimeKey(monotonic, seconds=key_seconds)
    door = LaptopDoor(sessions, Viewer(cluster=cluster, user=user), key)
    async with Fleet.following(cluster, namespaces=namespaces, clock=_now) as fleet:
        site = Site(
            fleet=fleet,
            sessions=sessions,
            renderer=PageRenderer(""),
            clock=_now,
            cluster_name=cluster.credentials.context or cluster.credentials.server,
            read_only=read_only,
            examine=examine,
            earlier=earlier,
        )
        async with serving(application(site, door), host=LOOPBACK, port=port) as (host, found):
            door.listens_at(host, found)
            yield Laptop(address=f"http://{host}:{found}", key=key, fleet=fleet)


@asynccontextmanager
async def for_many(
    cluster: Cluster,
    way: Way,
    *,
    host: str,
    port: int,
    namespaces: Sequence[str] = (),
    root_path: str = "",
    read_only: bool = False,
    frame_ancestors: Sequence[str] = (),
    examine: Examine | None = None,
    earlier: "EarlierPoints | None" = None,
    chat: Chat | None = None,
    links: Chat | None = None,
    metrics_at: tuple[str, int] | None = None,
    seconds_now: Callable[[], float] = time,
) -> AsyncIterator[str]:
    """Serve people who come in by a way, and those who answer in a chat or by a link.

    Gives the address.

    The Canaries are followed with the cluster's credentials; everything else is asked with the
    rights of the person who looks. At `metrics_at` Prometheus reads how the dashboard does.

    Raises:
        CanaryError: the address can't be listened on.
    """
    sessions = Sessions(monotonic)
    async with (
        way(sessions, cluster, seconds_now) as door,
        Fleet.following(cluster, namespaces=namespaces, clock=_now) as fleet,
        (chat or _no_chat)(fleet, cluster, clock=_now, seconds_now=seconds_now) as pressed,
        (links or _no_chat)(fleet, cluster, clock=_now, seconds_now=seconds_now) as linked,
    ):
        site = Site(
            fleet=fleet,
            sessions=sessions,
            renderer=PageRenderer(root_path),
            clock=_now,
            cluster_name=cluster.credentials.context,
            root_path=root_path,
            read_only=read_only,
            frame_ancestors=frame_ancestors,
            examine=examine,
            earlier=earlier,
        )
        metrics = DashboardMetrics(
            streams=lambda: len(fleet.open_pages), auth=door.auth, logins=sessions.logins
        )
        counting = () if metrics_at is None else (metrics.counting(root_path),)
        made = application(site, door, (*pressed, *linked), counting=counting)
        async with AsyncExitStack() as listening:
            at, found = await listening.enter_async_context(serving(made, host=host, port=port))
            if metrics_at is not None:
                told = serving(metrics.application(), host=metrics_at[0], port=metrics_at[1])
                await listening.enter_async_context(told)
            yield f"http://{at}:{found}{root_path}"


@asynccontextmanager
async def _no_chat(*_: object, **__: object) -> AsyncIterator[list[web.RouteDef]]:
    yield []


def _now() -> datetime:
    return datetime.now().astimezone()
