"""Routes in another cluster whose Canary is gone: listed, and removed or given back on request."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from canary.api.annotations import ORIGINAL, OWNER
from canary.api.kinds import NAMESPACE, Kind, Manifest, ObjectKey
from canary.api.meta import GROUP
from canary.cluster.cluster import Cluster
from canary.controller.canaries import canary_kind
from canary.controller.routes_cluster import written_there
from canary.errors import NotFound
from canary.objects.marking import Home, OwnerMark
from canary.objects.ownership import adopted, decoded
from canary.objects.render import annotations
from canary.objects.taking import released


@dataclass(frozen=True, slots=True, kw_only=True)
class OrphanedRoute:
    """A route with the mark of a Canary that is gone."""

    kind: Kind
    manifest: Manifest
    mark: OwnerMark

    @property
    def place(self) -> str:
        """The route, as people write it."""
        metadata = self.manifest["metadata"]
        return f"{self.kind.kind} {metadata['namespace']}/{metadata['name']}"

    @property
    def line(self) -> str:
        """The route, and whose it was."""
        was = "was taken over by" if adopted(self.manifest) else "was made for"
        return f"{self.place} {was} Canary {self.mark.namespace}/{self.mark.name}, which is gone"


async def orphaned_routes(cluster: Cluster, routes: Cluster, namespace: str) -> list[OrphanedRoute]:
    """Find the routes of a cluster's Canaries that are gone.

    Raises:
        ClusterError: a cluster could not say.
    """
    system = await cluster.read(NAMESPACE, "", "kube-system")
    home = Home("", system["metadata"]["uid"])
    marked = [each async for each in _marked(routes, namespace) if each.mark.of(home)]
    return [each for each in marked if not await _is_there(cluster, each.mark)]


async def let_go(routes: Cluster, route: OrphanedRoute) -> None:
    """Remove a route that was made, and put one that was taken over back as it was found.

    Raises:
        Conflict: it has changed since it was listed.
        ClusterError: it could not be written.
    """
    found, kind = route.manifest, route.kind
    metadata = found["metadata"]
    key = ObjectKey(kind=kind, namespace=metadata["namespace"], name=metadata["name"])
    version = metadata["resourceVersion"]
    if not adopted(found):
        await routes.delete(kind, key.namespace, key.name, resource_version=version)
        return
    record = decoded((metadata.get("annotations") or {}).get(ORIGINAL)) or {}
    original = record.get("spec", None if "metadata" in record else record)
    places = dict.fromkeys((*(found.get("spec") or {}), *(original or {})))
    owns = () if original is None else tuple(("spec", name) for name in places)
    served = found["apiVersion"].rpartition("/")[2]
    render = released(
        key, original, owns=(*annotations(OWNER), *owns), found=_unmarked(found), version=served
    )
    back = render.mended(found)
    await routes.replace(back | {"metadata": back["metadata"] | {"resourceVersion": version}}, kind)


async def _marked(routes: Cluster, namespace: str) -> AsyncIterator[OrphanedRoute]:
    for kind in written_there():
        if await routes.discover(kind) is None:
            continue
        async for page, _ in routes.pages(kind, namespace):
            for each in page:
                text = (each["metadata"].get("annotations") or {}).get(OWNER)
                mark = OwnerMark.read(str(text)) if text is not None else None
                if mark is not None:
                    yield OrphanedRoute(kind=kind, manifest=each, mark=mark)


async def _is_there(cluster: Cluster, mark: OwnerMark) -> bool:
    try:
        canary = await cluster.read(canary_kind(GROUP), mark.namespace, mark.name)
    except NotFound:
        return False
    return bool(canary["metadata"]["uid"] == mark.uid)


def _unmarked(found: Manifest) -> Manifest:
    metadata = found["metadata"]
    kept = {name: text for name, text in metadata["annotations"].items() if name != OWNER}
    return found | {"metadata": metadata | {"annotations": kept}}
