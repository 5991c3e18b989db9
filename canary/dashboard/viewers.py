"""Who looks: the person behind a session, with the connection that carries their rights."""

from dataclasses import dataclass

from canary.cluster.cluster import Cluster


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """A person who is logged in."""

    cluster: Cluster
    """Every request that a page makes for them goes this way, with their rights."""
    user: str
    """What the API server calls them."""
