"""What the caches hold, looked up by what it is."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from time import monotonic

from canary.api.annotations import RELEASE
from canary.api.canary import Canary
from canary.api.kinds import GATEWAY, POD, Kind, Manifest, ObjectKey
from canary.api.meta import GROUP, PEER_GROUP
from canary.api.status import WORD_BYTES, clip
from canary.cluster.cache import CacheSet
from canary.cluster.gateways import Gateways
from canary.cluster.schemas import Field, Schemas
from canary.controller.canaries import CanaryRecord, KnownCanary, canary_kind
from canary.controller.changes import Changes
from canary.controller.kept_sides import KeptSides
from canary.controller.losses import Losses
from canary.controller.memo import Memo
from canary.controller.pods import MemberRecord, PodRecord
from canary.controller.records import Packed, WorkloadReader, WorkloadRecord
from canary.core.facts import Trouble
from canary.core.traffic import Seen
from canary.errors import Problem, SpecWarning
from canary.objects.ownership import CanaryOwner
from canary.resources.revision import Hashing
from canary.routers import INGRESS_PREFIX
from canary.routers import ClusterState as Routes
from canary.targets import Target


class Store:
    """Looks records up in the caches."""

    def __init__(
        self,
        caches: CacheSet,
        schemas: Schemas,
        gateways: Gateways,
        hashing: Hashing,
        *,
        clock: Callable[[], float] = monotonic,
        ingress_prefix: str = INGRESS_PREFIX,
    ) -> None:
        self._caches = caches
        self._schemas = schemas
        self._gateways = gateways
        self._hashing = hashing
        self._ingress_prefix = ingress_prefix
        self._serving: Memo[WorkloadRecord] = Memo()
        self._sides = KeptSides(hashing)
        self.templates: Memo[str] = Memo()
        """Digests of the pod templates that our own writes have made of primaries, by uid."""
        self.changes = Changes()
        self.losses = Losses(clock)
        self._seen: Memo[tuple[Seen | None]] = Memo()

    def target(self, record: CanaryRecord) -> WorkloadRecord | None:
        """Look a Canary's target up; of one that is kept, the canary beside it."""
        target = self.written(record)
        if target is None or not record.keeps:
            return target
        return self._sides.canary(record, target, self.beside(record))

    def written(self, record: CanaryRecord) -> WorkloadRecord | None:
        """Look up the workload that the user writes, as it is."""
        return self.workload(record, record.target)

    def beside(self, record: CanaryRecord) -> WorkloadRecord | None:
        """Look up what has the name of the canary of a kept target, whatever owns it."""
        return self.workload(record, record.canary.spec.canary_name) if record.keeps else None

    def primary(self, record: CanaryRecord) -> WorkloadRecord | None:
        """Look up what has the name of a Canary's primary, whatever owns it.

        Of a divided target it is the pods that do not run the newest template.
        """
        if record.workload is not None and record.workload.divides:
            target = self.target(record)
            return _serving_side(target) if target is not None else None
        if record.workload is not None and record.workload.holds_primary:
            return self._primary_within(record, record.workload)
        if record.keeps:
            target = self.written(record)
            return None if target is None else self._sides.primary(record, target)
        return self.workload(record, record.canary.spec.primary_name)

    def _primary_within(self, record: CanaryRecord, workload: Target) -> WorkloadRecord | None:
        """Read the primary in its target."""
        namespace = record.key.namespace
        target = self.manifest(
            ObjectKey(kind=workload.kind, namespace=namespace, name=record.target)
        )
        primary = None if target is None else workload.primary(record.canary, target)
        return None if primary is None else WorkloadReader(workload, self._hashing).read(primary)

    def release(self, known: KnownCanary) -> str:
        """Tell which release the target of a Canary carries now; empty where none, or unknown."""
        kind, peer = known.target_kind, known.peer
        if kind is None or not peer.target:
            return ""
        found = self._caches.get(kind, known.key.namespace, peer.target)
        if isinstance(found, Packed):
            annotations = found.manifest["metadata"].get("annotations") or {}
            return clip(str(annotations.get(RELEASE, "")), WORD_BYTES)
        return clip(found.release, WORD_BYTES) if isinstance(found, WorkloadRecord) else ""

    def workload(self, record: CanaryRecord, name: str) -> WorkloadRecord | None:
        """Look up what has a name, of the kind of a Canary's target."""
        if record.target_kind is None or not name:
            return None
        place = (record.key.namespace, name)
        found = self._caches.get(record.target_kind, *place)
        if isinstance(found, Packed) and record.workload is not None:
            return self._read_serving(record.workload, found, place)
        return found if isinstance(found, WorkloadRecord) else None

    def _read_serving(
        self, target: Target, found: Packed, place: tuple[str, str]
    ) -> WorkloadRecord:
        """Read a target that is kept whole, as one that is a service, or is divided."""
        known = self._serving.recall(place, (found,))
        if known is None:
            read = WorkloadReader(target, self._hashing).read(found.manifest)
            known = replace(read, changed_by=found.changed_by)
            self._serving.keep(place, (found,), known)
        return known

    def gone(self, owner: CanaryOwner, namespace: str) -> bool:
        """Tell whether a Canary that owns something in a namespace is known to exist no more."""
        kind = canary_kind(owner.group)
        if not self._caches.synced(kind, namespace):
            return False
        known = self._caches.get(kind, namespace, owner.name)
        return not isinstance(known, KnownCanary) or known.uid != owner.uid

    def held_by_another(self, record: CanaryRecord, service: str) -> bool:
        """Tell whether another Canary makes everything under the name of a service."""
        return any(
            isinstance(each, KnownCanary) and each.key != record.key
            for group in (GROUP, PEER_GROUP)
            for each in self._caches.owned(canary_kind(group), record.key.namespace, service)
        )

    def unknown(self, kind: Kind, namespace: str) -> bool:
        """Tell whether there may be objects of a kind that are not known."""
        return not self._caches.synced(kind, namespace) and not self._caches.absent(kind)

    def packed(self, key: ObjectKey) -> Packed | None:
        """Look up an object that is kept whole, without unpacking it."""
        record = self._caches.get(key.kind, key.namespace, key.name)
        return record if isinstance(record, Packed) else None

    def content(self, key: ObjectKey) -> bytes | None:
        """Look up what people and tools have written into an object that is kept whole."""
        record = self.packed(key)
        return None if record is None else record.content

    def read_by_router(self, key: ObjectKey) -> tuple[bytes, bytes] | None:
        """Look up what of an object a route is rendered from: its content, and its status if kept."""
        record = self.packed(key)
        return None if record is None else (record.content, record.status)

    def manifest(self, key: ObjectKey) -> Manifest | None:
        """Look up an object that is kept whole."""
        record = self.packed(key)
        return None if record is None else record.manifest

    def routes(self, record: CanaryRecord) -> Routes:
        """Show a router the objects that it speaks of."""
        router = record.router
        if router is None:
            return Routes(existing={}, served={})
        found = {key: self.manifest(key) for key in record.objects.all}
        return Routes(
            existing={key: manifest for key, manifest in found.items() if manifest is not None},
            served=self._caches.served(router.kinds),
            missing=self.missing(record),
            ingress_prefix=self._ingress_prefix,
        )

    def missing(self, record: CanaryRecord) -> frozenset[Field]:
        """Name the fields that the CRDs of a Canary's routes are known to lack."""
        return self._schemas.missing(record.router.kinds if record.router else ())

    async def dropped(self, record: CanaryRecord) -> tuple[Problem, ...]:
        """Name what a Canary asks of its route that the CRDs would drop, or its Gateways cannot do.

        Raises:
            Unreachable: the API server could not be asked.
        """
        if record.router is None:
            return ()
        required = record.router.required_fields(record.canary)
        lacking = [
            each.problem for each in required if await self._schemas.lacks(each.kind, each.path)
        ]
        if record.router.required_features(record.canary):
            for place in _gateways(record.canary):
                await self._gateways.ask(*place)
        missing = (*lacking, *self._unsupported(record))
        return tuple(each for each in missing if isinstance(each, Problem))

    def left_out(self, record: CanaryRecord) -> tuple[SpecWarning, ...]:
        """Name what a Canary asks of its route without effect: for the CRDs, or for its Gateways."""
        missing = self.missing(record)
        required = record.router.required_fields(record.canary) if missing and record.router else ()
        warnings = (each.problem for each in required if each.path in missing)
        without_effect = (*warnings, *self._unsupported(record))
        return tuple(each for each in without_effect if isinstance(each, SpecWarning))

    def _unsupported(self, record: CanaryRecord) -> Iterator[Problem | SpecWarning]:
        """Name what a Canary asks of its Gateways that the class of any does not list."""
        known = [self._gateways.known(*place) for place in _gateways(record.canary)]
        if record.router is None or not any(each.listed for each in known):
            return
        for required in record.router.required_features(record.canary):
            lacking = (each for each in known if each.lacks(required.feature))
            for each in islice(lacking, 1):
                yield required.missing(each.gateway_class)

    def routed(self, record: CanaryRecord) -> Seen | None:
        """Read what the routes of a Canary do now."""
        router = record.router
        if router is None:
            return None
        inputs = self.behind_routes(record)
        known = self._seen.recall(record.key, inputs)
        if known is None:
            seen = router.read(record.canary, self.routes(record))
            written = (self.packed(key) for key in record.objects.written)
            if seen is not None and any(each is not None and each.pending for each in written):
                seen = replace(seen, pending=True)
            known = (seen,)
            self._seen.keep(record.key, inputs, known)
        return known[0]

    def refusal(self, record: CanaryRecord) -> str:
        """Tell why the routes of a Canary are refused as they are; empty where they are not."""
        keys = record.objects.written
        found = (self.packed(key) for key in keys)
        refusals = (each.refusal for each in found if each is not None and each.refusal)
        return "; ".join((*self.losses.said(keys), *refusals))

    def lost(self, record: CanaryRecord) -> bool:
        """Tell whether the routes of a Canary have lost something of what was written."""
        return bool(self.losses.said(record.objects.written))

    def behind_routes(self, record: CanaryRecord) -> tuple[object, ...]:
        """Name all that the routes of a Canary are rendered from, and read from."""
        router = record.router
        if router is None:
            return ()
        return (
            record.uid,
            record.generation or record.resource_version,
            record.status.preflight and record.status.preflight.traffic_policy,
            *self._caches.served(router.kinds).values(),
            self.missing(record),
            *(self.packed(key) for key in record.objects.all),
        )

    def trouble(self, record: CanaryRecord, workload: WorkloadRecord) -> Trouble | None:
        """Find a pod in trouble among those of a workload's current template."""
        if record.workload is None or not workload.pods_known:
            return None
        namespace, current = record.key.namespace, {workload.rollout}
        if record.workload.beside:
            current = {
                each.version
                for kind in record.workload.beside
                for each in self._caches.owned(kind, namespace, workload.name)
                if isinstance(each, MemberRecord)
                if (each.kind, each.rollout) == (workload.kind, workload.rollout)
            }
        troubles = (
            each.trouble
            for each in self._caches.owned(POD, namespace, workload.name)
            if isinstance(each, PodRecord)
            if each.kind == workload.kind and each.version in current
        )
        return min(troubles, key=lambda trouble: trouble.pod, default=None)


def _serving_side(target: WorkloadRecord) -> WorkloadRecord:
    """Show the pods of a divided workload that serve as a workload of their own."""
    serving = target.divided.serving if target.divided is not None else ""
    return replace(target, revision=serving, template="", rollout=serving, images=())


def _gateways(canary: Canary) -> Iterator[tuple[str, str]]:
    """Go through the Gateways that a Canary names: namespace and name."""
    for parent in canary.spec.service.gateway_refs:
        if (parent.group, parent.kind) == (GATEWAY.group, GATEWAY.kind):
            yield parent.namespace or canary.metadata.namespace, parent.name
