"""Primaries: brought to a revision from where the target has it, and owned by their Canary."""

from canary.api.kinds import Manifest, ObjectKey
from canary.cluster.cache import CacheSet
from canary.cluster.cluster import Cluster
from canary.controller.canaries import CanaryRecord
from canary.controller.configs import ConfigReader
from canary.controller.copies import Copies
from canary.controller.records import WorkloadRecord
from canary.controller.sources import Source, Sources
from canary.controller.store import Store
from canary.controller.wanted import Renderer
from canary.controller.writer import Writer
from canary.core.actions import EnsurePrimary
from canary.objects.ownership import (
    left_behind,
    ours,
    ours_or_ownerless,
    own_metadata,
    ownerless,
)
from canary.objects.packing import unpacked
from canary.resources.names import NO_LABEL
from canary.resources.revision import Hashing
from canary.targets import Promotion


class Primaries:
    """Makes primaries, and keeps what they need."""

    def __init__(
        self,
        *,
        cluster: Cluster,
        caches: CacheSet,
        store: Store,
        configs: ConfigReader,
        renderer: Renderer,
        writer: Writer,
        label_prefixes: tuple[str, ...],
        hashing: Hashing,
    ) -> None:
        self._cluster = cluster
        self._store = store
        self._renderer = renderer
        self._writer = writer
        self._label_prefixes = label_prefixes
        self._hashing = hashing
        self._copies = Copies(
            cluster=cluster,
            caches=caches,
            configs=configs,
            writer=writer,
            label_prefixes=label_prefixes,
        )
        self._sources = Sources(cluster=cluster, configs=configs, hashing=hashing)

    async def ensure(
        self, record: CanaryRecord, target: WorkloadRecord | None, action: EnsurePrimary
    ) -> bool:
        """Bring the primary to a revision, from the target, if it is at that very revision.

        A primary that is gone is made of what the target was, too. Tell whether anything was
        written.

        Raises:
            ClusterError: something could not be read or written.
        """
        current = self._current(record)
        if target is not None and target.divided is not None:
            # The pods that its partition sets free are the primary's.
            return False
        if target is None or (
            current is not None and not ours_or_ownerless(record.canary, current.owners)
        ):
            return False
        if current is not None and current.leaving:
            # Its place is free when it is gone.
            return False
        if current is not None and not current.belongs_to(record.uid):
            if ownerless(current.owners) and self._store.changes.loss_unseen(_key(record)):
                # It has lost its owner since this was decided, and that has woken the Canary.
                return False
            return await self._take_ownership(record)
        wanted = action.revision
        at_revision = current is not None and current.revision == wanted
        if current is not None and at_revision and action.template in {"", current.template}:
            promoted = record.status.last_applied_spec == wanted
            return await self._copies.tend(record.canary, current, target, promoted=promoted)
        source = await self._sources.find(
            record, target, wanted, former=current is None or at_revision
        )
        if source is None or not await self._make(record, action, source):
            return False
        if current is None:
            # Where an autoscaler has the say, it begins from what serves, and not from one.
            await self.scale(record, action.replicas)
        return True

    def remember_target(self, manifest: Manifest) -> None:
        """Remember a target that was written at the start of a run: its promotion needs no read.

        Its labels change without its generation, so it is read where some of them are copied.
        """
        if not self._label_prefixes:
            self._sources.remember(manifest)

    async def scale(self, record: CanaryRecord, replicas: int) -> bool:
        """Give a primary that is ours so many replicas; tell whether anything was written.

        Raises:
            ClusterError: it could not be written.
        """
        current = self._current(record)
        if current is None or not ours_or_ownerless(record.canary, current.owners):
            return False
        assert record.workload is not None
        patch = record.workload.scaled(current.replicas, replicas)
        if patch is None:
            return False
        await self._writer.patch(_key(record), patch)
        return True

    async def leave_behind(self, record: CanaryRecord) -> bool:
        """Have a primary and its configs stay when their Canary goes; tell whether that was written.

        Raises:
            ClusterError: something could not be read or written.
        """
        changed = await self._copies.leave_behind(record.canary)
        current, key = self._current(record), _key(record)
        if current is None or not ours(record.canary, current.owners):
            return changed
        found = await self._cluster.read(key.kind, key.namespace, key.name)
        owners = left_behind(record.canary, key, found).mended(found)["metadata"]
        await self._writer.change_owners(key, found, owners.get("ownerReferences") or [])
        return True

    async def _make(self, record: CanaryRecord, action: EnsurePrimary, source: Source) -> bool:
        """Write a primary from its source; tell whether that could be done now."""
        assert record.workload is not None
        key, spec = _key(record), record.canary.spec
        configs = await self._copies.make(record.canary, source)
        if configs is None:
            return False
        existing, current = None, self._current(record)
        if record.workload.holds_primary:
            existing = source.manifest
        elif current is not None and current.whole:
            existing = unpacked(current.whole)
        elif current is not None:
            existing = await self._cluster.read(key.kind, key.namespace, key.name)
        serves = record.workload.serves
        promotion = Promotion(
            revision=action.revision,
            selector_label=NO_LABEL if serves else self._renderer.label(source.manifest),
            configs=configs,
            replicas=None if spec.autoscaler_ref else action.replicas,
            existing=existing,
            include_label_prefixes=self._label_prefixes,
        )
        rendered = record.workload.promoted(record.canary, source.manifest, promotion)
        if rendered is None:
            return False
        written = await self._writer.write(rendered, existing)
        digest = self._hashing.template_digest(record.workload.written(written))
        self._store.templates.keep(written["metadata"]["uid"], (), digest)
        return True

    async def _take_ownership(self, record: CanaryRecord) -> bool:
        """Own a primary that goes with an earlier Canary of the same name, unless it has gone."""
        key = _key(record)
        found = await self._cluster.read(key.kind, key.namespace, key.name)
        owners = own_metadata(record.canary, key.name, existing=found)["ownerReferences"]
        await self._writer.change_owners(key, found, owners)
        self._store.changes.own_again(key)
        return True

    def _current(self, record: CanaryRecord) -> WorkloadRecord | None:
        return self._store.primary(record)


def _key(record: CanaryRecord) -> ObjectKey:
    assert record.target_kind is not None
    name = record.canary.spec.primary_name
    return ObjectKey(kind=record.target_kind, namespace=record.key.namespace, name=name)
