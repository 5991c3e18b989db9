"""Who looks: the person behind a session, with the connection that carries their rights."""

from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

from canary.cluster.cluster import Cluster
from canary.dashboard.controllers import Controllers
from canary.dashboard.rights import Rights


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """A person who is logged in."""

    cluster: Cluster
    """Every request that a page makes for them goes this way, with their rights."""
    user: str
    """What the API server calls them."""
    everything: bool = True
    """Whether they see all that is followed, because it is followed with their own rights."""
    logs_out: bool = False
    """Whether it is the dashboard that keeps them logged in, and lets them out."""
    clock: Callable[[], float] = monotonic
    """By which what they may do is kept for a short while."""
    rights: Rights = field(init=False)
    """What they may do, as the API server says."""
    controllers: Controllers = field(init=False)
    """The controllers that they may see."""

    def __post_init__(self) -> None:
        """Ask for their rights, and for controllers, with their own connection."""
        object.__setattr__(self, "rights", Rights(self.cluster, clock=self.clock))
        controllers = Controllers(self.cluster, clock=self.clock)
        object.__setattr__(self, "controllers", controllers)
