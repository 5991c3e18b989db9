"""What `tidegate doctor` examines of Canaries: what they need, and who else writes what is theirs."""

from collections.abc import AsyncIterator, Iterable

from analysis.secrecy import origin
from canary.api.kinds import Kind, Manifest
from canary.api.meta import GROUP, PEER_GROUP
from canary.api.raw import items, part, text
from canary.cli.connection import Place
from canary.cli.examining import Examined, bad, good
from canary.cli.findings import listed, number_of
from canary.cli.foreseeing import owned_by
from canary.cli.silence import sighting, unserved
from canary.cluster.cluster import FIELD_MANAGER, Cluster
from canary.controller.canaries import CanaryRecord, canary_kind
from canary.controller.reading import CanaryReader
from canary.controller.templates import metric_template_kind
from canary.errors import ClusterError
from canary.views.canary import Attention, CanaryView, canary_view

_MANAGERS = frozenset({FIELD_MANAGER, "flagger", "kube-controller-manager"})
"""Who writes the specs of objects that are tidegate's own; Flagger's last writes stay on record."""
_READ_AT_MOST = 50
"""Of so many Canaries the objects are read."""


async def canaries(cluster: Cluster, *, namespace: str, router: str) -> AsyncIterator[Examined]:
    """Look at the Canaries of both groups: what needs a person, and what they need."""
    manifests: list[Manifest] = []
    for group in (GROUP, PEER_GROUP):
        kind = canary_kind(group)
        if await cluster.discover(kind) is not None:
            async for page, _ in cluster.pages(kind, namespace):
                manifests += page
    if not manifests:
        yield good("Canaries", "there are none")
        return
    seen = await sighting(cluster)
    for manifest in manifests:
        view = canary_view(manifest)
        async for each in _condition(view):
            yield each
        place = Place(namespace=view.namespace, name=view.name, group=view.group)
        if why := unserved(seen, place, manifest):
            yield bad(str(place), why)
    reader = CanaryReader(router)
    records = [read for each in manifests if isinstance(read := reader.read(each), CanaryRecord)]
    yield good("Canaries", number_of("Canary", len(manifests)).replace("Canarys", "Canaries"))
    for kind, named in sorted(_kinds_of(records).items(), key=lambda each: each[0].resource):
        if await cluster.discover(kind) is None:
            missing = f"{kind.resource}, which the cluster does not serve: {kind.remedy}"
            yield bad("router", f"{named} needs {missing}")
    async for each in _stores(cluster, namespace):
        yield each
    for record in records[:_READ_AT_MOST]:
        async for each in _strangers(cluster, record):
            yield each


async def _condition(view: CanaryView) -> AsyncIterator[Examined]:
    name = f"{view.namespace}/{view.name}"
    for problem in view.problems:
        yield bad(name, problem)
    if view.attention in {Attention.STUCK, Attention.INCONCLUSIVE}:
        waiting = (
            f"waits for {view.waiting.reason}: {view.waiting.message}"
            if view.waiting
            else "is stuck"
        )
        yield bad(name, waiting)


def _kinds_of(records: Iterable[CanaryRecord]) -> dict[Kind, str]:
    """Give the kinds that routers write, each with the router that needs it."""
    return {
        kind: f"router {record.provider}"
        for record in records
        if record.router is not None
        for kind in record.router.writes
    }


async def _stores(cluster: Cluster, namespace: str) -> AsyncIterator[Examined]:
    """Name the metric stores of the templates, by where they lead."""
    stores: dict[str, int] = {}
    for group in (GROUP, PEER_GROUP):
        kind = metric_template_kind(group)
        if await cluster.discover(kind) is None:
            continue
        async for page, _ in cluster.pages(kind, namespace):
            for each in page:
                provider = part(each.get("spec"), "provider")
                address = text(provider, "address")
                where = f"{text(provider, 'type')} at {origin(address) if address else 'its own address'}"
                stores[where] = stores.get(where, 0) + 1
    for where, number in sorted(stores.items()):
        yield good("metric store", f"{where}, for {number_of('template', number)}")


async def _strangers(cluster: Cluster, record: CanaryRecord) -> AsyncIterator[Examined]:
    """Name who else writes into objects that are tidegate's own."""
    for key in owned_by(record):
        try:
            manifest = await cluster.read(key.kind, key.namespace, key.name)
        except ClusterError:
            continue
        others = sorted(set(_managers(manifest)) - _MANAGERS)
        if others:
            yield bad(
                str(key),
                f"{listed(others)} writes its spec too: take it out of there, or the two undo each other",
            )


def _managers(manifest: Manifest) -> Iterable[str]:
    """Name who has written the spec of an object, as the API server remembers it."""
    for entry in items(part(manifest["metadata"], "managedFields")):
        if not text(entry, "subresource") and part(part(entry, "fieldsV1"), "f:spec") is not None:
            yield text(entry, "manager")
