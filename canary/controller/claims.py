"""Names that tidegate needs, and which of them other owners' objects have."""

from collections.abc import Iterator

from canary.api.kinds import SERVICE, ObjectKey
from canary.controller.canaries import CanaryRecord
from canary.controller.places import service_keys
from canary.controller.records import Packed
from canary.controller.store import Store
from canary.objects.ownership import CanaryOwner, adopted, canary_owners, ours, ours_or_ownerless

_OTHER_SERVICE = "set another name in spec.service.name"
_OTHER_TARGET = "give the target another name"
_OTHER_AUTOSCALER = "give the autoscaler of spec.autoscalerRef another name"


class Claims:
    """Looks at who owns what has the names that a Canary needs."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def taken(self, record: CanaryRecord) -> str:
        """Say which names that tidegate needs are taken by other owners' objects."""
        return "; ".join(
            f"{key.kind.kind} {key.namespace}/{key.name} exists already and belongs to "
            f"{' and '.join(owners) or 'an unknown owner'}: rename or delete it, or "
            f"{_remedy(record, key)}"
            for key, owners in self.of_others(record)
        )

    def of_others(self, record: CanaryRecord) -> Iterator[tuple[ObjectKey, tuple[str, ...]]]:
        """Find the objects of others that have names which are tidegate's to use."""
        canary, namespace = record.canary, record.key.namespace
        divided = record.workload is not None and record.workload.divides
        primary = None if divided else self._store.primary(record)
        if primary is not None and not (
            ours_or_ownerless(canary, primary.owners)
            or self._left_behind(namespace, primary.owners, primary.canaries)
        ):
            yield (
                ObjectKey(kind=primary.kind, namespace=namespace, name=primary.name),
                primary.owners,
            )
        beside = self._store.beside(record)
        if beside is not None and not (
            ours_or_ownerless(canary, beside.owners)
            or self._left_behind(namespace, beside.owners, beside.canaries)
        ):
            yield ObjectKey(kind=beside.kind, namespace=namespace, name=beside.name), beside.owners
        if divided:
            # Nothing is made beside it.
            return
        apex = ObjectKey(kind=SERVICE, namespace=namespace, name=canary.spec.service_name)
        found = self._store.packed(apex)
        if found is not None and self._of_another(record, found):
            yield apex, found.owners
        for key in dict.fromkeys(_to_create(record)):
            if key in record.sides:
                continue
            packed = self._store.packed(key)
            # What an earlier release has adopted is given back as it was.
            if (
                packed is None
                or ours_or_ownerless(canary, packed.owners)
                or adopted(packed.manifest)
            ):
                continue
            if self._left_behind(namespace, packed.owners, canary_owners(packed.manifest)):
                continue
            yield key, packed.owners

    def _of_another(self, record: CanaryRecord, apex: Packed) -> bool:
        """Tell whether another Canary has an apex service, be it one that it has adopted."""
        namespace, name = record.key.namespace, record.canary.spec.service_name
        if ours(record.canary, apex.owners):
            return False
        owners = canary_owners(apex.manifest)
        gone = self._left_behind(namespace, apex.owners, owners)
        return bool(owners and not gone) or self._store.held_by_another(record, name)

    def _left_behind(
        self, namespace: str, owners: tuple[str, ...], canaries: tuple[CanaryOwner, ...]
    ) -> bool:
        """Tell whether an object has none but Canaries as owners that are gone: it goes as well."""
        return len(canaries) == len(owners) > 0 and all(
            self._store.gone(each, namespace) for each in canaries
        )


def _remedy(record: CanaryRecord, key: ObjectKey) -> str:
    if key.kind == record.target_kind:
        return _OTHER_TARGET
    return _OTHER_AUTOSCALER if key in record.autoscalers else _OTHER_SERVICE


def _to_create(record: CanaryRecord) -> Iterator[ObjectKey]:
    """Name the objects beside the primary that are tidegate's alone.

    The apex service and the route of its name are the user's to have: they are adopted, unless
    another Canary has them.
    """
    yield from service_keys(record)[1:]
    yield from record.autoscalers[1:]
    yield from record.objects.own
