"""Following objects of a kind: what there is, and whatever changes, until Ctrl-C."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from canary.api.kinds import Kind, Manifest
from canary.cli.screen import Screen
from canary.cluster.cluster import Cluster
from canary.errors import Gone, Unreachable

_RETRY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class FollowedObject:
    """An object as it is, or as it was when it was deleted."""

    manifest: Manifest
    deleted: bool = False


async def follow(
    cluster: Cluster, kind: Kind, namespace: str, *, labels: str = "", fields: str = ""
) -> AsyncIterator[list[FollowedObject]]:
    """Give what there is, and then each change; after a gap what there is comes again.

    An API server that does not answer is asked again, once it has answered at all.

    Raises:
        ClusterError: the objects can't be read.
    """
    heard, complained = False, False
    while True:
        try:
            found: list[FollowedObject] = []
            version = ""
            pages = cluster.pages(kind, namespace, labels=labels, fields=fields)
            async for manifests, version in pages:  # noqa: B007 - the last one is what is wanted
                found += map(FollowedObject, manifests)
            heard, complained = True, False
            yield found
            async for change in _changes(cluster, kind, namespace, version, labels, fields):
                yield [change]
        except Gone:
            continue
        except Unreachable as error:
            if not heard:
                raise
            if not complained:
                Screen.aside().line(f"{error.reason}; retrying")
            complained = True
            await asyncio.sleep(_RETRY_SECONDS)


async def _changes(
    cluster: Cluster, kind: Kind, namespace: str, version: str, labels: str, fields: str
) -> AsyncIterator[FollowedObject]:
    """Give each change from a version on; the server ends a watch now and then."""
    while True:
        async with cluster.watch(kind, namespace, version, labels=labels, fields=fields) as events:
            async for type_, manifest in events:
                version = manifest["metadata"]["resourceVersion"]
                if type_ != "BOOKMARK":
                    yield FollowedObject(manifest, deleted=type_ == "DELETED")
