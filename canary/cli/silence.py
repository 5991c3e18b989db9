"""Whether a controller is there, for those who wait for it."""

from canary.api.kinds import Manifest
from canary.api.raw import part
from canary.cli.common import here
from canary.cli.connection import Place
from canary.cluster.cluster import Cluster
from canary.replicas.silence import Sighting


async def silence(cluster: Cluster, place: Place, manifest: Manifest) -> str:
    """Say that no controller acts on a Canary; empty where one does, or it cannot be told."""
    now = here()
    seen = await Sighting.take(cluster, now)
    if seen is None:
        return ""
    return seen.silence(place.group, place.namespace, _labels(manifest), now)


async def sighting(cluster: Cluster) -> Sighting | None:
    """Look for controllers; None where it cannot be told."""
    return await Sighting.take(cluster, here())


def unserved(seen: Sighting | None, place: Place, manifest: Manifest) -> str:
    """Say that none of the controllers that act serves a Canary; empty where one does."""
    if seen is None:
        return ""
    return seen.unserved(place.group, place.namespace, _labels(manifest))


def _labels(manifest: Manifest) -> object:
    return part(manifest.get("metadata"), "labels")
