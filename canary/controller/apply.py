"""Applying: making the actions of a decision true. Only what differs is written.

The one create-or-update of the project: every object that is rendered goes through `_write`.
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress

from canary.api.annotations import PREFIX
from canary.api.kinds import DEPLOYMENT, Manifest, ObjectKey
from canary.api.meta import PEER_GROUP
from canary.api.ownership import ours, own_metadata
from canary.api.peer import write_peer_status
from canary.api.status import CanaryStatus, write_status
from canary.controller.cache import CacheSet
from canary.controller.canaries import (
    FINALIZER,
    CanaryReader,
    CanaryRecord,
    canary_kind,
)
from canary.controller.cluster import Cluster
from canary.controller.configs import ConfigReader
from canary.controller.copies import Copies
from canary.controller.memo import Memo
from canary.controller.records import DeploymentRecord, pack, packed
from canary.controller.sources import Sources
from canary.controller.store import Store
from canary.controller.wanted import Renderer, Wanted
from canary.core.actions import (
    Action,
    ClearCommands,
    EnsureAutoscaler,
    EnsurePrimary,
    EnsureServices,
    GiveBack,
    HoldFinalizer,
    RemoveAutoscaler,
    RestoreRoutes,
    RouteTraffic,
    ScalePrimary,
    ScaleTarget,
)
from canary.errors import ClusterError, Conflict, NotFound
from canary.resources.primary import primary
from canary.resources.revision import Hashing

Rendered = EnsureServices | EnsureAutoscaler | RouteTraffic
"""What is made true by objects that are rendered from what the caches hold."""


class Applier:
    """Writes what a decision asks for, and nothing else."""

    def __init__(
        self,
        *,
        cluster: Cluster,
        caches: CacheSet,
        store: Store,
        configs: ConfigReader,
        renderer: Renderer,
        reader: CanaryReader,
        label_prefixes: tuple[str, ...],
        hashing: Hashing,
    ) -> None:
        self._cluster = cluster
        self._caches = caches
        self._store = store
        self._renderer = renderer
        self._reader = reader
        self._label_prefixes = label_prefixes
        self._as_wanted: Memo[bool] = Memo()
        """What was found to be as it must be, with what that was judged by."""
        self._made: Memo[bool] = Memo()
        """What writes have made of objects, with what was written, where the two still differ."""
        self._hashing = hashing
        self._copies = Copies(
            cluster=cluster, caches=caches, configs=configs, label_prefixes=label_prefixes
        )
        self._sources = Sources(cluster=cluster, configs=configs, hashing=hashing)

    async def write_status(self, record: CanaryRecord, status: CanaryStatus) -> CanaryRecord:
        """Write a status where it differs, on the version of the object it was decided on.

        Raises:
            Conflict: the object has changed since.
        """
        if status == record.status:
            return record
        write = write_peer_status if record.key.group == PEER_GROUP else write_status
        patch = {"status": write(status, before=record.status)}
        return await self._patch_canary(record, patch, subresource="status")

    async def apply(self, record: CanaryRecord, actions: Iterable[Action]) -> bool:
        """Make actions true, in their order; tell whether anything had to be written.

        Raises:
            ClusterError: something could not be written; what came before it is.
        """
        changed = False
        for action in actions:
            written, record = await self._apply(record, action)
            changed |= written
        return changed

    async def _apply(self, record: CanaryRecord, action: Action) -> tuple[bool, CanaryRecord]:
        match action:
            case HoldFinalizer(present=present):
                return await self._hold_finalizer(record, present=present)
            case ClearCommands(verbs=verbs):
                annotations = {f"{PREFIX}{verb}": None for verb in verbs}
                patch = {"metadata": {"annotations": annotations}}
                return True, await self._patch_canary(record, patch)
            case EnsurePrimary():
                return await self._ensure_primary(record, action), record
            case EnsureServices() | RouteTraffic() | EnsureAutoscaler():
                return await self._ensure_once(record, action), record
            case RemoveAutoscaler(name=name):
                return await self._remove_autoscaler(record, name), record
            case RestoreRoutes() | GiveBack():
                return await self._put_back(record, action), record
            case ScaleTarget(replicas=replicas):
                return await self._scale(self._names(record)[0], replicas), record
            case ScalePrimary(replicas=replicas):
                return await self._scale_primary(record, replicas), record

    async def _ensure_once(self, record: CanaryRecord, action: Rendered) -> bool:
        """Write what differs; nothing is rendered again where nothing has changed since."""
        place = (record.key, type(action))
        inputs = (action, *self._behind(record, action))
        if self._as_wanted.recall(place, inputs):
            return False
        written = await self._ensure(self._wanted(record, action))
        if not written:
            self._as_wanted.keep(place, inputs, True)
            return False
        # What admission makes of a write may differ from it still: to write the same once more
        # would change nothing.
        made = {key for key, each in written if self._store.content(key) == pack(each).content}
        for each in self._wanted(record, action):
            if each.missing and each.key in made:
                self._made.keep(each.key, self._attempt(each), True)
        return True

    def _attempt(self, wanted: Wanted) -> tuple[object, ...]:
        return packed(wanted.rendered), self._store.content(wanted.key)

    def _behind(self, record: CanaryRecord, action: Rendered) -> tuple[object, ...]:
        match action:
            case EnsureServices():
                return self._renderer.behind_services(record, self._target(record))
            case EnsureAutoscaler():
                return self._renderer.behind_autoscaler(record)
            case RouteTraffic():
                return self._renderer.behind_route(record)

    def _wanted(self, record: CanaryRecord, action: Rendered) -> list[Wanted]:
        match action:
            case EnsureServices():
                return self._renderer.services(record, self._target(record), action.apex)
            case EnsureAutoscaler():
                return self._renderer.autoscaler(record, action.minimum)
            case RouteTraffic():
                return self._renderer.route(record, action.split)

    async def _ensure(self, objects: Iterable[Wanted]) -> list[tuple[ObjectKey, Manifest]]:
        """Write the objects that differ, and give what the API server has made of them.

        Each is written whole, on the version it was rendered from: a replica that was frozen with
        the write in hand cannot undo what another has written since, and an object that somebody
        else has just created is not overwritten.
        """
        return [
            (each.key, await self._write(each))
            for each in objects
            if each.missing and not self._made.recall(each.key, self._attempt(each))
        ]

    async def _write(self, wanted: Wanted) -> Manifest:
        kind, rendered = wanted.key.kind, wanted.rendered
        if self._caches.absent(kind):
            raise NotFound(f"{kind.resource} is not installed in the cluster")
        async with self._current(wanted.key):
            if wanted.existing is None:
                written = await self._cluster.create(rendered, kind)
            else:
                version = wanted.existing["metadata"]["resourceVersion"]
                metadata = rendered["metadata"] | {"resourceVersion": version}
                written = await self._cluster.replace(rendered | {"metadata": metadata}, kind)
        self._caches.put(kind, written)
        return written

    async def _ensure_primary(self, record: CanaryRecord, action: EnsurePrimary) -> bool:
        """Bring the primary to a revision, from the target, if it is at that very revision.

        A primary that is gone is made of what the target was, too.
        """
        assert record.canary is not None
        spec, namespace, wanted = record.canary.spec, record.key.namespace, action.revision
        target = self._target(record)
        current = self._store.deployment(namespace, spec.primary_name)
        if target is None or (current is not None and not ours(record.canary, current.owners)):
            return False
        if current is not None and current.leaving:
            # Its place is free when it is gone.
            return False
        if current is not None and not current.belongs_to(record.uid):
            return await self._take_ownership(record)
        at_revision = current is not None and current.revision == wanted
        if current is not None and at_revision and action.template in {"", current.template}:
            return await self._copies.tend(
                record.canary,
                current,
                target,
                promoted=record.status.last_applied_spec == wanted,
            )
        source = await self._sources.find(
            namespace, target, wanted, former=current is None or at_revision
        )
        if source is None:
            return False
        configs = await self._copies.make(record.canary, source)
        if configs is None:
            return False
        existing = None
        if current is not None:
            existing = await self._cluster.read(DEPLOYMENT, namespace, spec.primary_name)
        rendered = primary(
            record.canary,
            source.manifest,
            revision=wanted,
            selector_label=self._renderer.label(source.manifest),
            configs=configs,
            replicas=None if spec.autoscaler_ref else action.replicas,
            existing=existing,
            include_label_prefixes=self._label_prefixes,
        )
        key = self._names(record)[1]
        written = await self._write(Wanted(key=key, rendered=rendered, existing=existing))
        digest = self._hashing.template_digest(written["spec"]["template"])
        self._store.templates.keep(written["metadata"]["uid"], (), digest)
        if current is None:
            # Where an autoscaler has the say, it begins from what serves, and not from one.
            await self._scale(key, action.replicas)
        return True

    async def _take_ownership(self, record: CanaryRecord) -> bool:
        """Own a primary that goes with an earlier Canary of the same name, unless it has gone."""
        assert record.canary is not None
        key = self._names(record)[1]
        found = await self._cluster.read(key.kind, key.namespace, key.name)
        owners = own_metadata(record.canary, key.name, existing=found)["ownerReferences"]
        async with self._current(key):
            written = await self._cluster.merge_patch(
                key.kind,
                key.namespace,
                key.name,
                {"metadata": {"ownerReferences": owners}},
                resource_version=found["metadata"]["resourceVersion"],
            )
        self._caches.put(key.kind, written)
        return True

    async def _remove_autoscaler(self, record: CanaryRecord, name: str) -> bool:
        key = self._renderer.copy_of_autoscaler(record, name)
        if key is None:
            return False
        await self._delete(key)
        self._caches.drop(key.kind, key.namespace, key.name)
        return True

    async def _put_back(self, record: CanaryRecord, action: RestoreRoutes | GiveBack) -> bool:
        if isinstance(action, GiveBack):
            writes, gone = self._renderer.give_back(record, action)
        else:
            writes, gone = self._renderer.restoration(record)
        written = await self._ensure(writes)
        for key in gone:
            await self._delete(key)
            self._caches.drop(key.kind, key.namespace, key.name)
        return bool(written or gone)

    async def _delete(self, key: ObjectKey) -> None:
        try:
            await self._cluster.delete(key.kind, key.namespace, key.name)
        except NotFound:
            return

    async def _scale_primary(self, record: CanaryRecord, replicas: int) -> bool:
        assert record.canary is not None
        key = self._names(record)[1]
        primary = self._store.deployment(key.namespace, key.name)
        if primary is None or not ours(record.canary, primary.owners):
            return False
        return await self._scale(key, replicas)

    async def _scale(self, key: ObjectKey, replicas: int) -> bool:
        deployment = self._store.deployment(key.namespace, key.name)
        if deployment is None or deployment.replicas == replicas:
            return False
        patch = {"spec": {"replicas": replicas}}
        written = await self._cluster.merge_patch(DEPLOYMENT, key.namespace, key.name, patch)
        self._caches.put(DEPLOYMENT, written)
        return True

    async def _hold_finalizer(
        self, record: CanaryRecord, *, present: bool
    ) -> tuple[bool, CanaryRecord]:
        if (FINALIZER in record.finalizers) == present:
            return False, record
        others = [each for each in record.finalizers if each != FINALIZER]
        finalizers = [*others, FINALIZER] if present else others
        patch = {"metadata": {"finalizers": finalizers}}
        return True, await self._patch_canary(record, patch)

    async def _patch_canary(
        self, record: CanaryRecord, patch: Manifest, subresource: str | None = None
    ) -> CanaryRecord:
        kind, namespace, name = canary_kind(record.key.group), record.key.namespace, record.key.name
        async with self._current(ObjectKey(kind=kind, namespace=namespace, name=name)):
            written = await self._cluster.merge_patch(
                kind,
                namespace,
                name,
                patch,
                subresource=subresource,
                resource_version=record.resource_version,
            )
        self._caches.put(kind, written)
        return self._reader.read(written)

    @asynccontextmanager
    async def _current(self, key: ObjectKey) -> AsyncIterator[None]:
        """Look at an object again where a write was made on a version that is out of date.

        Until its event comes, every attempt would be made on the same version, and meet the same
        conflict.
        """
        try:
            yield
        except Conflict:
            # The conflict is what is wrong; a failure to look must not hide it.
            with suppress(ClusterError):
                await self._caches.look_again(key)
            raise

    def _target(self, record: CanaryRecord) -> DeploymentRecord | None:
        key = self._names(record)[0]
        return self._store.deployment(key.namespace, key.name)

    def _names(self, record: CanaryRecord) -> tuple[ObjectKey, ObjectKey]:
        """Name the target and the primary."""
        assert record.canary is not None
        spec = record.canary.spec
        target, primary_key = (
            ObjectKey(kind=DEPLOYMENT, namespace=record.key.namespace, name=name)
            for name in (spec.target_ref.name, spec.primary_name)
        )
        return target, primary_key
