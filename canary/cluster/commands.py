"""Commands left on Canaries, so that no approval replaces another that still waits.

A command is an annotation, of which an object has one a verb. The controller removes it when it has
taken it, on the version that it has read, so what is written after that stays.
"""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

from canary.api.annotations import COUNTED, PREFIX
from canary.api.kinds import Kind, Manifest
from canary.cluster.cluster import Cluster
from canary.core.signature import Signature
from canary.errors import CanaryError, Conflict

_LOOK_SECONDS = 0.25


class CommandWaits(CanaryError):
    """Another command of this verb waits for the controller, and this one would replace it."""


async def leave_command(
    cluster: Cluster,
    kind: Kind,
    namespace: str,
    name: str,
    verb: str,
    value: str,
    *,
    read: Callable[[], Awaitable[Manifest]],
    seconds: float,
) -> None:
    """Leave a command; one that is counted by people waits until the one before it is taken.

    `read` gives the Canary as it is known. Any other verb says the same from every person: it is
    written at once.

    Raises:
        CommandWaits: the one before was not taken in so many seconds.
        ClusterError: the API server refuses it, or cannot be reached.
    """
    annotation = f"{PREFIX}{verb}"
    patch: Manifest = {"metadata": {"annotations": {annotation: value}}}
    if verb not in COUNTED:
        await cluster.merge_patch(kind, namespace, name, patch)
        return
    ends, refused = monotonic() + seconds, Conflict(f"{namespace}/{name} changes all the time")
    while True:
        metadata = (await read())["metadata"]
        before = (metadata.get("annotations") or {}).get(annotation)
        if before is None:
            try:
                version = str(metadata["resourceVersion"])
                await cluster.merge_patch(kind, namespace, name, patch, resource_version=version)
            except Conflict as conflict:
                refused = conflict
            else:
                return
        if monotonic() >= ends:
            if before is None:
                raise refused
            raise CommandWaits(
                f"another {verb} {Signature.read(str(before)).shown} waits for the controller, and "
                "yours would replace it; try again when it is taken"
            )
        await asyncio.sleep(_LOOK_SECONDS)
