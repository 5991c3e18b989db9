"""Watch caches: what the controller knows of the cluster without asking.

Each kind in each namespace is followed by itself: a paged list, a diff that makes up for missed
deletions, a watch with bookmarks, and a list again when the server has forgotten where it was. An
error in one degrades only those who need it. What is kept of an object is up to its `trim`.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from canary.api.kinds import Kind, Manifest
from canary.controller.cluster import Cluster
from canary.errors import CanaryError, Gone

log = logging.getLogger(__name__)

ALL = ""
"""All namespaces."""

Trim = Callable[[Manifest], object | None]
OnChange = Callable[[Kind, str, str, object | None, object | None], None]
"""Called with kind, namespace, name, the record before and the record after."""

FIRST_BACKOFF_SECONDS = 0.5
LONGEST_BACKOFF_SECONDS = 30.0
ABSENT_KIND_SECONDS = 60.0
"""How often is looked again for a kind whose CRD is not installed."""


@dataclass(slots=True)
class Follower:
    """One kind in one namespace, or in all."""

    kind: Kind
    namespace: str
    trim: Trim
    metadata_only: bool
    records: dict[tuple[str, str], object] = field(default_factory=dict)
    versions: dict[tuple[str, str], int] = field(default_factory=dict)
    synced: asyncio.Event = field(default_factory=asyncio.Event)
    problem: str = ""
    task: asyncio.Task[None] | None = None


class CacheSet:
    """All that is followed."""

    def __init__(
        self, cluster: Cluster, *, on_change: OnChange, on_synced: Callable[[Kind], None]
    ) -> None:
        self._cluster = cluster
        self._on_change = on_change
        self._on_synced = on_synced
        self._trims: dict[Kind, tuple[Trim, bool]] = {}
        self._followers: dict[tuple[Kind, str], Follower] = {}

    def register(self, kind: Kind, trim: Trim, *, metadata_only: bool = False) -> None:
        """Tell what is kept of a kind; it is followed when it is first required."""
        self._trims[kind] = (trim, metadata_only)

    def require(self, kind: Kind, namespace: str = ALL) -> None:
        """Follow a kind from now on."""
        place = (kind, namespace)
        if place in self._followers:
            return
        trim, metadata_only = self._trims[kind]
        follower = Follower(kind, namespace, trim, metadata_only)
        self._followers[place] = follower
        follower.task = asyncio.create_task(self._follow(follower), name=f"follow {kind.resource}")

    def release(self, kind: Kind, namespace: str = ALL) -> None:
        """Stop following a kind, and drop what is known of it."""
        follower = self._followers.pop((kind, namespace), None)
        if follower is not None and follower.task is not None:
            follower.task.cancel()

    def synced(self, kind: Kind, namespace: str) -> bool:
        """Tell whether all that exists of a kind in a namespace is known."""
        followers = (self._followers.get(place) for place in ((kind, ALL), (kind, namespace)))
        return any(each is not None and each.synced.is_set() for each in followers)

    def problems(self, kinds: Iterable[Kind]) -> list[str]:
        """Tell why kinds are not known: not listed yet, or can't be followed now."""
        wanted = set(kinds)
        return [
            f"{follower.kind.resource}: {follower.problem or 'not listed yet'}"
            for follower in self._followers.values()
            if follower.kind in wanted and (follower.problem or not follower.synced.is_set())
        ]

    def served(self, kinds: Iterable[Kind]) -> Mapping[Kind, str]:
        """Give the versions in which kinds are served, of those that are."""
        served = self._cluster.served
        return {kind: served[kind] for kind in kinds if kind in served}

    def get(self, kind: Kind, namespace: str, name: str) -> object | None:
        """Look a record up."""
        for place in ((kind, ALL), (kind, namespace)):
            follower = self._followers.get(place)
            if follower is not None:
                return follower.records.get((namespace, name))
        return None

    def values(self, kind: Kind, namespace: str = ALL) -> Iterable[object]:
        """List the records of a kind, in one namespace or all."""
        for place in {(kind, ALL), (kind, namespace)}:
            follower = self._followers.get(place)
            if follower is None:
                continue
            for (where, _), record in follower.records.items():
                if namespace in {ALL, where}:
                    yield record

    def put(self, kind: Kind, manifest: Manifest) -> None:
        """Take in what a write of our own has answered, before its event comes back."""
        namespace = manifest["metadata"].get("namespace", "")
        for place in ((kind, ALL), (kind, namespace)):
            follower = self._followers.get(place)
            if follower is not None:
                self._take(follower, manifest, quiet=True)

    def drop(self, kind: Kind, namespace: str, name: str) -> None:
        """Forget an object that was deleted by ourselves."""
        for place in ((kind, ALL), (kind, namespace)):
            follower = self._followers.get(place)
            if follower is not None:
                self._remove(follower, (namespace, name), quiet=True)

    async def close(self) -> None:
        """Stop following everything."""
        tasks = [each.task for each in self._followers.values() if each.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # ---------------------------------------------------------------------------------- following

    async def _follow(self, follower: Follower) -> None:
        backoff = FIRST_BACKOFF_SECONDS
        version = ""
        while True:
            try:
                if await self._cluster.discover(follower.kind) is None:
                    follower.problem = f"{follower.kind.resource} is not installed in the cluster"
                    self._forget_all(follower)
                    self._mark_synced(follower)
                    await asyncio.sleep(jittered(ABSENT_KIND_SECONDS))
                    continue
                version = await self._list(follower)
                while True:
                    backoff = FIRST_BACKOFF_SECONDS
                    version = await self._watch(follower, version)
            except Gone:
                log.info("%s: listing again", follower.kind.resource)
            except CanaryError as error:
                self._cluster.undiscover(follower.kind)
                follower.problem = str(error)
                log.warning("%s", error)
                await asyncio.sleep(jittered(backoff))
                backoff = min(backoff * 2, LONGEST_BACKOFF_SECONDS)

    async def _list(self, follower: Follower) -> str:
        seen: set[tuple[str, str]] = set()
        version = ""
        async for items, version in self._cluster.pages(  # noqa: B007 - the last one counts
            follower.kind, follower.namespace, metadata_only=follower.metadata_only
        ):
            for item in items:
                seen.add(_place(item))
                self._take(follower, item)
        for place in [each for each in follower.versions if each not in seen]:
            self._remove(follower, place)
        follower.problem = ""
        self._mark_synced(follower)
        return version

    def _mark_synced(self, follower: Follower) -> None:
        if not follower.synced.is_set():
            follower.synced.set()
            self._on_synced(follower.kind)

    async def _watch(self, follower: Follower, version: str) -> str:
        """Follow events until the server ends the watch; give the version to go on from."""
        async for type_, manifest in self._cluster.watch(
            follower.kind, follower.namespace, version, metadata_only=follower.metadata_only
        ):
            version = manifest["metadata"].get("resourceVersion") or version
            follower.problem = ""
            if type_ == "DELETED":
                self._remove(follower, _place(manifest))
            elif type_ != "BOOKMARK":
                self._take(follower, manifest)
        return version

    def _take(self, follower: Follower, manifest: Manifest, *, quiet: bool = False) -> None:
        place, version = _place(manifest), _version(manifest)
        if version and version < follower.versions.get(place, 0):
            return  # The echo of something older than a write of our own.
        follower.versions[place] = version
        before, after = follower.records.get(place), follower.trim(manifest)
        if after is None:
            follower.records.pop(place, None)
        else:
            follower.records[place] = after
        if before != after and not quiet:
            self._on_change(follower.kind, *place, before, after)

    def _remove(self, follower: Follower, place: tuple[str, str], *, quiet: bool = False) -> None:
        follower.versions.pop(place, None)
        before = follower.records.pop(place, None)
        if before is not None and not quiet:
            self._on_change(follower.kind, *place, before, None)

    def _forget_all(self, follower: Follower) -> None:
        for place in list(follower.versions):
            self._remove(follower, place)


def jittered(seconds: float) -> float:
    """Spread a delay, so that many do not come back at once."""
    return seconds * random.uniform(0.7, 1.3)  # noqa: S311 - not a secret


def _place(manifest: Manifest) -> tuple[str, str]:
    metadata: dict[str, Any] = manifest["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


def _version(manifest: Manifest) -> int:
    """Read a resource version as a number; the API promises an order since 1.35, 0 if it has none."""
    with suppress(ValueError):
        return int(manifest["metadata"].get("resourceVersion", "0"))
    return 0
