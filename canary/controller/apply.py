"""Applying: making the actions of a decision true. Only what differs is written.

How an object is written belongs to `writer.py`, how a primary is made to `primaries.py`.
Long because each action is made true here, by whichever part does it.
"""

from collections.abc import Iterable

from canary.api.annotations import PREFIX
from canary.api.kinds import Manifest, ObjectKey
from canary.api.meta import PEER_GROUP
from canary.api.patches import difference
from canary.api.peer import write_peer_status
from canary.api.status import CanaryStatus, write_status
from canary.cluster.cache import CacheSet
from canary.cluster.cluster import Cluster
from canary.controller.baselines import Baselines
from canary.controller.budgets import Budgets
from canary.controller.canaries import FINALIZER, AnyCanary, BrokenCanary, CanaryRecord, canary_kind
from canary.controller.configs import ConfigReader
from canary.controller.kept_targets import KeptTargets
from canary.controller.memo import Memo
from canary.controller.primaries import Primaries
from canary.controller.reading import CanaryReader
from canary.controller.records import WorkloadRecord, pack
from canary.controller.rendering import Wanted
from canary.controller.store import Store
from canary.controller.strays import Strays
from canary.controller.wanted import Renderer
from canary.controller.writer import Writer
from canary.core.actions import (
    Action,
    ClearCommands,
    EnsureAutoscaler,
    EnsureBaseline,
    EnsureBudgets,
    EnsureCanary,
    EnsurePrimary,
    EnsureServices,
    GiveBack,
    HoldFinalizer,
    LeaveBehind,
    PauseAutoscaler,
    RemoveAutoscaler,
    RemoveBaseline,
    ReplaceStrays,
    RestoreRoutes,
    ResumeTarget,
    RouteFormer,
    RouteTraffic,
    ScalePrimary,
    ScaleTarget,
)
from canary.objects.packing import packed
from canary.resources.revision import Hashing
from canary.scalers import Scaler

Rendered = EnsureServices | EnsureAutoscaler | RouteTraffic
"""What is made true by objects that are rendered from what the caches hold."""
SideAction = EnsurePrimary | EnsureCanary | EnsureBaseline | RemoveBaseline | ResumeTarget
"""What is made true of a workload that pods of a side belong to."""


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
        budgets: Budgets,
        reader: CanaryReader,
        label_prefixes: tuple[str, ...],
        hashing: Hashing,
    ) -> None:
        self._store = store
        self._renderer = renderer
        self._budgets = budgets
        self._reader = reader
        self._as_wanted: Memo[bool] = Memo()
        """What was found to be as it must be, with what that was judged by."""
        self._made: Memo[bool] = Memo()
        """What writes have made of objects, with what was written, where the two still differ."""
        self._writer = Writer(cluster=cluster, caches=caches)
        self._baselines = Baselines(
            cluster=cluster, store=store, renderer=renderer, writer=self._writer
        )
        self._strays = Strays(cluster=cluster, store=store, writer=self._writer)
        self._kept = KeptTargets(
            cluster=cluster,
            store=store,
            renderer=renderer,
            writer=self._writer,
            label_prefixes=label_prefixes,
            hashing=hashing,
        )
        self._primaries = Primaries(
            cluster=cluster,
            caches=caches,
            store=store,
            configs=configs,
            renderer=renderer,
            writer=self._writer,
            label_prefixes=label_prefixes,
            hashing=hashing,
        )

    async def write_status(self, record: AnyCanary, status: CanaryStatus) -> AnyCanary:
        """Write what differs of a status, on the version of the object it was decided on.

        Raises:
            Conflict: the object has changed since.
        """
        if status == record.status:
            return record
        write = write_peer_status if record.key.group == PEER_GROUP else write_status
        document = write(status, before=record.status)
        patch = {"status": difference(document, record.stored_status)}
        return await self._patch_canary(record, patch, subresource="status")

    async def apply(self, record: AnyCanary, actions: Iterable[Action]) -> bool:
        """Make actions true, in their order; tell whether anything had to be written.

        Raises:
            ClusterError: something could not be written; what came before it is.
        """
        changed = False
        for action in actions:
            written, record = await self._apply(record, action)
            changed |= written
        return changed

    async def _apply(self, record: AnyCanary, action: Action) -> tuple[bool, AnyCanary]:
        if isinstance(action, HoldFinalizer):
            return await self._hold_finalizer(record, present=action.present)
        if isinstance(record, BrokenCanary):
            # Without a target there is nothing to act on.
            return False, record
        match action:
            case ClearCommands(verbs=verbs):
                annotations = {f"{PREFIX}{verb}": None for verb in verbs}
                patch = {"metadata": {"annotations": annotations}}
                return True, await self._patch_canary(record, patch)
            case (
                EnsurePrimary()
                | EnsureCanary()
                | EnsureBaseline()
                | RemoveBaseline()
                | ResumeTarget()
            ):
                return await self._ensure_side(record, action), record
            case EnsureServices() | RouteTraffic() | EnsureAutoscaler():
                return await self._ensure_once(record, action), record
            case PauseAutoscaler() | RemoveAutoscaler():
                return await self._change_autoscaler(record, action), record
            case RestoreRoutes() | GiveBack() | RouteFormer() | EnsureBudgets() | LeaveBehind():
                return await self._write_and_remove(record, action), record
            case ScaleTarget() | ScalePrimary() | ReplaceStrays():
                return await self._change_pods(record, action), record

    async def _ensure_side(self, record: CanaryRecord, action: SideAction) -> bool:
        match action:
            case EnsurePrimary(revision=revision) if record.keeps:
                return await self._kept.ensure_primary(record, revision)
            case EnsurePrimary():
                return await self._primaries.ensure(record, self._target(record), action)
            case EnsureCanary(revision=revision):
                return await self._kept.ensure_canary(record, revision)
            case EnsureBaseline() | RemoveBaseline():
                return await self._baselines.settle(record, action)
            case ResumeTarget():
                return await self._kept.resume(record)

    async def _ensure_once(self, record: CanaryRecord, action: Rendered) -> bool:
        """Write what differs; nothing is rendered again where nothing has changed since."""
        place = (record.key, type(action))
        inputs = (action, *self._behind(record, action))
        if self._as_wanted.recall(place, inputs):
            return False
        wanted = [each for each in self._wanted(record, action) if each.place not in action.left]
        if any(self._store.changes.unseen(each.key) for each in wanted):
            # It was changed since this was decided, and the change has woken the Canary.
            return False
        written = await self._ensure(wanted)
        if not written:
            self._as_wanted.keep(place, inputs, True)
            return False
        # What admission makes of a write may differ from it still: to write the same once more
        # would change nothing.
        made = {key for key, each in written if self._store.content(key) == pack(each).content}
        missing = [each for each in self._wanted(record, action) if each.missing]
        for each in missing:
            if each.key in made:
                self._made.keep(each.key, self._attempt(each), True)
        if not missing:
            self._as_wanted.keep(place, (action, *self._behind(record, action)), True)
        return True

    def _is_made(self, wanted: Wanted) -> bool:
        """Tell whether a write would make no more of an object than the last one has."""
        if wanted.key not in self._made or self._store.losses.due(wanted.key):
            return False
        return bool(self._made.recall(wanted.key, self._attempt(wanted)))

    def _attempt(self, wanted: Wanted) -> tuple[object, ...]:
        return packed(wanted.render.mended(wanted.existing)), self._store.content(wanted.key)

    def _behind(self, record: CanaryRecord, action: Rendered) -> tuple[object, ...]:
        match action:
            case EnsureServices():
                return self._renderer.behind_services(record, self._target(record), action.apex)
            case EnsureAutoscaler():
                return self._renderer.behind_autoscaler(record)
            case RouteTraffic():
                return self._renderer.behind_route(record)

    def _wanted(self, record: CanaryRecord, action: Rendered) -> list[Wanted]:
        match action:
            case EnsureServices():
                target, shared = self._target(record), action.shared
                return self._renderer.services(record, target, action.apex, shared=shared)
            case EnsureAutoscaler():
                return self._renderer.autoscaler(record, action.minimum)
            case RouteTraffic():
                return self._renderer.route(record, action.traffic)

    async def _ensure(self, objects: Iterable[Wanted]) -> list[tuple[ObjectKey, Manifest]]:
        """Write the objects that differ, and give what the API server has made of them.

        Each is written whole, on the version it was rendered from: a replica that was frozen with
        the write in hand cannot undo what another has written since, and an object that another
        has just created is not overwritten.
        """
        written = []
        for each in objects:
            if not each.missing:
                self._store.losses.forget(each.key)
            elif not self._is_made(each):
                owner = each.of.owner if each.of is not None else None
                came_back = await self._writer.write(each.render, each.existing, owner=owner)
                written.append((each.key, came_back))
                self._store.changes.settle(each.key)
                self._store.losses.note(each.render, came_back)
        return written

    async def _pause_autoscaler(
        self, scaler: Scaler | None, keys: tuple[ObjectKey, ...], replicas: int | None
    ) -> bool:
        """Have the target's autoscaler, the first of the keys, leave the target alone, or not."""
        found = self._store.manifest(keys[0]) if keys else None
        if scaler is None or found is None:
            return False
        patch = scaler.paused(found, replicas=replicas)
        if patch is None:
            return False
        await self._writer.patch(keys[0], patch)
        return True

    async def _change_autoscaler(
        self, record: CanaryRecord, action: PauseAutoscaler | RemoveAutoscaler
    ) -> bool:
        """Pause the target's autoscaler or not; or remove the copy of a former one."""
        if isinstance(action, PauseAutoscaler):
            return await self._pause_autoscaler(record.scaler, record.autoscalers, action.replicas)
        key = self._renderer.copied_autoscaler(record)
        if key is None:
            return False
        await self._pause_autoscaler(record.copied_scaler, record.copied_autoscalers, None)
        await self._writer.delete(key)
        return True

    async def _write_and_remove(
        self,
        record: CanaryRecord,
        action: RestoreRoutes | GiveBack | RouteFormer | EnsureBudgets | LeaveBehind,
    ) -> bool:
        writes: Iterable[Wanted]
        gone: tuple[ObjectKey, ...] = ()
        beside = False
        match action:
            case EnsureBudgets(left=left):
                found = self._budgets.find(record)
                writes = [each for each in found.wanted if each.place not in left]
                gone = found.gone
                if any(self._store.changes.unseen(each.key) for each in writes):
                    return False
            case RouteFormer():
                writes = self._renderer.former_route(record, action)
            case GiveBack():
                writes, gone = self._renderer.give_back(record, action)
            case RestoreRoutes(alone=alone):
                writes, gone = self._renderer.restoration(record, alone=alone)
            case LeaveBehind():
                budgets = (each.key for each in self._budgets.find(record).wanted)
                writes = self._renderer.left_behind(record, budgets)
                beside = await self._primaries.leave_behind(record)
        written = await self._ensure(writes)
        for key in gone:
            await self._writer.delete(key)
            self._store.losses.forget(key)
        return bool(written or gone or beside)

    async def _hold_finalizer(self, record: AnyCanary, *, present: bool) -> tuple[bool, AnyCanary]:
        if (FINALIZER in record.finalizers) == present:
            return False, record
        others = [each for each in record.finalizers if each != FINALIZER]
        finalizers = [*others, FINALIZER] if present else others
        patch = {"metadata": {"finalizers": finalizers}}
        return True, await self._patch_canary(record, patch)

    async def _patch_canary(
        self, record: AnyCanary, patch: Manifest, subresource: str | None = None
    ) -> AnyCanary:
        kind, namespace, name = canary_kind(record.key.group), record.key.namespace, record.key.name
        written = await self._writer.patch(
            ObjectKey(kind=kind, namespace=namespace, name=name),
            patch,
            resource_version=record.resource_version,
            subresource=subresource,
        )
        found = self._reader.read(written)
        if isinstance(found, BrokenCanary) or isinstance(record, BrokenCanary):
            return found
        same = found.generation == record.generation and not found.problems
        return found.with_names_of(record) if record.problems and same else found

    async def _change_pods(
        self, record: CanaryRecord, action: ScaleTarget | ScalePrimary | ReplaceStrays
    ) -> bool:
        if isinstance(action, ScalePrimary):
            return await self._primaries.scale(record, action.replicas)
        target = self._target(record)
        if target is None or record.workload is None:
            return False
        if record.keeps and self._store.beside(record) is None:
            # It is made with none, and its event comes.
            return False
        if isinstance(action, ReplaceStrays):
            return await self._strays.replace(record.workload, target, record.key.namespace)
        patch = record.workload.scaled(target.replicas, action.replicas)
        if patch is None:
            return False
        key = ObjectKey(kind=target.kind, namespace=record.key.namespace, name=target.name)
        written = await self._writer.patch(key, patch)
        if action.replicas:
            self._primaries.remember_target(written)
        return True

    def _target(self, record: CanaryRecord) -> WorkloadRecord | None:
        return self._store.target(record)
