"""Checksums of tracked ConfigMaps and Secrets, read only when their version has moved."""

from collections.abc import Iterable

from canary.api.kinds import CONFIG_MAP, SECRET, Kind, Manifest
from canary.cluster.cache import CacheSet
from canary.cluster.cluster import Cluster
from canary.controller.records import ConfigRecord
from canary.errors import Forbidden, NotFound
from canary.resources.configs import ConfigKind, ConfigReference, checksum, tracked
from canary.settings import Settings

KINDS = {"ConfigMap": CONFIG_MAP, "Secret": SECRET}


def followed_kinds(settings: Settings) -> frozenset[ConfigKind]:
    """Give the kinds of configs that are followed, and copied for primaries."""
    if not settings.config_tracking:
        return frozenset()
    kinds = frozenset(ConfigKind)
    return kinds if settings.secret_tracking else kinds - {ConfigKind.SECRET}


class ConfigReader:
    """Knows the checksum of each config that a target refers to, and no value of it."""

    def __init__(
        self, cluster: Cluster, caches: CacheSet, *, followed: frozenset[ConfigKind]
    ) -> None:
        self._cluster = cluster
        self._caches = caches
        self._followed = followed
        self._checksums: dict[tuple[Kind, str, str], tuple[str, str | None]] = {}

    async def checksums(
        self, namespace: str, references: Iterable[ConfigReference]
    ) -> tuple[dict[str, str], str]:
        """Give the checksums by kind/name, and what is missing, as a sentence."""
        found: dict[str, str] = {}
        for reference in references:
            if reference.kind not in self._followed:
                continue
            kind = KINDS[reference.kind]
            record = self._caches.get(kind, namespace, reference.name)
            if not isinstance(record, ConfigRecord):
                if reference.optional:
                    continue
                return found, f"{reference.kind} {namespace}/{reference.name} does not exist"
            try:
                value = await self._checksum(kind, namespace, reference.name, record)
            except NotFound:
                continue
            except Forbidden as error:
                return found, str(error)
            if value is not None:
                found[f"{reference.kind.lower()}/{reference.name}"] = value
        return found, ""

    async def read(self, namespace: str, reference: ConfigReference) -> Manifest | None:
        """Read a tracked config whole, to copy it; None where it is not tracked."""
        if reference.kind not in self._followed:
            return None
        try:
            manifest = await self._cluster.read(KINDS[reference.kind], namespace, reference.name)
        except NotFound:
            return None
        return manifest if tracked(manifest) else None

    def forget(self, kind: Kind, namespace: str, name: str) -> None:
        """Drop what is known of a config that is gone, or that nothing refers to."""
        self._checksums.pop((kind, namespace, name), None)

    async def _checksum(
        self, kind: Kind, namespace: str, name: str, record: ConfigRecord
    ) -> str | None:
        key = (kind, namespace, name)
        known = self._checksums.get(key)
        if known is None or known[0] != record.resource_version:
            manifest = await self._cluster.read(kind, namespace, name)
            value = checksum(manifest) if tracked(manifest) else None
            known = (record.resource_version, value)
            self._checksums[key] = known
        return known[1]
