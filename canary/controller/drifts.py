"""What others have changed of what a Canary keeps, and is not put back yet.

Events tell of a change, with the object before and after it; what the change means follows from what
the Canary renders. A change that was made while no controller ran is put back without a word.
"""

from collections.abc import Iterator, Sequence

from canary.api.kinds import ObjectKey
from canary.api.shown import path
from canary.api.status import Phase
from canary.controller.canaries import CanaryRecord
from canary.controller.records import WorkloadRecord
from canary.controller.rendering import Wanted
from canary.controller.store import Store
from canary.controller.wanted import Renderer
from canary.core.actions import Side
from canary.core.facts import Drift
from canary.core.traffic import intended
from canary.errors import CanaryError
from canary.objects.ownership import ownerless


class DriftFinder:
    """Compares what others have changed with what a Canary's status says."""

    def __init__(self, store: Store, renderer: Renderer) -> None:
        self._store = store
        self._renderer = renderer

    def find(
        self,
        record: CanaryRecord,
        target: WorkloadRecord | None,
        budgets: Sequence[Wanted],
        *,
        shared: bool,
    ) -> tuple[Drift, ...]:
        """Find what must be put back for a Canary whose primary serves.

        `budgets` are the primary's as they must be; the apex service leads to it, or is `shared`.
        """
        status, changes = record.status, self._store.changes
        kept = (*self._renderer.kept(record), *(each.key for each in budgets if not each.foreign))
        changed = [key for key in kept if changes.find(key)]
        drifts = tuple(self._of_primary(record))
        if record.deleting or status.phase is Phase.INITIALIZING or not status.last_promoted_spec:
            for key in changed:
                changes.settle(key)
            return ()
        if not changed:
            return drifts
        try:
            wanted = [*self._wanted(record, target, changed, shared=shared), *budgets]
        except CanaryError:
            # The write fails in the same way, and reports it.
            return drifts
        return (*drifts, *self._drifts(wanted))

    def _of_primary(self, record: CanaryRecord) -> Iterator[Drift]:
        """Find that a primary has lost its owner: it would outlive its Canary."""
        primary, kind = self._store.primary(record), record.target_kind
        if primary is None or kind is None:
            return
        if ownerless(primary.owners) and not primary.leaving:
            key = ObjectKey(kind=kind, namespace=record.key.namespace, name=primary.name)
            self._store.changes.show_loss(key)
            yield Drift(
                kind=kind.kind,
                name=primary.name,
                fields=(path(("metadata", "ownerReferences")),),
                version=f"ownerless {self._store.changes.times_owned_again(key)}",
            )

    def _wanted(
        self,
        record: CanaryRecord,
        target: WorkloadRecord | None,
        changed: list[ObjectKey],
        *,
        shared: bool,
    ) -> list[Wanted]:
        wanted = self._renderer.services(record, target, Side.PRIMARY, shared=shared)
        traffic = intended(record.canary.spec, record.status)
        return [
            *wanted,
            *self._renderer.route(record, traffic),
            *self._autoscaler(record, changed),
        ]

    def _autoscaler(self, record: CanaryRecord, changed: list[ObjectKey]) -> list[Wanted]:
        """Render the primary's autoscaler with the lower bound that it was last given."""
        copies = (key for key in record.autoscalers[1:] if key in changed)
        change = next((self._store.changes.find(key) for key in copies), None)
        if change is None or record.scaler is None:
            return []
        minimum = record.scaler.minimum(change.before.manifest)
        return self._renderer.autoscaler(record, minimum)

    def _drifts(self, objects: list[Wanted]) -> Iterator[Drift]:
        for each in objects:
            change, existing = self._store.changes.find(each.key), each.existing
            if change is None:
                continue
            before = change.before.manifest
            fields = each.render.changes(before, existing) if existing is not None else ()
            if each.missing and (fields or existing is None):
                self._store.changes.show(each.key, change)
                yield Drift(
                    kind=each.key.kind.kind,
                    name=each.key.name,
                    fields=tuple(map(path, fields)),
                    changed_by=change.changed_by,
                    version=change.version,
                )
            else:
                self._store.changes.settle(each.key)
