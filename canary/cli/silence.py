"""Whether a controller is there, for those who wait for it."""

from collections.abc import Mapping, Sequence

from canary.api.kinds import Manifest
from canary.api.raw import part
from canary.cli.common import here
from canary.cli.connection import Place
from canary.cluster.cluster import Cluster
from canary.errors import ClusterError
from canary.replicas.presence import Presence, controllers
from canary.views.moments import moment


async def silence(cluster: Cluster, place: Place, manifest: Manifest) -> str:
    """Say that no controller acts on a Canary; empty where one does, or it cannot be told."""
    try:
        found = await controllers(cluster)
    except ClusterError:
        return ""
    now = here()
    acting = [each for each in found if each.acts(now)]
    if acting:
        return unserved(acting, place, manifest)
    silent = [
        f"Lease {each.place} was last renewed at {moment(each.renewed, now)}"
        + (f" by {each.holder}" if each.holder else " and is given up")
        for each in found
        if each.renewed is not None
    ]
    return "no controller is running: " + ("; ".join(silent) or "none has a Lease")


async def those_acting(cluster: Cluster) -> Sequence[Presence]:
    """Name the controllers that act; none where it cannot be told."""
    try:
        found = await controllers(cluster)
    except ClusterError:
        return ()
    now = here()
    return [each for each in found if each.acts(now)]


def unserved(acting: Sequence[Presence], place: Place, manifest: Manifest) -> str:
    """Say that none of the controllers that act serves a Canary; empty where one does."""
    found = part(manifest.get("metadata"), "labels")
    labels = found if isinstance(found, Mapping) else {}
    group, namespace = place.group, place.namespace
    if not acting or any(each.scope.serves(group, namespace, labels) for each in acting):
        return ""
    near = [each for each in acting if each.scope.reaches(group, namespace)]
    if near:
        takes = "; ".join(
            f"the one of Lease {each.place} takes {each.scope.selector}" for each in near
        )
        return f"no controller takes its labels: {takes}"
    places = ", ".join(each.place for each in acting)
    return f"no controller serves {group} in namespace {namespace}; the one of Lease {places} serves others"
