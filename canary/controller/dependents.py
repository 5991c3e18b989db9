"""Who depends on what: the objects and the kinds that matter to a Canary, and the way back.

How they are followed, and who is woken, belongs to `tracker.py`.
"""

from collections.abc import Iterable, Iterator

from canary.api.kinds import SERVICE, Kind, ObjectKey
from canary.api.meta import GROUP, PEER_GROUP
from canary.controller.budgets import budget_places
from canary.controller.canaries import CanaryKey, CanaryRecord, canary_kind
from canary.controller.configs import KINDS
from canary.controller.former import former_routes
from canary.controller.records import WorkloadRecord
from canary.controller.templates import templates_of
from canary.core.peers import Peer
from canary.resources.baseline import BASELINE
from canary.resources.configs import ConfigKind, ConfigReference
from canary.resources.names import SelectorLabel

Needed = tuple[Kind, str]
"""A kind, and the namespace that its objects are needed of."""


_GROUPS = {
    group: Kind(group=group, versions=(), kind="CanaryGroup", plural="canary groups")
    for group in (GROUP, PEER_GROUP)
}
"""What the members of a group have in common; there is no object of it."""


class Dependents:
    """Finds the Canaries that an object matters to."""

    def __init__(self) -> None:
        # Tuples, not sets: hardly anything matters to more than one Canary, and a set is large.
        self._canaries: dict[ObjectKey, tuple[CanaryKey, ...]] = {}
        self._objects: dict[CanaryKey, tuple[ObjectKey, ...]] = {}

    def set(self, canary: CanaryKey, objects: Iterable[ObjectKey]) -> list[ObjectKey]:
        """Record all that matters to a Canary, in place of what was recorded before.

        Give what no longer matters to any.
        """
        after = tuple(dict.fromkeys(objects))
        before = self._objects.get(canary, ())
        gone: list[ObjectKey] = []
        if after == before:
            return gone
        for key in before:
            if key not in after:
                left = tuple(each for each in self._canaries[key] if each != canary)
                if left:
                    self._canaries[key] = left
                else:
                    del self._canaries[key]
                    gone.append(key)
        # One for all: most objects matter to this Canary alone.
        alone = (canary,)
        for key in after:
            if key not in before:
                others = self._canaries.get(key, ())
                self._canaries[key] = (*others, canary) if others else alone
        if after:
            self._objects[canary] = after
        else:
            self._objects.pop(canary, None)
        return gone

    def of(self, key: ObjectKey) -> tuple[CanaryKey, ...]:
        """Find the Canaries that an object matters to."""
        return self._canaries.get(key, ())


def dependencies(
    record: CanaryRecord,
    target: WorkloadRecord | None,
    primary: WorkloadRecord | None,
    label: SelectorLabel | None,
) -> Iterator[ObjectKey]:
    """Name every object whose change may change what is decided about a Canary."""
    canary = record.canary
    namespace, spec = record.key.namespace, canary.spec
    if record.target_kind is not None:
        made = (each.name for each in record.sides[1:])
        names = (spec.target_ref.name, *made, record.held.target)
        for name in dict.fromkeys(filter(None, names)):
            # Pods matter to whom their workload matters to.
            yield ObjectKey(kind=record.target_kind, namespace=namespace, name=name)
    baseline = (BASELINE,) if record.baseline_places else ()
    for apex in record.services:
        for suffix in ("", "-primary", "-canary", *baseline):
            yield ObjectKey(kind=SERVICE, namespace=namespace, name=f"{apex}{suffix}")
    yield from record.baseline_places
    yield from record.autoscalers
    yield from record.objects.all
    yield from former_routes(record)
    yield from templates_of(record)
    yield from relations(record.key, record.peer)
    for reference in _references(target, primary):
        yield ObjectKey(kind=KINDS[reference.kind], namespace=namespace, name=reference.name)
    if label is not None:
        yield from budget_places(label, namespace)


def standing(key: CanaryKey, peer: Peer, target_kind: Kind | None) -> Iterator[ObjectKey]:
    """Name the objects by which others find a Canary that another controller acts on."""
    if target_kind is not None:
        for _, target in peer.targets:
            yield ObjectKey(kind=target_kind, namespace=key.namespace, name=target)
    for service in peer.services:
        yield ObjectKey(kind=SERVICE, namespace=key.namespace, name=service)
    yield from relations(key, peer)


def relations(key: CanaryKey, peer: Peer) -> Iterator[ObjectKey]:
    """Name the Canaries that one waits for, and by what those find it that have to do with it.

    These are the group's members, and the Canaries of other namespaces whose route is the same thing.
    """
    yield from places_everywhere(peer)
    for place in peer.depends_on:
        yield ObjectKey(kind=canary_kind(key.group), namespace=place.namespace, name=place.name)
    if of_group := group_key(key, peer):
        yield of_group


def places_everywhere(peer: Peer) -> Iterator[ObjectKey]:
    """Name what of a Canary's route is one thing with that of its name in any other namespace."""
    for kind in peer.everywhere:
        for service in filter(None, peer.services):
            yield ObjectKey(kind=kind, namespace="", name=service)


def group_key(key: CanaryKey, peer: Peer) -> ObjectKey | None:
    """Give what the members of a Canary's group find each other by; None without a group."""
    if not peer.member_of:
        return None
    kind = _GROUPS[key.group]
    return ObjectKey(kind=kind, namespace=key.namespace, name=peer.member_of)


def needs(
    record: CanaryRecord,
    target: WorkloadRecord | None,
    primary: WorkloadRecord | None,
    *,
    configs: frozenset[ConfigKind],
) -> Iterator[Needed]:
    """Name the kinds that must be known before anything is decided about a Canary."""
    canary = record.canary
    namespace = record.key.namespace
    if record.target_kind is not None:
        yield record.target_kind, namespace
    yield SERVICE, namespace
    if canary.spec.group is not None:
        yield canary_kind(record.key.group), namespace
    for key in record.autoscalers:
        yield key.kind, namespace
    for key in record.objects.all:
        yield key.kind, key.namespace
    for reference in _references(target, primary):
        if reference.kind in configs:
            yield KINDS[reference.kind], namespace
    for key in templates_of(record):
        yield key.kind, key.namespace


def _references(*workloads: WorkloadRecord | None) -> Iterator[ConfigReference]:
    for workload in workloads:
        yield from workload.references if workload else ()
