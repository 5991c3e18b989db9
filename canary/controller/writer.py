"""Writing: the one create-or-update of the project, on the version that was read."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from canary.api.kinds import Manifest, ObjectKey
from canary.cluster.cache import CacheSet
from canary.cluster.cluster import Cluster
from canary.errors import ClusterError, Conflict, NotFound, Unreachable
from canary.objects.ownership import CanaryOwner
from canary.objects.render import Render


class Writer:
    """Writes objects, and shows the caches at once what the API server has made of them."""

    def __init__(self, *, cluster: Cluster, caches: CacheSet) -> None:
        self._cluster = cluster
        self._caches = caches

    async def write(
        self, render: Render, found: Manifest | None, *, owner: CanaryOwner | None = None
    ) -> Manifest:
        """Write what is ours in an object, and the rest as it was found, on that version.

        `owner` is the Canary that it is written for.

        Raises:
            Conflict: it has changed since, or it was just created by another.
            ClusterError: it could not be written.
        """
        kind, mended = render.key.kind, render.mended(found)
        if self._caches.absent(kind):
            raise NotFound(kind.missing)
        async with self._current(render.key):
            if found is None:
                written = await self._cluster.create(mended, kind, owner=owner)
            else:
                version = found["metadata"]["resourceVersion"]
                metadata = mended["metadata"] | {"resourceVersion": version}
                written = await self._cluster.replace(
                    mended | {"metadata": metadata}, kind, owner=owner
                )
            self._caches.put(kind, written)
        return written

    async def patch(
        self,
        key: ObjectKey,
        patch: Manifest,
        *,
        resource_version: str | None = None,
        subresource: str | None = None,
    ) -> Manifest:
        """Merge a patch into an object, on a version where one is given.

        Raises:
            Conflict: it is at that version no more.
            ClusterError: it could not be written.
        """
        async with self._current(key):
            written = await self._cluster.merge_patch(
                key.kind,
                key.namespace,
                key.name,
                patch,
                subresource=subresource,
                resource_version=resource_version,
            )
            self._caches.put(key.kind, written)
        return written

    async def change_owners(
        self, key: ObjectKey, found: Manifest, references: list[Manifest]
    ) -> None:
        """Give an object other owners, on the version that was found.

        Raises:
            Conflict: it is at that version no more.
            ClusterError: it could not be written.
        """
        await self.patch(
            key,
            {"metadata": {"ownerReferences": references}},
            resource_version=found["metadata"]["resourceVersion"],
        )

    async def delete(self, key: ObjectKey, *, resource_version: str | None = None) -> None:
        """Delete an object, on a version where one is given; one that is gone is no error.

        Raises:
            Conflict: it is at that version no more.
            ClusterError: it could not be deleted.
        """
        async with self._current(key):
            with suppress(NotFound):
                await self._cluster.delete(
                    key.kind, key.namespace, key.name, resource_version=resource_version
                )
        self._caches.drop(key.kind, key.namespace, key.name)

    @asynccontextmanager
    async def _current(self, key: ObjectKey) -> AsyncIterator[None]:
        """Look at an object again where a write was made on a version that is out of date.

        Until its event comes, every attempt would be made on the same version, and meet the same
        conflict.
        """
        try:
            with self._caches.writing(key):
                yield
        except Conflict:
            # The conflict is what is wrong; a failure to look must not hide it.
            with suppress(ClusterError):
                await self._caches.look_again(key)
            raise
        except Unreachable:
            self._caches.doubt(key)
            raise
