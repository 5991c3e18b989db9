"""PodDisruptionBudgets around a Canary: those of its target, and the primary's that follow them."""

from collections.abc import Iterator
from dataclasses import dataclass

from canary.api.kinds import BUDGET, Manifest, ObjectKey
from canary.cluster.cache import CacheSet
from canary.controller.canaries import CanaryRecord
from canary.controller.records import Packed, WorkloadRecord
from canary.controller.rendering import Wanted
from canary.controller.store import Store
from canary.errors import Problem
from canary.objects.ownership import ours_or_ownerless, owners
from canary.resources.budgets import label_place, label_places, primary_budgets
from canary.resources.names import PRIMARY, SelectorLabel, pod_labels, primary_name, selector_label


@dataclass(frozen=True, slots=True, kw_only=True)
class PrimaryBudgets:
    """What is wanted of a primary's budgets."""

    wanted: tuple[Wanted, ...] = ()
    gone: tuple[ObjectKey, ...] = ()
    """Those that nothing asks for any longer."""

    @property
    def taken(self) -> str:
        """Say which names are taken by other owners' budgets."""
        return "; ".join(
            f"{each.key} exists already and covers other pods: rename or delete it, or give the "
            "target's PodDisruptionBudget another name"
            for each in self.wanted
            if each.foreign
        )


class Budgets:
    """Finds the budgets of targets, and says what their primaries need."""

    def __init__(self, caches: CacheSet, store: Store, selector_labels: tuple[str, ...]) -> None:
        self._caches = caches
        self._store = store
        self._selector_labels = selector_labels

    def find(self, record: CanaryRecord) -> PrimaryBudgets:
        """Say what a primary needs; nothing while that is not known, or where it has no pods."""
        target, namespace = self._store.target(record), record.key.namespace
        label = side_label(target, self._selector_labels)
        if target is None or label is None or self._store.unknown(BUDGET, namespace):
            return PrimaryBudgets()
        near = {
            each["metadata"]["name"]: each
            for value in (label.value, label.primary)
            for each in self._near(namespace, label_place(label.key, value))
        }
        if not near:
            return PrimaryBudgets()
        twins = {primary_name(name): self._twin(namespace, primary_name(name)) for name in near}
        existing = {name: twin for name, twin in twins.items() if twin is not None}
        pods = pod_labels(target.services_outline)
        rendered = primary_budgets(record.canary, label, pods, near.values(), existing)
        wanted = tuple(
            Wanted(
                render=each,
                existing=existing.get(each.key.name),
                foreign=each.key.name in existing
                and not ours_or_ownerless(record.canary, owners(existing[each.key.name])),
            )
            for each in rendered
        )
        kept = {each.key.name for each in wanted}
        ours = (
            name for name, each in near.items() if ours_or_ownerless(record.canary, owners(each))
        )
        gone = tuple(_key(namespace, name) for name in ours if name not in kept)
        return PrimaryBudgets(wanted=wanted, gone=gone)

    def _near(self, namespace: str, place: str) -> Iterator[Manifest]:
        for each in self._caches.owned(BUDGET, namespace, place):
            if isinstance(each, Packed):
                yield each.manifest

    def _twin(self, namespace: str, name: str) -> Manifest | None:
        return self._store.manifest(_key(namespace, name))


def places(
    caches: CacheSet, changed: ObjectKey, before: object, after: object
) -> Iterator[ObjectKey]:
    """Name where a changed budget matters: at the labels of the pods that it covers."""
    if isinstance(before, Packed) and isinstance(after, Packed) and before.content == after.content:
        # What its pods are like now is said in its status.
        return
    # One that goes may have had the name that the primary's budget needs.
    source = caches.get(BUDGET, changed.namespace, changed.name.removesuffix(PRIMARY))
    for each in (before, after, source):
        if isinstance(each, Packed):
            for place in label_places(each.manifest):
                yield _key(changed.namespace, place)


def budget_places(label: SelectorLabel, namespace: str) -> Iterator[ObjectKey]:
    """Name where budgets matter to a Canary: at the label of either side's pods."""
    for value in (label.value, label.primary):
        yield _key(namespace, label_place(label.key, value))


def side_label(
    target: WorkloadRecord | None, selector_labels: tuple[str, ...]
) -> SelectorLabel | None:
    """Find the label that tells the target's pods from the primary's; None where there is none."""
    if target is None or not target.outline or target.side is not None:
        # The budgets of a target that is kept cover the primary's pods as they are.
        return None
    label = selector_label(target.services_outline, selector_labels)
    return None if isinstance(label, Problem) else label


def _key(namespace: str, name: str) -> ObjectKey:
    return ObjectKey(kind=BUDGET, namespace=namespace, name=name)
