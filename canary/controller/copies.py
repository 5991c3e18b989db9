"""The primary's copies of ConfigMaps and Secrets: made, restored, and removed when unused.

A copy is named by its Canary and its content, and is immutable: what a pod of the primary was
started with stays what it was. Copies of earlier releases (`<config>-primary`) stay in use until
the next promotion.
"""

from collections.abc import Iterator, Mapping

from canary.api.canary import Canary
from canary.api.kinds import Kind, ObjectKey
from canary.cluster.cache import CacheSet
from canary.cluster.cluster import Cluster
from canary.controller.configs import KINDS, ConfigReader
from canary.controller.records import ConfigRecord, WorkloadRecord
from canary.controller.sources import Source
from canary.controller.writer import Writer
from canary.errors import NameTaken
from canary.objects.ownership import ours, own_metadata, ownerless, refers_to_canary
from canary.resources.configs import ConfigReference, checksum, config_copy, copy_name
from canary.resources.names import primary_name


class Copies:
    """Keeps the copies that primaries use."""

    def __init__(
        self,
        *,
        cluster: Cluster,
        caches: CacheSet,
        configs: ConfigReader,
        writer: Writer,
        label_prefixes: tuple[str, ...],
    ) -> None:
        self._cluster = cluster
        self._caches = caches
        self._configs = configs
        self._writer = writer
        self._label_prefixes = label_prefixes

    async def make(self, canary: Canary, source: Source) -> Mapping[str, str] | None:
        """Make the copies that a primary is to use, and name them by kind/name of their originals.

        None where an original changes just now: its event is on the way.

        Raises:
            NameTaken: another owner's object has the name of a copy.
            ClusterError: something could not be read or written.
        """
        names: dict[str, str] = {}
        for reference in source.references:
            content = source.configs.get(reference.key)
            if content is None:
                continue
            name = copy_name(canary.metadata.name, reference, content)
            if not await self._copy(canary, reference, content, name):
                return None
            names[reference.key] = name
        return names

    async def tend(
        self,
        canary: Canary,
        primary: WorkloadRecord,
        target: WorkloadRecord,
        *,
        promoted: bool,
    ) -> bool:
        """Restore the copies that a primary uses, and remove those that it uses no longer.

        `promoted` tells whether the target is at the primary's revision. Tell whether anything was
        written.
        """
        changed = False
        for used in primary.references:
            found = self._record(canary, KINDS[used.kind], used.name)
            if found is None:
                changed |= await self._restore(canary, used, target, promoted=promoted)
            elif ownerless(found.owners) or (
                found.copy_of and canary.metadata.name not in found.copy_of
            ):
                changed |= await self._own(canary, used)
        if primary.settled:
            for key in list(self._unused(canary, primary)):
                changed |= await self._remove(canary, key)
        return changed

    async def _copy(
        self, canary: Canary, original: ConfigReference, content: str, name: str
    ) -> bool:
        """Make a copy of a content; tell whether it is there."""
        kind, namespace = KINDS[original.kind], canary.metadata.namespace
        known = self._record(canary, kind, name)
        if known is not None:
            if ownerless(known.owners):
                return await self._own(canary, ConfigReference(kind=original.kind, name=name))
            if not ours(canary, known.owners):
                raise NameTaken(
                    f"{kind.kind} {namespace}/{name} exists already and belongs to "
                    f"{' and '.join(known.owners) or 'an unknown owner'}: rename or delete it"
                )
            return True
        found = await self._configs.read(namespace, original)
        if found is None or checksum(found) != content:
            return False
        copy = config_copy(
            canary, found, kind=kind, name=name, include_label_prefixes=self._label_prefixes
        )
        await self._writer.write(copy, None)
        return True

    async def _restore(
        self, canary: Canary, used: ConfigReference, target: WorkloadRecord, *, promoted: bool
    ) -> bool:
        """Make a copy again that was deleted, where its original still has the content."""
        configs, _ = await self._configs.checksums(canary.metadata.namespace, target.references)
        for original in target.references:
            content = configs.get(original.key)
            if content is None or original.kind is not used.kind:
                continue
            legacy = promoted and used.name == primary_name(original.name)
            if legacy or used.name == copy_name(canary.metadata.name, original, content):
                return await self._copy(canary, original, content, used.name)
        return False

    async def _own(self, canary: Canary, used: ConfigReference) -> bool:
        """Become an owner of a copy that is used here too, or that an earlier Canary has left."""
        key = ObjectKey(kind=KINDS[used.kind], namespace=canary.metadata.namespace, name=used.name)
        found = await self._cluster.read(key.kind, key.namespace, key.name)
        metadata = own_metadata(canary, key.name, existing=found, controller=False)
        await self._writer.change_owners(key, found, metadata["ownerReferences"])
        return True

    async def _disown(self, canary: Canary, key: ObjectKey) -> bool:
        """Own a copy no longer, be it that other Canaries use it or that it stays by itself."""
        found = await self._cluster.read(key.kind, key.namespace, key.name)
        references = [
            each
            for each in found["metadata"].get("ownerReferences") or ()
            if not (refers_to_canary(each) and each.get("name") == canary.metadata.name)
        ]
        await self._writer.change_owners(key, found, references)
        return True

    async def leave_behind(self, canary: Canary) -> bool:
        """Have copies stay when their Canary goes; tell whether anything was written."""
        keys = list(copies_of(self._caches, canary))
        for key in keys:
            await self._disown(canary, key)
        return bool(keys)

    def _unused(self, canary: Canary, primary: WorkloadRecord) -> Iterator[ObjectKey]:
        used = {(KINDS[each.kind], each.name) for each in primary.references}
        for key in copies_of(self._caches, canary):
            if (key.kind, key.name) not in used:
                yield key

    async def _remove(self, canary: Canary, key: ObjectKey) -> bool:
        record = self._record(canary, key.kind, key.name)
        if record is not None and len(record.copy_of) > 1:
            return await self._disown(canary, key)
        version = record.resource_version if record else None
        await self._writer.delete(key, resource_version=version)
        return True

    def _record(self, canary: Canary, kind: Kind, name: str) -> ConfigRecord | None:
        record = self._caches.get(kind, canary.metadata.namespace, name)
        return record if isinstance(record, ConfigRecord) else None


def copies_of(caches: CacheSet, canary: Canary) -> Iterator[ObjectKey]:
    """Name the copies that a Canary owns."""
    namespace = canary.metadata.namespace
    for kind in KINDS.values():
        for each in caches.owned(kind, namespace, canary.metadata.name):
            if isinstance(each, ConfigRecord):
                yield ObjectKey(kind=kind, namespace=namespace, name=each.name)
