"""What every answer of the dashboard is made of: the fleet, the sessions, the templates, the time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from aiohttp import web

from canary.dashboard.about import Examine
from canary.dashboard.fleet import Fleet
from canary.dashboard.pages import PageRenderer
from canary.dashboard.sessions import Session, Sessions
from canary.dashboard.shared import SharedParts

if TYPE_CHECKING:
    from canary.dashboard.earlier import EarlierPoints


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The dashboard of one cluster."""

    fleet: Fleet
    sessions: Sessions
    renderer: PageRenderer
    clock: Callable[[], datetime]
    """Gives the moment, in the zone in which moments are shown."""
    cluster_name: str
    """What the cluster is called, for people."""
    root_path: str = ""
    read_only: bool = False
    frame_ancestors: Sequence[str] = ()
    """The origins whose pages may show ours in a frame."""
    shared: SharedParts = field(default_factory=SharedParts)
    examine: Examine | None = None
    """Examines the cluster for the page about the dashboard."""
    earlier: "EarlierPoints | None" = None
    """Asks for what runs did before the dashboard saw them, where there is a Prometheus."""


SITE: web.AppKey[Site] = web.AppKey("site", Site)
SESSION: web.RequestKey[Session] = web.RequestKey("session", Session)
