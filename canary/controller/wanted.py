"""What actions ask for, rendered: the objects as they must be, beside those that are there.

Long because what stands under former names is rendered by the same steps as what stands under the
present ones.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from canary.api.kinds import SERVICE, Manifest, ObjectKey
from canary.api.ownership import adopted, ours_or_ownerless
from canary.controller.canaries import CanaryRecord
from canary.controller.claims import Claims
from canary.controller.former import formers
from canary.controller.records import WorkloadRecord
from canary.controller.store import Store
from canary.core.actions import GiveBack, RouteFormer, Side
from canary.core.facts import Former
from canary.core.traffic import Traffic
from canary.errors import InvalidSpec, Problem
from canary.resources.compare import differs
from canary.resources.names import (
    SelectorLabel,
    Selectors,
    pod_selectors,
    selector_label,
)
from canary.resources.ports import service_ports
from canary.resources.preflight import with_policy
from canary.resources.services import apex_service, services
from canary.routers import Restoration


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """An object as it must be, and as it is."""

    key: ObjectKey
    rendered: Manifest
    existing: Manifest | None
    foreign: bool = False
    """Whether its name is taken by another owner's object, which is never written."""

    @property
    def place(self) -> str:
        """Kind and name, as kind/name."""
        return f"{self.key.kind.kind}/{self.key.name}"

    @property
    def missing(self) -> bool:
        """Whether the object must be written."""
        return not self.foreign and differs(self.rendered, self.existing)


class Renderer:
    """Renders what actions ask for from what the caches hold."""

    def __init__(self, store: Store, selector_labels: tuple[str, ...]) -> None:
        self._store = store
        self._claims = Claims(store)
        self._selector_labels = selector_labels

    def label(self, workload: Manifest) -> SelectorLabel:
        """Find the label that tells the target's pods from the primary's.

        Raises:
            InvalidSpec: the target has none of those that the controller looks for.
        """
        label = selector_label(workload, self._selector_labels)
        if isinstance(label, Problem):
            raise InvalidSpec([label])
        return label

    def services(
        self, record: CanaryRecord, target: WorkloadRecord | None, apex: Side | None
    ) -> list[Wanted]:
        """Render the services; former apex services lead where the apex does, as long as they exist.

        With a router that routes by the apex service, all of these are part of the route until
        they are given back.
        """
        if apex is Side.PRIMARY and _by_apex(record):
            return self._services(record, target, None)
        wanted = self._services(record, target, apex)
        if apex is not None:
            names = _service_names(record)
            for other in self._formers(record):
                if other.service not in names:
                    wanted += [
                        each
                        for each in self._services(other, target, apex)
                        if each.key.name == other.service and self._has_apex(other)
                    ]
        return wanted

    def _services(
        self, record: CanaryRecord, target: WorkloadRecord | None, apex: Side | None
    ) -> list[Wanted]:
        if target is None:
            return []
        namespace = record.key.namespace
        found = {key.name: self._store.manifest(key) for key in _service_keys(record)}
        existing = {name: manifest for name, manifest in found.items() if manifest is not None}
        try:
            selectors = self._selectors(record, target)
        except InvalidSpec:
            if apex is Side.TARGET:
                # For a target without a label no service was ever made: there is none to give back.
                return []
            raise
        taken = {key.name for key, _ in self._claims.of_others(record) if key.kind == SERVICE}
        ports = service_ports(record.canary, target.services_outline)
        rendered = services(record.canary, selectors, ports, existing, apex)
        return [
            Wanted(
                key=ObjectKey(kind=SERVICE, namespace=namespace, name=manifest["metadata"]["name"]),
                rendered=manifest,
                existing=existing.get(manifest["metadata"]["name"]),
                foreign=manifest["metadata"]["name"] in taken,
            )
            for manifest in rendered
        ]

    def _selectors(self, record: CanaryRecord, workload: WorkloadRecord) -> Selectors:
        """Tell the pods of the sides apart, by the target's labels or by those of its primary."""
        outline, primary = workload.services_outline, self._primary(record)
        label = self.label(outline)
        return pod_selectors(outline, label, primary.services_outline if primary else None)

    def _apex(self, record: CanaryRecord) -> dict[Side, Manifest]:
        """Render the apex service as it leads to each side that there is."""
        target = self._store.target(record)
        workload = target or self._primary(record)
        if workload is None:
            return {}
        selectors = self._selectors(record, workload)
        ports = service_ports(record.canary, workload.services_outline)
        found = self._store.manifest(_service_keys(record)[0])
        sides = (Side.PRIMARY, Side.TARGET) if target else (Side.PRIMARY,)
        return {side: apex_service(record.canary, selectors, ports, found, side) for side in sides}

    def behind_services(
        self, record: CanaryRecord, target: WorkloadRecord | None
    ) -> tuple[object, ...]:
        """Name all that the services of a Canary are rendered from."""
        if target is None:
            return ()
        keys = (*_service_keys(record), *_former_keys(record))
        existing = (self._store.content(key) for key in keys)
        version, primary = record.generation or record.resource_version, self._primary(record)
        return (record.uid, version, target.outline, primary and primary.outline, *existing)

    def _primary(self, record: CanaryRecord) -> WorkloadRecord | None:
        """Look the primary up, where it is this Canary's."""
        primary = self._store.primary(record)
        return (
            primary
            if primary is not None and ours_or_ownerless(record.canary, primary.owners)
            else None
        )

    def autoscaler(self, record: CanaryRecord, minimum: int) -> list[Wanted]:
        """Render the primary's autoscaler, which goes no lower than `minimum`."""
        if record.scaler is None or not record.autoscalers:
            return []
        original, key = record.autoscalers
        source = self._store.manifest(original)
        if source is None:
            return []
        existing = self._store.manifest(key)
        rendered = record.scaler.primary(record.canary, source, minimum=minimum, existing=existing)
        taken = any(key == each for each, _ in self._claims.of_others(record))
        return [Wanted(key=key, rendered=rendered, existing=existing, foreign=taken)]

    def copied_autoscaler(self, record: CanaryRecord) -> ObjectKey | None:
        """Find the primary's copy of the autoscaler that the status remembers, if it is ours."""
        if not record.copied_autoscalers:
            return None
        _, key = record.copied_autoscalers
        packed = self._store.packed(key)
        return (
            key if packed is not None and ours_or_ownerless(record.canary, packed.owners) else None
        )

    def autoscaler_left(self, record: CanaryRecord) -> bool:
        """Tell whether the primary has, or may have, the copy that the status remembers."""
        unknown = any(
            self._store.unknown(each.kind, each.namespace) for each in record.copied_autoscalers
        )
        return unknown or self.copied_autoscaler(record) is not None

    def behind_autoscaler(self, record: CanaryRecord) -> tuple[object, ...]:
        """Name all that the primary's autoscaler is rendered from."""
        version = record.generation or record.resource_version
        return (record.uid, version, *map(self._store.content, record.autoscalers))

    def kept(self, record: CanaryRecord) -> tuple[ObjectKey, ...]:
        """Name what is kept: services, former apex services, the route, the primary's autoscaler."""
        if record.router is None:
            return ()
        route = record.router.objects(record.canary)
        keys = (*_service_keys(record), *_former_keys(record), *route, *record.autoscalers[1:])
        return tuple(dict.fromkeys(keys))

    def route(self, record: CanaryRecord, traffic: Traffic) -> list[Wanted]:
        """Render the route, what it refers to first."""
        wanted = self._route(record, traffic)
        if _by_apex(record):
            names = _service_names(record)
            for other in self._formers(record):
                if other.service not in names and self._has_apex(other):
                    wanted += self._route(replace(other, router=record.router), traffic)
        return wanted

    def _route(self, record: CanaryRecord, traffic: Traffic) -> list[Wanted]:
        if record.router is None:
            return []
        known, cluster = record.status.preflight, self._store.routes(record)
        canary = with_policy(record.canary, known.traffic_policy if known else "")
        if record.router.by_apex:
            cluster = replace(cluster, apex=self._apex(record))
        return self._of_router(record, record.router.render(canary, cluster, traffic))

    def restoration(self, record: CanaryRecord) -> tuple[list[Wanted], tuple[ObjectKey, ...]]:
        """Render the routes as they were before tidegate, and name those that must go."""
        writes, gone = self._restoration(record)
        for other in self._formers(record):
            more, also_gone = self._former_routes(record, other)
            writes, gone = [*writes, *more], (*gone, *also_gone)
        return writes, gone

    def _restoration(self, record: CanaryRecord) -> tuple[list[Wanted], tuple[ObjectKey, ...]]:
        if record.router is None:
            return [], ()
        routes = self._store.routes(record)
        restoration: Restoration = record.router.restore(record.canary, routes)
        gone = tuple(key for key in restoration.remove if key in routes.existing)
        return self._of_router(record, restoration.write), gone

    def _former_routes(
        self, record: CanaryRecord, other: CanaryRecord
    ) -> tuple[list[Wanted], tuple[ObjectKey, ...]]:
        """Do the same for the names of an earlier spec, without what is in use under the new ones."""
        used = record.router.objects(record.canary) if record.router else ()
        places = {_place(key) for key in used}
        writes, gone = self._restoration(other)
        return (
            [each for each in writes if _place(each.key) not in places],
            tuple(key for key in gone if _place(key) not in places),
        )

    def give_back(
        self, record: CanaryRecord, action: GiveBack
    ) -> tuple[list[Wanted], tuple[ObjectKey, ...]]:
        """Render the routes of former names as they were before, and name the objects that go."""
        writes: list[Wanted] = []
        gone: tuple[ObjectKey, ...] = ()
        for other in self._formers(record):
            if (other.service, other.provider) == (action.service, action.provider):
                writes, gone = self._former_routes(record, other)
                if action.services:
                    gone += self._former_sides(record, other)
        return writes, gone

    def former_route(self, record: CanaryRecord, action: RouteFormer) -> list[Wanted]:
        """Render the route under former names that is not given back yet."""
        for other in self._formers(record):
            if (other.service, other.provider) == (action.service, action.provider):
                return self.route(other, action.traffic)
        return []

    def _formers(self, record: CanaryRecord) -> list[CanaryRecord]:
        """Give a Canary with each of its former names that no other Canary has."""
        held = self._store.held_by_another
        return [each for each in formers(record) if not held(record, each.service)]

    def left(self, record: CanaryRecord) -> tuple[Former, ...]:
        """Tell what is left of the names of earlier specs."""
        names, found = _service_names(record), []
        for other in formers(record):
            if self._store.held_by_another(record, other.service):
                # Whatever the status says, it is the other's.
                found.append(Former(service=other.service, provider=other.provider))
                continue
            writes, gone = self._former_routes(record, other)
            keys = other.router.objects(other.canary) if other.router else ()
            unknown = other.router is None or any(
                self._store.unknown(key.kind, key.namespace) for key in keys
            )
            to_restore = bool(gone) or any(each.missing for each in writes)
            found.append(
                Former(
                    service=other.service,
                    provider=other.provider,
                    unknown=unknown,
                    routes=unknown or to_restore,
                    routed=self._store.routed(other) if to_restore else None,
                    services=bool(self._former_sides(record, other)),
                    apex=other.service not in names and self._has_apex(other),
                )
            )
        return tuple(found)

    def _former_sides(self, record: CanaryRecord, other: CanaryRecord) -> tuple[ObjectKey, ...]:
        """Find the services of the sides under former names that are ours, and not in use."""
        used, sides = _service_names(record), _service_names(other)[1:]
        keys = (
            ObjectKey(kind=SERVICE, namespace=record.key.namespace, name=name)
            for name in sides
            if name not in used
        )
        found = ((key, self._store.packed(key)) for key in keys)
        return tuple(
            key
            for key, each in found
            if each is not None and ours_or_ownerless(record.canary, each.owners)
        )

    def _has_apex(self, record: CanaryRecord) -> bool:
        """Tell whether an apex service exists that is own or adopted."""
        name = record.canary.spec.service_name
        key = ObjectKey(kind=SERVICE, namespace=record.key.namespace, name=name)
        packed = self._store.packed(key)
        return packed is not None and (
            ours_or_ownerless(record.canary, packed.owners) or adopted(packed.manifest)
        )

    def restored(self, record: CanaryRecord, target: WorkloadRecord | None) -> bool:
        """Tell whether the apex service and the routes are back as they were found."""
        writes, gone = self.restoration(record)
        back = [*self.services(record, target, Side.TARGET), *writes]
        return not gone and not any(wanted.missing for wanted in back)

    def behind_route(self, record: CanaryRecord) -> tuple[object, ...]:
        """Name all that the route is rendered from."""
        if record.router is None:
            return ()
        version = record.generation or record.resource_version
        contents = map(self._store.content, record.router.objects(record.canary))
        inputs = (record.uid, version, self._store.missing(record), *contents)
        if not record.router.by_apex:
            return inputs
        target = self._store.target(record)
        primary = self._primary(record)
        workloads = (each and each.outline for each in (target, primary))
        former = map(self._store.content, _former_keys(record))
        return (*inputs, *workloads, *former)

    def _of_router(self, record: CanaryRecord, rendered: Iterable[Manifest]) -> list[Wanted]:
        assert record.router is not None
        keys = {(key.kind.kind, key.name): key for key in record.router.objects(record.canary)}
        taken = {key for key, _ in self._claims.of_others(record)}
        wanted = []
        for manifest in rendered:
            key = keys[manifest["kind"], manifest["metadata"]["name"]]
            existing = self._store.manifest(key)
            foreign = key in taken
            wanted.append(Wanted(key=key, rendered=manifest, existing=existing, foreign=foreign))
        return wanted


def _by_apex(record: CanaryRecord) -> bool:
    """Tell whether a router writes the apex service, so that nothing else may."""
    return record.router is not None and record.router.by_apex


def _service_names(record: CanaryRecord) -> tuple[str, ...]:
    """Name the services of a Canary, the apex first."""
    spec = record.canary.spec
    return spec.service_name, spec.primary_service_name, spec.canary_service_name


def _service_keys(record: CanaryRecord) -> tuple[ObjectKey, ...]:
    """Say where the services of a Canary are, the apex first."""
    return _keys(record, _service_names(record))


def _former_keys(record: CanaryRecord) -> tuple[ObjectKey, ...]:
    """Say where the apex services are, the former ones of which something is left included."""
    return _keys(record, record.services)


def _keys(record: CanaryRecord, services: tuple[str, ...]) -> tuple[ObjectKey, ...]:
    namespace = record.key.namespace
    return tuple(ObjectKey(kind=SERVICE, namespace=namespace, name=name) for name in services)


def _place(key: ObjectKey) -> tuple[str, str, str, str]:
    """Tell what an object is known by, whatever version of its kind is spoken of."""
    return key.kind.group, key.kind.kind, key.namespace, key.name
