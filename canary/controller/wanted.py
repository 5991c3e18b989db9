"""What actions ask for, under all names of a Canary: the present ones and those of earlier specs.

How a single set of names is rendered belongs to `rendering.py`.
"""

from collections.abc import Iterable
from dataclasses import replace

from canary.api.kinds import Manifest, ObjectKey
from canary.controller.canaries import CanaryRecord
from canary.controller.former import formers, held
from canary.controller.memo import Memo
from canary.controller.places import routed, service_keys, service_names
from canary.controller.records import WorkloadRecord
from canary.controller.rendering import Rendering, Return, Wanted
from canary.controller.store import Store
from canary.core.actions import GiveBack, RouteFormer, Side
from canary.core.facts import Former
from canary.core.names import route_names
from canary.core.traffic import Traffic
from canary.objects.ownership import left_behind, ours_or_ownerless
from canary.objects.render import Lacking
from canary.resources.names import SelectorLabel


class Renderer:
    """Renders what actions ask for from what the caches hold."""

    def __init__(self, store: Store, selector_labels: tuple[str, ...]) -> None:
        self._store = store
        self._rendering = Rendering(store, selector_labels)
        self._hindrances: Memo[tuple[Lacking | None, str]] = Memo()
        self._bounds: Memo[tuple[int | None, bool]] = Memo()

    def label(self, workload: Manifest) -> SelectorLabel:
        """Find the label that tells the target's pods from the primary's.

        Raises:
            InvalidSpec: the target has none of those that the controller looks for.
        """
        return self._rendering.label(workload)

    def services(
        self,
        record: CanaryRecord,
        target: WorkloadRecord | None,
        apex: Side | None,
        *,
        shared: bool = False,
    ) -> list[Wanted]:
        """Render the services; former apex services lead where the apex does, as long as they exist.

        Those that the router writes are part of the route until they are given back.
        """
        wanted = self._rendering.services(record, target, apex, shared=shared)
        if apex is not None:
            for other in self._with_apex(record):
                wanted += [
                    each
                    for each in self._rendering.services(other, target, apex)
                    if each.key.name == other.service
                ]
        left = self._routed(record) if apex is Side.PRIMARY else frozenset()
        return [each for each in wanted if each.key not in left]

    def behind_services(
        self, record: CanaryRecord, target: WorkloadRecord | None, apex: Side | None
    ) -> tuple[object, ...]:
        """Name all that the services of a Canary are rendered from.

        The route matters before clients come over and as they are led back; in between it changes
        with every step.
        """
        if target is None:
            return ()
        keys = (*service_keys(record), *_apex_keys(record))
        existing = (self._store.content(key) for key in keys)
        version = record.generation or record.resource_version
        primary = self._store.beside(record) or self._rendering.primary(record)
        outlines = (target.outline, primary and primary.outline)
        route = () if apex is Side.PRIMARY else self._rendering.behind_route(record)
        return (record.uid, version, *outlines, *existing, *route)

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
        return self._rendering.beside(record, (rendered,))

    def primary_bounds(self, record: CanaryRecord) -> tuple[int | None, bool]:
        """Give the most replicas that the primary's autoscaler allows outside of a run.

        And whether it takes all pods of an idle primary.
        """
        inputs = self.behind_autoscaler(record)
        known = self._bounds.recall(record.key, inputs)
        if known is None:
            copy = next(iter(self.autoscaler(record, minimum=0)), None)
            known = (None, False)
            if record.scaler is not None and copy is not None:
                manifest = copy.render.manifest
                known = record.scaler.maximum(manifest), record.scaler.rests(manifest)
            self._bounds.keep(record.key, inputs, known)
        return known

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
        """Name what is kept: services, former apex services, the route, the primary's autoscaler.

        Neither target nor primary is among them, unless the route is a part of it: the one is its
        user's, the other has a record of its own.
        """
        if record.router is None:
            return ()
        route = record.objects.written
        keys = (*service_keys(record), *_apex_keys(record), *route, *record.autoscalers[1:])
        beside = {*record.sides}.difference(route)
        return tuple(key for key in dict.fromkeys(keys) if key not in beside)

    def route(self, record: CanaryRecord, traffic: Traffic) -> list[Wanted]:
        """Render the route, what it refers to first; with former apex services, where it is these."""
        wanted = self._rendering.route(record, traffic)
        if record.router is not None and record.router.by_apex:
            for other in self._with_apex(record):
                wanted += self._rendering.route(replace(other, router=record.router), traffic)
        return wanted

    def unshared(self, record: CanaryRecord) -> str:
        """Say why the apex service cannot select both sides; empty where it can, or need not."""
        return self._rendering.unshared(record)

    def hindrances(self, record: CanaryRecord) -> tuple[Lacking | None, str]:
        """Find the object of the user without which there is no route, and say who has marked others."""
        inputs = self.behind_route(record)
        if (known := self._hindrances.recall(record.key, inputs)) is None:
            known = self._rendering.hindrances(record)
            self._hindrances.keep(record.key, inputs, known)
        return known

    def behind_route(self, record: CanaryRecord) -> tuple[object, ...]:
        """Name all that the route is rendered from."""
        if record.router is None:
            return ()
        version = record.generation or record.resource_version
        contents = self._rendering.behind_route(record)
        inputs = (record.uid, version, self._store.missing(record), *contents)
        if not (record.router.by_apex or record.by_subsets):
            return inputs
        target = self._store.target(record)
        primary = self._rendering.primary(record)
        workloads = (each and each.outline for each in (target, primary))
        former = map(self._store.content, _apex_keys(record))
        return (*inputs, *workloads, *former)

    def restoration(self, record: CanaryRecord, *, alone: bool = False) -> Return:
        """Render the routes as they were before tidegate, and name those that must go."""
        if alone:
            return self._rendering.restored_weights(record)
        writes, gone = self._rendering.restoration(record)
        for other in (*self._formers(record), *held(record)):
            more, also_gone = self._former_routes(record, other)
            writes, gone = [*writes, *more], (*gone, *also_gone)
        return writes, gone

    def restored(self, record: CanaryRecord, target: WorkloadRecord | None) -> bool:
        """Tell whether the apex service and the routes are back as they were found."""
        writes, gone = self.restoration(record)
        back = [*self.services(record, target, Side.TARGET), *writes]
        return not gone and not any(wanted.missing for wanted in back)

    def left_behind(self, record: CanaryRecord, more: Iterable[ObjectKey]) -> list[Wanted]:
        """Render what is kept for a Canary, and more, as it stays when the Canary goes.

        The primary and its copies of configs are no part of it.
        """
        found = ((key, self._store.manifest(key)) for key in (*self.kept(record), *more))
        return [
            Wanted(render=left_behind(record.canary, key, existing), existing=existing, of=record)
            for key, existing in found
            if existing is not None
        ]

    def give_back(self, record: CanaryRecord, action: GiveBack) -> Return:
        """Render the routes of former names as they were before, and name the objects that go."""
        writes: list[Wanted] = []
        gone: tuple[ObjectKey, ...] = ()
        for other in self._formers(record):
            if route_names(other) == route_names(action):
                writes, gone = self._former_routes(record, other)
                if action.services:
                    gone += self._beside_route(record, other)
        return writes, gone

    def former_route(self, record: CanaryRecord, action: RouteFormer) -> list[Wanted]:
        """Render the route under former names that is not given back yet."""
        for other in self._formers(record):
            if route_names(other) == route_names(action):
                return self.route(other, action.traffic)
        return []

    def left(self, record: CanaryRecord) -> tuple[Former, ...]:
        """Tell what is left of the names of earlier specs."""
        return tuple(self._left(record, other) for other in formers(record))

    def _left(self, record: CanaryRecord, other: CanaryRecord) -> Former:
        if self._store.held_by_another(record, other.service):
            # Whatever the status says, it is the other's.
            return Former(
                service=other.service, provider=other.provider, references=other.references
            )
        writes, gone = self._former_routes(record, other)
        # What a router that is not installed has made can't be known, so it is not forgotten.
        keys = other.objects.all
        unknown = other.router is None or any(
            self._store.unknown(key.kind, key.namespace) for key in keys
        )
        to_restore = bool(gone) or any(each.missing for each in writes)
        return Former(
            service=other.service,
            provider=other.provider,
            references=other.references,
            by_subsets=other.by_subsets,
            unknown=unknown,
            routes=unknown or to_restore,
            routed=self._store.routed(other) if to_restore else None,
            services=bool(self._beside_route(record, other)),
            apex=other.service not in service_names(record) and self._rendering.has_apex(other),
        )

    def _beside_route(self, record: CanaryRecord, other: CanaryRecord) -> tuple[ObjectKey, ...]:
        """Name what goes some time after a former route, without what is in use by now."""
        used = {_place(key) for key in routed(record)}
        known = (key for key in self._rendering.afterwards(other) if _place(key) not in used)
        return (*self._rendering.sides(other, beside=record), *known)

    def _former_routes(self, record: CanaryRecord, other: CanaryRecord) -> Return:
        """Give former routes back, without what is in use under the present names."""
        used = {_place(key) for key in routed(record)}
        writes, gone = self._rendering.restoration(other)
        return (
            [each for each in writes if _place(each.key) not in used],
            tuple(key for key in gone if _place(key) not in used),
        )

    def _formers(self, record: CanaryRecord) -> list[CanaryRecord]:
        """Give a Canary with each of its former names that no other Canary has."""
        held = self._store.held_by_another
        return [each for each in formers(record) if not held(record, each.service)]

    def _with_apex(self, record: CanaryRecord) -> list[CanaryRecord]:
        """Pick the former names of which the apex service is there, and not in use."""
        names = service_names(record)
        return [
            each
            for each in self._formers(record)
            if each.service not in names and self._rendering.has_apex(each)
        ]

    def _routed(self, record: CanaryRecord) -> frozenset[ObjectKey]:
        """Name what the router writes under all names."""
        others = (replace(each, router=record.router) for each in self._formers(record))
        return frozenset(key for each in (record, *others) for key in routed(each))


def _apex_keys(record: CanaryRecord) -> tuple[ObjectKey, ...]:
    """Say where the apex services are, the former ones of which something is left included."""
    return service_keys(record, record.services)


def _place(key: ObjectKey) -> tuple[str, str, str, str]:
    """Tell what an object is known by, whatever version of its kind is spoken of."""
    return key.kind.group, key.kind.kind, key.namespace, key.name
