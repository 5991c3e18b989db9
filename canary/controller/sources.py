"""Where a primary is made from: the target at a revision, as it is or as a ReplicaSet still has it."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from canary.api.kinds import DEPLOYMENT, REPLICA_SET, Manifest
from canary.cluster.cluster import Cluster
from canary.controller.configs import ConfigReader
from canary.controller.memo import Memo
from canary.controller.records import TEMPLATE_HASH, DeploymentRecord, metadata_of
from canary.resources.configs import ConfigReference, references
from canary.resources.revision import Hashing

_MOST_KEPT = 64
"""Targets of which the former templates are known; they are needed only where a primary is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A target at a revision."""

    manifest: Manifest
    """The Deployment, with the pod template of the revision."""
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

    async def find(
        self, namespace: str, target: DeploymentRecord, wanted: str, *, former: bool
    ) -> Source | None:
        """Find the target at a revision; where `former`, in the past as well.

        None where it is not there, or where it changes just now: its event is on the way.
        """
        configs = await self._configs_at(namespace, target.template, target.references, wanted)
        if configs is not None:
            manifest = await self._cluster.read(DEPLOYMENT, namespace, target.name)
            if self._digest(manifest["spec"]["template"]) != target.template:
                return None
            return Source(manifest=manifest, references=target.references, configs=configs)
        for each in await self._formers_of(namespace, target) if former else ():
            configs = await self._configs_at(namespace, each.digest, each.references, wanted)
            if configs is not None:
                return await self._former_source(namespace, target, each, configs)
        return None

    async def _configs_at(
        self, namespace: str, digest: str, references: tuple[ConfigReference, ...], wanted: str
    ) -> Mapping[str, str] | None:
        """Give the checksums of a template's configs, where it is at the revision with them."""
        configs, missing = await self._configs.checksums(namespace, references)
        if missing or self._hashing.revision_of(digest, configs, [wanted]) != wanted:
            return None
        return configs

    async def _formers_of(self, namespace: str, target: DeploymentRecord) -> tuple[_Former, ...]:
        inputs = (target.rollout, target.template)
        known = self._formers.recall(target.uid, inputs)
        if known is None:
            known = tuple(
                [
                    _Former(self._digest(template), references(template))
                    async for template in self._templates(namespace, target)
                ]
            )
            self._formers.keep(target.uid, inputs, known)
        return known

    async def _former_source(
        self, namespace: str, target: DeploymentRecord, former: _Former, configs: Mapping[str, str]
    ) -> Source | None:
        async for template in self._templates(namespace, target):
            if self._digest(template) == former.digest:
                manifest = await self._cluster.read(DEPLOYMENT, namespace, target.name)
                manifest["spec"]["template"] = template
                return Source(manifest=manifest, references=former.references, configs=configs)
        return None

    async def _templates(self, namespace: str, target: DeploymentRecord) -> AsyncIterator[Manifest]:
        """Read the templates that the target has had, without what a ReplicaSet adds to them."""
        async for items, _ in self._cluster.pages(REPLICA_SET, namespace):
            for item in items:
                owners = metadata_of(item).get("ownerReferences") or ()
                if any(each.get("uid") == target.uid for each in owners):
                    template: Manifest = item["spec"]["template"]
                    template["metadata"]["labels"].pop(TEMPLATE_HASH, None)
                    yield template

    def _digest(self, template: Manifest) -> str:
        return self._hashing.template_digest(template)
