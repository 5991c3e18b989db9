"""What actions ask for, rendered: the objects as they must be, beside those that are there."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from canary.api.kinds import AUTOSCALER, DEPLOYMENT, SERVICE, Manifest, ObjectKey
from canary.api.ownership import CanaryOwner, adopted, canary_owners, ours
from canary.controller.canaries import CanaryRecord
from canary.controller.records import DeploymentRecord
from canary.controller.store import Store
from canary.core.actions import Side
from canary.core.weights import Split
from canary.errors import InvalidSpec, Problem
from canary.resources.autoscaler import primary_autoscaler
from canary.resources.compare import differs
from canary.resources.names import SelectorLabel, pod_selectors, primary_name, selector_label
from canary.resources.ports import service_ports
from canary.resources.preflight import with_policy
from canary.resources.services import services
from canary.routers import Restoration


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """An object as it must be, and as it is."""

    key: ObjectKey
    rendered: Manifest
    existing: Manifest | None
    foreign: bool = False
    """Whether its name is taken by an object of somebody else, which is never written."""

    @property
    def missing(self) -> bool:
        """Whether the object must be written."""
        return not self.foreign and differs(self.rendered, self.existing)


class Renderer:
    """Renders what actions ask for from what the caches hold."""

    def __init__(self, store: Store, selector_labels: tuple[str, ...]) -> None:
        self._store = store
        self._selector_labels = selector_labels

    def label(self, deployment: Manifest) -> SelectorLabel:
        """Find the label that tells the target's pods from the primary's.

        Raises:
            InvalidSpec: the target has none of those that the controller looks for.
        """
        label = selector_label(deployment, self._selector_labels)
        if isinstance(label, Problem):
            raise InvalidSpec([label])
        return label

    def services(
        self, record: CanaryRecord, target: DeploymentRecord | None, apex: Side | None
    ) -> list[Wanted]:
        """Render the services."""
        if record.canary is None or target is None:
            return []
        spec, namespace = record.canary.spec, record.key.namespace
        names = (spec.service_name, spec.primary_service_name, spec.canary_service_name)
        keys = [ObjectKey(kind=SERVICE, namespace=namespace, name=name) for name in names]
        found = {key.name: self._store.manifest(key) for key in keys}
        existing = {name: manifest for name, manifest in found.items() if manifest is not None}
        outline = target.services_outline
        try:
            label = self.label(outline)
        except InvalidSpec:
            if apex is Side.TARGET:
                # For a target without a label no service was ever made: there is none to give back.
                return []
            raise
        taken = {key.name for key, _ in self._taken(record) if key.kind == SERVICE}
        primary = self._primary(record)
        rendered = services(
            record.canary,
            pod_selectors(outline, label, primary.services_outline if primary else None),
            service_ports(record.canary, outline),
            existing,
            apex,
        )
        return [
            Wanted(
                key=ObjectKey(kind=SERVICE, namespace=namespace, name=manifest["metadata"]["name"]),
                rendered=manifest,
                existing=existing.get(manifest["metadata"]["name"]),
                foreign=manifest["metadata"]["name"] in taken,
            )
            for manifest in rendered
        ]

    def behind_services(
        self, record: CanaryRecord, target: DeploymentRecord | None
    ) -> tuple[object, ...]:
        """Name all that the services of a Canary are rendered from."""
        if record.canary is None or target is None:
            return ()
        spec, namespace = record.canary.spec, record.key.namespace
        names = (spec.service_name, spec.primary_service_name, spec.canary_service_name)
        keys = (ObjectKey(kind=SERVICE, namespace=namespace, name=name) for name in names)
        existing = (self._store.content(key) for key in keys)
        version, primary = record.generation or record.resource_version, self._primary(record)
        return (record.uid, version, target.outline, primary and primary.outline, *existing)

    def _primary(self, record: CanaryRecord) -> DeploymentRecord | None:
        """Look the primary up, where it is this Canary's."""
        assert record.canary is not None
        namespace, name = record.key.namespace, record.canary.spec.primary_name
        primary = self._store.deployment(namespace, name)
        return primary if primary is not None and ours(record.canary, primary.owners) else None

    def autoscaler(self, record: CanaryRecord, minimum: int) -> list[Wanted]:
        """Render the primary's autoscaler, which goes no lower than `minimum`."""
        reference = record.canary.spec.autoscaler_ref if record.canary else None
        if record.canary is None or reference is None:
            return []
        namespace = record.key.namespace
        source = self._store.manifest(
            ObjectKey(kind=AUTOSCALER, namespace=namespace, name=reference.name)
        )
        if source is None:
            return []
        key = ObjectKey(kind=AUTOSCALER, namespace=namespace, name=primary_name(reference.name))
        existing = self._store.manifest(key)
        rendered = primary_autoscaler(record.canary, source, minimum=minimum, existing=existing)
        taken = any(key == each for each, _ in self._taken(record))
        return [Wanted(key=key, rendered=rendered, existing=existing, foreign=taken)]

    def copy_of_autoscaler(self, record: CanaryRecord, name: str) -> ObjectKey | None:
        """Find the primary's copy of an autoscaler; None where there is none of ours."""
        if record.canary is None or not name:
            return None
        key = ObjectKey(kind=AUTOSCALER, namespace=record.key.namespace, name=primary_name(name))
        packed = self._store.packed(key)
        return key if packed is not None and ours(record.canary, packed.owners) else None

    def behind_autoscaler(self, record: CanaryRecord) -> tuple[object, ...]:
        """Name all that the primary's autoscaler is rendered from."""
        reference = record.canary.spec.autoscaler_ref if record.canary else None
        if reference is None:
            return ()
        namespace, version = record.key.namespace, record.generation or record.resource_version
        keys = (
            ObjectKey(kind=AUTOSCALER, namespace=namespace, name=name)
            for name in (reference.name, primary_name(reference.name))
        )
        return (record.uid, version, *map(self._store.content, keys))

    def route(self, record: CanaryRecord, split: Split) -> list[Wanted]:
        """Render the route, what it refers to first."""
        if record.canary is None or record.router is None:
            return []
        known = record.status.preflight
        canary = with_policy(record.canary, known.traffic_policy if known else "")
        rendered = record.router.render(canary, self._store.routes(record), split)
        return self._of_router(record, rendered)

    def restoration(self, record: CanaryRecord) -> tuple[list[Wanted], tuple[ObjectKey, ...]]:
        """Render the routes as they were before tidegate, and name those that are to go."""
        if record.canary is None or record.router is None:
            return [], ()
        routes = self._store.routes(record)
        restoration: Restoration = record.router.restore(record.canary, routes)
        gone = tuple(key for key in restoration.remove if key in routes.existing)
        return self._of_router(record, restoration.write), gone

    def restored(self, record: CanaryRecord, target: DeploymentRecord | None) -> bool:
        """Tell whether the apex service and the routes are back as they were found."""
        writes, gone = self.restoration(record)
        back = [*self.services(record, target, Side.TARGET), *writes]
        return not gone and not any(wanted.missing for wanted in back)

    def behind_route(self, record: CanaryRecord) -> tuple[object, ...]:
        """Name all that the route is rendered from."""
        if record.canary is None or record.router is None:
            return ()
        version = record.generation or record.resource_version
        keys = record.router.objects(record.canary)
        return (record.uid, version, *map(self._store.content, keys))

    def taken(self, record: CanaryRecord) -> str:
        """Say which names that are tidegate's to use are taken by objects of somebody else."""
        return "; ".join(
            f"{key.kind.kind} {key.namespace}/{key.name} exists already and belongs to "
            f"{' and '.join(owners) or 'nobody that it names'}: rename or delete it, or "
            f"{_OTHER_NAMES.get(key.kind, _OTHER_SERVICE)}"
            for key, owners in self._taken(record)
        )

    def _taken(self, record: CanaryRecord) -> Iterator[tuple[ObjectKey, tuple[str, ...]]]:
        """Find the objects of others that have names which are tidegate's to use."""
        if record.canary is None:
            return
        canary, namespace = record.canary, record.key.namespace
        primary = self._store.deployment(namespace, canary.spec.primary_name)
        if primary is not None and not (
            ours(canary, primary.owners)
            or self._left_behind(namespace, primary.owners, primary.canaries)
        ):
            yield (
                ObjectKey(kind=DEPLOYMENT, namespace=namespace, name=primary.name),
                primary.owners,
            )
        for key in _to_create(record):
            packed = self._store.packed(key)
            # What an earlier release has adopted is given back as it was.
            if packed is None or ours(canary, packed.owners) or adopted(packed.manifest):
                continue
            if self._left_behind(namespace, packed.owners, canary_owners(packed.manifest)):
                continue
            yield key, packed.owners

    def _left_behind(
        self, namespace: str, owners: tuple[str, ...], canaries: tuple[CanaryOwner, ...]
    ) -> bool:
        """Tell whether an object has none but Canaries as owners that are gone: it goes as well."""
        return len(canaries) == len(owners) > 0 and all(
            self._store.gone(each, namespace) for each in canaries
        )

    def _of_router(self, record: CanaryRecord, rendered: Iterable[Manifest]) -> list[Wanted]:
        assert record.canary is not None
        assert record.router is not None
        keys = {(key.kind.kind, key.name): key for key in record.router.objects(record.canary)}
        taken = {key for key, _ in self._taken(record)}
        wanted = []
        for manifest in rendered:
            key = keys[manifest["kind"], manifest["metadata"]["name"]]
            existing = self._store.manifest(key)
            foreign = key in taken
            wanted.append(Wanted(key=key, rendered=manifest, existing=existing, foreign=foreign))
        return wanted


_OTHER_SERVICE = "set another name in spec.service.name"
_OTHER_NAMES = {
    DEPLOYMENT: "give the target another name",
    AUTOSCALER: "give the autoscaler of spec.autoscalerRef another name",
}


def _to_create(record: CanaryRecord) -> Iterator[ObjectKey]:
    """Name the objects beside the primary that are tidegate's alone.

    The apex service and the route of its name are the user's to have: they are adopted.
    """
    assert record.canary is not None
    spec, namespace = record.canary.spec, record.key.namespace
    for name in (spec.primary_service_name, spec.canary_service_name):
        yield ObjectKey(kind=SERVICE, namespace=namespace, name=name)
    if spec.autoscaler_ref:
        name = primary_name(spec.autoscaler_ref.name)
        yield ObjectKey(kind=AUTOSCALER, namespace=namespace, name=name)
    if record.router:
        yield from record.router.objects(record.canary)[1:]
