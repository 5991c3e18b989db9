"""Has kwok try again what it gives up, as a kubelet would.

kwok repeats a write only where the connection is refused or the server says that it is unavailable
or too busy. If an API server ends in the middle of a request, or has lost its etcd, kwok leaves the
pod as it is. It looks at a pod again when the pod changes, so pods that wait for long are changed.
"""

import asyncio
from contextlib import AsyncExitStack, suppress
from itertools import count
from typing import Any

import httpx

from tidegate_embedded.opening import Opened, end_task

_PODS = "/api/v1/pods"
_MERGE = {"Content-Type": "application/merge-patch+json"}
_SECONDS = 2.0
#: The annotation that is changed; nothing else reads it.
REMINDED = "testbed.tidegate.dev/reminded"


class Reminder(Opened):
    """Reminds kwok of every pod that waits for it, for as long as the context is open."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._waiting: dict[str, str] = {}
        """The versions of the pods that waited when they were last looked at, by path."""

    async def _open(self, context: AsyncExitStack) -> None:
        await context.enter_async_context(self._client)
        context.push_async_callback(end_task, asyncio.create_task(self._run(), name="remind kwok"))

    async def _run(self) -> None:
        for number in count(1):
            await asyncio.sleep(_SECONDS)
            # While a server is away there is nobody to remind.
            with suppress(httpx.HTTPError):
                await self._remind(str(number))

    async def _remind(self, number: str) -> None:
        """Change the pods that have waited unchanged since the last time."""
        found = await self._client.get(_PODS, params={"resourceVersion": "0"})
        pods = found.raise_for_status().json()["items"]
        before, self._waiting = self._waiting, dict(map(_version, filter(waits, pods)))
        patch = {"metadata": {"annotations": {REMINDED: number}}}
        for path, _ in before.items() & self._waiting.items():
            await self._client.patch(path, json=patch, headers=_MERGE)


def waits(pod: dict[str, Any]) -> bool:
    """Tell whether kwok has yet to give a pod on a node its address, or to remove a deleted one."""
    is_new = bool(pod["spec"].get("nodeName")) and not pod["status"].get("podIP")
    return is_new or "deletionTimestamp" in pod["metadata"]


def _version(pod: dict[str, Any]) -> tuple[str, str]:
    metadata = pod["metadata"]
    path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
    return path, metadata["resourceVersion"]
