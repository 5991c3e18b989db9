"""Baselines: made from the primary for the time of a run, and removed with their service."""

from dataclasses import dataclass

from canary.api.kinds import Manifest, ObjectKey
from canary.cluster.cluster import Cluster
from canary.controller.canaries import CanaryRecord
from canary.controller.records import WorkloadRecord
from canary.controller.store import Store
from canary.controller.wanted import Renderer
from canary.controller.writer import Writer
from canary.core.actions import EnsureBaseline, RemoveBaseline
from canary.errors import InvalidSpec, Problem
from canary.objects.ownership import ours_or_ownerless
from canary.resources.baseline import (
    baseline_label,
    baseline_owners,
    baseline_service,
    of_baseline,
)
from canary.resources.names import SelectorLabel, pod_selectors
from canary.resources.ports import service_ports
from canary.targets import Promotion


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundBaseline:
    """What there is of a baseline."""

    workload: WorkloadRecord | None = None
    """The workload; None where there is none, or one that is not ours."""
    service: Manifest | None = None
    """The service; None where there is none, or one that is not ours."""
    taken: str = ""
    """Which of their names are taken by other owners' objects."""


def find_baseline(store: Store, record: CanaryRecord) -> FoundBaseline:
    """Look up what there is of a Canary's baseline."""
    if not record.baseline_places:
        return FoundBaseline()
    place, service_place = record.baseline_places
    found, service = store.workload(record, place.name), store.packed(service_place)
    ours = found is not None and of_baseline(found.owners)
    led = service is not None and ours_or_ownerless(record.canary, service.owners)
    taken = (
        *((place,) if found is not None and not ours else ()),
        *((service_place,) if service is not None and not led else ()),
    )
    return FoundBaseline(
        workload=found if ours and found is not None and not found.leaving else None,
        service=store.manifest(service_place) if led else None,
        taken="; ".join(map(_taken, taken)),
    )


class Baselines:
    """Makes baselines, and removes them."""

    def __init__(
        self, *, cluster: Cluster, store: Store, renderer: Renderer, writer: Writer
    ) -> None:
        self._cluster = cluster
        self._store = store
        self._renderer = renderer
        self._writer = writer

    async def settle(self, record: CanaryRecord, action: EnsureBaseline | RemoveBaseline) -> bool:
        """Have a baseline as it is wanted, or none; tell whether anything was written.

        Raises:
            ClusterError: something could not be read or written.
        """
        match action:
            case EnsureBaseline():
                return await self._ensure(record, action)
            case RemoveBaseline():
                return await self._remove(record)

    async def _ensure(self, record: CanaryRecord, action: EnsureBaseline) -> bool:
        """Make a baseline and its service, or bring it to its size."""
        target, primary = self._store.target(record), self._store.primary(record)
        found = find_baseline(self._store, record)
        if not record.baseline_places or found.taken or target is None or primary is None:
            return False
        label = self._label(target)
        service = await self._service(record, target, primary, label, found)
        if service is not None:
            # It has the workload as its own, and its event comes.
            return True
        assert found.service is not None
        if found.workload is None or not _is_wanted(record, action, found.workload):
            return await self._make(record, action, label, found)
        assert record.workload is not None
        patch = record.workload.scaled(found.workload.replicas, action.replicas)
        if patch is None:
            return False
        await self._writer.patch(record.baseline_places[0], patch)
        return True

    async def _remove(self, record: CanaryRecord) -> bool:
        """Delete the service, with which the workload goes."""
        if find_baseline(self._store, record).service is None:
            return False
        await self._writer.delete(record.baseline_places[1])
        return True

    def _label(self, target: WorkloadRecord) -> SelectorLabel:
        label = baseline_label(self._renderer.label(target.services_outline))
        if isinstance(label, Problem):
            raise InvalidSpec([label])
        return label

    async def _service(
        self,
        record: CanaryRecord,
        target: WorkloadRecord,
        primary: WorkloadRecord,
        label: SelectorLabel,
        found: FoundBaseline,
    ) -> Manifest | None:
        """Write the service where it differs; give what was written."""
        outline = target.services_outline
        own = self._renderer.label(outline)
        pods = pod_selectors(outline, own, primary.services_outline).primary
        ports = service_ports(record.canary, outline)
        rendered = baseline_service(record.canary, label, pods, ports, found.service)
        if not rendered.differs(found.service):
            return None
        return await self._writer.write(rendered, found.service)

    async def _make(
        self,
        record: CanaryRecord,
        action: EnsureBaseline,
        label: SelectorLabel,
        found: FoundBaseline,
    ) -> bool:
        """Write the workload from the primary as it is; tell whether that could be done."""
        place = record.baseline_places[0]
        if found.workload is None and self._store.workload(record, place.name) is not None:
            # Its place is free when it is gone.
            return False
        source = await self._read(place, record.canary.spec.primary_name)
        existing = await self._read(place, place.name) if found.workload is not None else None
        promotion = Promotion(
            revision=action.revision,
            selector_label=label,
            configs={},
            replicas=action.replicas,
            existing=existing,
        )
        assert record.workload is not None
        assert found.service is not None
        rendered = record.workload.baseline(record.canary, source, promotion, found.service)
        if rendered is None:
            return False
        await self._writer.write(rendered, existing)
        return True

    async def _read(self, place: ObjectKey, name: str) -> Manifest:
        return await self._cluster.read(place.kind, place.namespace, name)


def _is_wanted(record: CanaryRecord, action: EnsureBaseline, found: WorkloadRecord) -> bool:
    """Tell whether a baseline is of this run, and goes with the service that it has now."""
    return found.revision == action.revision and found.owners == baseline_owners(record.canary)


def _taken(key: ObjectKey) -> str:
    return (
        f"{key.kind.kind} {key.namespace}/{key.name} exists already and is not a baseline's: rename or "
        "delete it, or remove compareWith: baseline"
    )
