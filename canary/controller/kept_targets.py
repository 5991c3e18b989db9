"""Targets that are kept: held and let go, with the canary beside them.

Of a target nothing is written but that it is paused. It is resumed only for the template that was
seen to be promoted, and held again at once when that has changed.
"""

from canary.api.kinds import Manifest, ObjectKey
from canary.cluster.cluster import Cluster
from canary.controller.canaries import CanaryRecord
from canary.controller.kept_sides import holding, runs_template
from canary.controller.records import WorkloadRecord, metadata_of
from canary.controller.store import Store
from canary.controller.wanted import Renderer
from canary.controller.writer import Writer
from canary.objects.ownership import ours_or_ownerless
from canary.resources.revision import Hashing
from canary.targets import Promotion


class KeptTargets:
    """Holds targets while nothing is promoted, and makes the canaries beside them."""

    def __init__(
        self,
        *,
        cluster: Cluster,
        store: Store,
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

    async def ensure_primary(self, record: CanaryRecord, revision: str) -> bool:
        """Have the target's pods run a revision, if its template is that; tell whether it was written.

        Before anything is promoted it is only held: what its user has paused is not rolled out.

        Raises:
            ClusterError: it could not be read or written.
        """
        target = self._store.written(record)
        if target is None:
            return False
        wanted = holding(target, wanted=self._is_at(target, revision))
        if not wanted and not record.status.last_promoted_spec:
            return False
        return await self._hold(record, target, wanted=wanted)

    async def resume(self, record: CanaryRecord) -> bool:
        """Leave a target to its own controller, unless that would roll something out.

        Raises:
            ClusterError: it could not be read or written.
        """
        target = self._store.written(record)
        if target is None or not runs_template(target):
            return False
        return await self._hold(record, target, wanted=False)

    async def ensure_canary(self, record: CanaryRecord, revision: str) -> bool:
        """Make the canary, or give it the target's template, if that is a revision; tell whether it was.

        Raises:
            ClusterError: something could not be read or written.
        """
        target, beside = self._store.written(record), self._store.beside(record)
        if target is None or not self._is_at(target, revision):
            return False
        if beside is not None and (
            beside.revision == revision
            or beside.leaving
            or not ours_or_ownerless(record.canary, beside.owners)
        ):
            return False
        source = await self._read(record, target.name)
        if not self._is_as_seen(record, target, source):
            return False
        existing = await self._read(record, beside.name) if beside is not None else None
        assert record.workload is not None
        promotion = Promotion(
            revision=revision,
            selector_label=self._renderer.label(source),
            configs={},
            replicas=0 if existing is None else None,
            existing=existing,
            include_label_prefixes=self._label_prefixes,
        )
        rendered = record.workload.canary(record.canary, source, promotion)
        assert rendered is not None
        await self._writer.write(rendered, existing)
        return True

    async def _hold(self, record: CanaryRecord, target: WorkloadRecord, *, wanted: bool) -> bool:
        assert record.workload is not None
        patch = record.workload.held(now=target.paused, wanted=wanted)
        if patch is None:
            return False
        version = None
        if not wanted:
            # It rolls out what it holds by then, which must be the very template that was seen.
            found = await self._read(record, target.name)
            if not self._is_as_seen(record, target, found):
                return False
            version = metadata_of(found)["resourceVersion"]
        await self._writer.patch(_key(record, target.name), patch, resource_version=version)
        return True

    def _is_at(self, target: WorkloadRecord, revision: str) -> bool:
        return self._hashing.revision_of(target.template, {}, (revision,)) == revision

    def _is_as_seen(self, record: CanaryRecord, target: WorkloadRecord, found: Manifest) -> bool:
        """Tell whether a target has the template that it was seen with; otherwise its event is coming."""
        assert record.workload is not None
        digest = self._hashing.template_digest(record.workload.written(found))
        return digest == target.template

    async def _read(self, record: CanaryRecord, name: str) -> Manifest:
        key = _key(record, name)
        return await self._cluster.read(key.kind, key.namespace, key.name)


def _key(record: CanaryRecord, name: str) -> ObjectKey:
    assert record.target_kind is not None
    return ObjectKey(kind=record.target_kind, namespace=record.key.namespace, name=name)
