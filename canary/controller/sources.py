"""Where a primary is made from: the target at a revision, as it is or as its history still has it."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from canary.api.kinds import Manifest
from canary.cluster.cluster import Cluster
from canary.controller.canaries import CanaryRecord
from canary.controller.configs import ConfigReader
from canary.controller.memo import Memo
from canary.controller.records import WorkloadRecord, metadata_of, pack_workload
from canary.objects.packing import unpacked
from canary.resources.configs import ConfigReference, references
from canary.resources.revision import Hashing

_MOST_KEPT = 64
"""Targets of which the former templates are known; they are needed only where a primary is gone."""
_MOST_WRITTEN = 256
"""Targets that are remembered as they were written; any other is read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A target at a revision."""

    manifest: Manifest
    """The workload, with the pod template of the revision."""
    references: tuple[ConfigReference, ...]
    configs: Mapping[str, str]
    """Checksums of the tracked configs, by kind/name."""


@dataclass(frozen=True, slots=True)
class _Former:
    digest: str
    references: tuple[ConfigReference, ...]


class Sources:
    """Finds what primaries are made from."""

    def __init__(self, *, cluster: Cluster, configs: ConfigReader, hashing: Hashing) -> None:
        self._cluster = cluster
        self._configs = configs
        self._hashing = hashing
        self._formers: Memo[tuple[_Former, ...]] = Memo(_MOST_KEPT)
        self._written: Memo[bytes] = Memo(_MOST_WRITTEN)

    def remember(self, manifest: Manifest) -> None:
        """Remember a target as a write of ours has left it, as long as its generation stays."""
        metadata = metadata_of(manifest)
        inputs = (metadata.get("generation"),)
        self._written.keep(metadata["uid"], inputs, pack_workload(manifest))

    async def find(
        self, record: CanaryRecord, target: WorkloadRecord, wanted: str, *, former: bool
    ) -> Source | None:
        """Find the target at a revision; where `former`, in the past as well.

        None where it is not there, or where it changes just now: its event is on the way.
        """
        namespace = record.key.namespace
        configs = await self._configs_at(namespace, target.template, target.references, wanted)
        if configs is not None:
            manifest, template = await self._read(record, target)
            if self._digest(template) != target.template:
                return None
            return _source(manifest, template, target.references, configs)
        for each in await self._formers_of(record, target) if former else ():
            configs = await self._configs_at(namespace, each.digest, each.references, wanted)
            if configs is not None:
                return await self._former_source(record, target, each, configs)
        return None

    async def _configs_at(
        self, namespace: str, digest: str, references: tuple[ConfigReference, ...], wanted: str
    ) -> Mapping[str, str] | None:
        """Give the checksums of a template's configs, where it is at the revision with them."""
        configs, missing = await self._configs.checksums(namespace, references)
        if missing or self._hashing.revision_of(digest, configs, [wanted]) != wanted:
            return None
        return configs

    async def _read(
        self, record: CanaryRecord, target: WorkloadRecord
    ) -> tuple[Manifest, Manifest]:
        """Read the target, and its pod template as its user wrote it."""
        assert record.workload is not None
        written = self._written.recall(target.uid, (target.generation,))
        if written is not None:
            manifest = unpacked(written)
        else:
            manifest = await self._cluster.read(target.kind, record.key.namespace, target.name)
        return manifest, record.workload.written(manifest)

    async def _formers_of(
        self, record: CanaryRecord, target: WorkloadRecord
    ) -> tuple[_Former, ...]:
        inputs = (target.rollout, target.template)
        known = self._formers.recall(target.uid, inputs)
        if known is None:
            known = tuple(
                [
                    _Former(self._digest(template), references(template))
                    async for template in self._templates(record, target)
                ]
            )
            self._formers.keep(target.uid, inputs, known)
        return known

    async def _former_source(
        self,
        record: CanaryRecord,
        target: WorkloadRecord,
        former: _Former,
        configs: Mapping[str, str],
    ) -> Source | None:
        async for template in self._templates(record, target):
            if self._digest(template) == former.digest:
                manifest, _ = await self._read(record, target)
                return _source(manifest, template, former.references, configs)
        return None

    async def _templates(
        self, record: CanaryRecord, target: WorkloadRecord
    ) -> AsyncIterator[Manifest]:
        """Read the templates that the target has had, as its user wrote them."""
        assert record.workload is not None
        kind = record.workload.history
        if kind is None:
            return
        async for items, _ in self._cluster.pages(kind, record.key.namespace):
            for item in items:
                owners = metadata_of(item).get("ownerReferences") or ()
                if any(each.get("uid") == target.uid for each in owners):
                    yield record.workload.remembered(item)

    def _digest(self, template: Manifest) -> str:
        return self._hashing.template_digest(template)


def _source(
    manifest: Manifest,
    template: Manifest,
    references: tuple[ConfigReference, ...],
    configs: Mapping[str, str],
) -> Source:
    whole = manifest | {"spec": manifest["spec"] | {"template": template}}
    return Source(manifest=whole, references=references, configs=configs)
