"""What is wanted under one set of names: the objects as they must be, beside those that are there.

Which names a Canary has, those of earlier specs included, is known in `wanted.py`.
Long because every kind of object that goes with a set of names is wanted here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from canary.api.annotations import OWNER
from canary.api.kinds import Manifest, ObjectKey
from canary.controller.canaries import CanaryRecord
from canary.controller.claims import Claims
from canary.controller.places import service_keys, service_names
from canary.controller.records import WorkloadRecord
from canary.controller.store import Store
from canary.core.actions import Side
from canary.core.traffic import Traffic, intended
from canary.errors import InvalidSpec, Problem
from canary.objects.marking import contested
from canary.objects.ownership import SHARED_LABEL, adopted, ours_or_ownerless
from canary.objects.render import Lacking, Render
from canary.resources.names import (
    SelectorLabel,
    Selectors,
    kept_selectors,
    pod_selectors,
    selector_label,
    shared_selector,
)
from canary.resources.ports import service_ports
from canary.resources.preflight import with_policy
from canary.resources.services import apex_service, services


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """An object as it must be, and as it is."""

    render: Render
    existing: Manifest | None
    foreign: bool = False
    """Whether its name is taken by another owner's object, which is never written."""
    of: CanaryRecord | None = None
    """The Canary that it is wanted for."""

    @property
    def key(self) -> ObjectKey:
        """Where it is."""
        return self.render.key

    @property
    def place(self) -> str:
        """Kind and name, as kind/name."""
        return f"{self.key.kind.kind}/{self.key.name}"

    @property
    def missing(self) -> bool:
        """Whether the object must be written."""
        return not self.foreign and self.render.differs(self.existing)


Return = tuple[list[Wanted], tuple[ObjectKey, ...]]
"""What is put back as it was before tidegate, and what goes."""


class Rendering:
    """Renders what one set of names asks for from what the caches hold."""

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
        self,
        record: CanaryRecord,
        target: WorkloadRecord | None,
        apex: Side | None,
        *,
        shared: bool = False,
    ) -> list[Wanted]:
        """Render the services; the apex service may select the pods of both sides instead."""
        if target is None:
            return []
        found = {key.name: self._store.manifest(key) for key in service_keys(record)}
        existing = {name: manifest for name, manifest in found.items() if manifest is not None}
        workload = record.workload
        if workload is not None and (workload.serves or workload.divides):
            return self.beside(record, workload.services(record.canary, existing))
        try:
            selectors = self._selectors(record, target, apex)
        except InvalidSpec:
            if apex is Side.TARGET:
                # For a target without a label no service was ever made: there is none to give back.
                return []
            raise
        ports = service_ports(record.canary, target.services_outline)
        left = self._left(record) if apex is Side.TARGET else frozenset()
        made = services(record.canary, selectors, ports, existing, apex, left=left)
        if shared:
            name = record.canary.spec.service_name
            pods = {SHARED_LABEL: name}
            both = apex_service(record.canary, selectors, ports, existing.get(name), pods)
            made = (*(each for each in made if each.key.name != name), both)
        # Only services of their own are the sides'.
        names = service_names(record)
        made = tuple(each for each in made if each.key.name in names)
        return self.beside(record, (*made, *self._beforehand(record, apex)))

    def _beforehand(self, record: CanaryRecord, apex: Side | None) -> tuple[Render, ...]:
        """Render what proxies must know before clients come over; later it is part of the route."""
        if apex is not None or record.router is None:
            return ()
        return record.router.beforehand(record.canary, self._store.routes(record))

    def _left(self, record: CanaryRecord) -> frozenset[str]:
        """Name the services of the sides that a route of the user's leads to without tidegate."""
        if record.router is None:
            return frozenset()
        return record.router.restore(record.canary, self._store.routes(record)).leads_to

    def route(self, record: CanaryRecord, traffic: Traffic) -> list[Wanted]:
        """Render the route, what it refers to first; nothing where an object of the user lacks."""
        rendered = self._route(record, traffic)
        return [] if isinstance(rendered, Lacking) else self.beside(record, rendered)

    def lacking(self, record: CanaryRecord) -> Lacking | None:
        """Find the object of the user without which there is no route."""
        objects = record.objects
        if not (objects.read or objects.edited):
            return None
        rendered = self._route(record, Traffic())
        return rendered if isinstance(rendered, Lacking) else None

    def restoration(self, record: CanaryRecord) -> Return:
        """Render the routes as they were before tidegate, and name those that must go."""
        if record.router is None:
            return [], ()
        routes = self._store.routes(record)
        restoration = record.router.restore(record.canary, routes)
        gone = tuple(key for key in restoration.remove if key in routes.existing)
        return self.beside(record, restoration.write), gone

    def restored_weights(self, record: CanaryRecord) -> Return:
        """Do so with what holds the weights alone, so that what it refers to outlasts it."""
        written = record.objects.written
        writes, gone = self.restoration(record)
        weights = written[-1:]
        here = [each for each in writes if each.key in weights]
        return here, tuple(key for key in gone if key in weights)

    def afterwards(self, record: CanaryRecord) -> tuple[ObjectKey, ...]:
        """Name what goes when proxies have followed the routes that are given back."""
        if record.router is None:
            return ()
        routes = self._store.routes(record)
        restoration = record.router.restore(record.canary, routes)
        return tuple(key for key in restoration.afterwards if key in routes.existing)

    def beside(self, record: CanaryRecord, rendered: Iterable[Render]) -> list[Wanted]:
        """Put what is wanted beside what is there."""
        taken = {key for key, _ in self._claims.of_others(record)}
        return [
            Wanted(
                render=each,
                existing=(found := self._store.manifest(each.key)),
                foreign=each.key in taken
                # One of ours has no mark here.
                or (found is not None and OWNER in (found["metadata"].get("annotations") or ())),
                of=record,
            )
            for each in rendered
        ]

    def hindrances(self, record: CanaryRecord) -> tuple[Lacking | None, str]:
        """Find the object of the user without which there is no route, and say whose others are."""
        found = map(self._store.manifest, record.objects.written)
        marked = filter(None, (contested(each) for each in found if each is not None))
        return self.lacking(record), "; ".join(marked)

    def sides(self, record: CanaryRecord, *, beside: CanaryRecord) -> tuple[ObjectKey, ...]:
        """Find the services of the sides that are ours, and that other names have no use for."""
        used = (*service_names(beside), beside.canary.spec.baseline_service_name)
        keys = (*service_keys(record)[1:], *record.baseline_places[1:])
        found = ((key, self._store.packed(key)) for key in keys if key.name not in used)
        return tuple(
            key
            for key, each in found
            if each is not None and ours_or_ownerless(record.canary, each.owners)
        )

    def has_apex(self, record: CanaryRecord) -> bool:
        """Tell whether an apex service exists that is own or adopted."""
        packed = self._store.packed(service_keys(record)[0])
        return packed is not None and (
            ours_or_ownerless(record.canary, packed.owners) or adopted(packed.manifest)
        )

    def behind_route(self, record: CanaryRecord) -> tuple[object, ...]:
        """Name what the router reads."""
        return tuple(map(self._store.read_by_router, record.objects.all))

    def primary(self, record: CanaryRecord) -> WorkloadRecord | None:
        """Look the primary up, where it is this Canary's."""
        primary = self._store.primary(record)
        return (
            primary
            if primary is not None and ours_or_ownerless(record.canary, primary.owners)
            else None
        )

    def _route(self, record: CanaryRecord, traffic: Traffic) -> tuple[Render, ...] | Lacking:
        if record.router is None:
            return ()
        known, cluster = record.status.preflight, self._store.routes(record)
        canary = with_policy(record.canary, known.traffic_policy if known else "")
        if record.router.by_apex:
            shared = self._shared_apex(record)
            cluster = replace(cluster, apex=self._apex(record), shared_apex=shared)
        elif record.by_subsets:
            cluster = replace(cluster, pods=self._pods(record))
        return record.router.render(canary, cluster, traffic)

    def _apex(self, record: CanaryRecord) -> dict[Side, Render]:
        """Render the apex service as it leads to each side that there is."""
        target = self._store.target(record)
        workload = target or self.primary(record)
        if workload is None or not workload.outline:
            return {}
        selectors = self._selectors(record, workload)
        ports = service_ports(record.canary, workload.services_outline)
        found = self._store.manifest(service_keys(record)[0])
        sides = (Side.PRIMARY, Side.TARGET) if target else (Side.PRIMARY,)
        return {side: apex_service(record.canary, selectors, ports, found, side) for side in sides}

    def _pods(self, record: CanaryRecord) -> dict[Side, Mapping[str, str]]:
        """Tell by which labels the pods of each side that there is are selected."""
        target = self._store.target(record)
        workload = target or self.primary(record)
        if workload is None or not workload.outline:
            return {}
        selectors = self._selectors(record, workload)
        return (
            {Side.PRIMARY: selectors.primary, Side.TARGET: selectors.target}
            if target
            else {Side.PRIMARY: selectors.target}
        )

    def unshared(self, record: CanaryRecord) -> str:
        """Say why the apex service cannot select both sides; empty where it can, or need not."""
        if not intended(record.canary.spec, record.status).shared:
            return ""
        pods = self._shared_pods(record)
        return str(pods) if isinstance(pods, Problem) else ""

    def _shared_pods(self, record: CanaryRecord) -> dict[str, str] | Problem | None:
        """Select the pods of both sides, for a router whose shares are those of the pods."""
        target, primary, router = self._store.target(record), self.primary(record), record.router
        if target is None or router is None or not router.abilities(record.canary).by_replicas:
            return None
        if not target.outline:
            return None
        outline = primary.services_outline if primary else None
        return shared_selector(record.canary.spec.service_name, target.services_outline, outline)

    def _shared_apex(self, record: CanaryRecord) -> Render | None:
        """Render the apex service as it leads to both sides; None where it cannot."""
        target, pods = self._store.target(record), self._shared_pods(record)
        if target is None or not isinstance(pods, dict):
            return None
        ports = service_ports(record.canary, target.services_outline)
        found = self._store.manifest(service_keys(record)[0])
        return apex_service(record.canary, self._selectors(record, target), ports, found, pods)

    def _selectors(
        self, record: CanaryRecord, workload: WorkloadRecord, apex: Side | None = None
    ) -> Selectors:
        """Tell the pods of the sides apart, by the target's labels or by those of its primary."""
        outline, primary = workload.services_outline, self.primary(record)
        label = self.label(outline)
        if record.keeps:
            beside = self._store.beside(record)
            found = kept_selectors(outline, label, beside.services_outline if beside else None)
            return found.given_back if apex is Side.TARGET else found
        return pod_selectors(outline, label, primary.services_outline if primary else None)
