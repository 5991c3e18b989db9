"""Whether a controller is there, for those who wait for it."""

from canary.cli.common import here
from canary.cli.connection import Place
from canary.cluster.cluster import Cluster
from canary.errors import ClusterError
from canary.replicas.presence import controllers
from canary.views.moments import moment


async def silence(cluster: Cluster, place: Place) -> str:
    """Say that no controller acts on a Canary; empty where one does, or it cannot be told."""
    try:
        found = await controllers(cluster)
    except ClusterError:
        return ""
    now = here()
    acting = [each for each in found if each.acts(now)]
    if any(each.scope.serves(place.group, place.namespace) for each in acting):
        return ""
    if acting:
        places = ", ".join(each.place for each in acting)
        return (
            f"no controller serves {place.group} in namespace {place.namespace}; the one of Lease "
            f"{places} serves others"
        )
    silent = [
        f"Lease {each.place} was last renewed at {moment(each.renewed, now)}"
        + (f" by {each.holder}" if each.holder else " and is given up")
        for each in found
        if each.renewed is not None
    ]
    return "no controller is running: " + ("; ".join(silent) or "none has a Lease")
