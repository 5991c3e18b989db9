"""Nodes that fail, or take no more pods, and are as before when the context is left.

The cluster's own controllers do the rest, as with any node: the pods of one that fails are no longer
ready, and are evicted when they do not tolerate that any longer.
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import httpx

from canary.api.kinds import Manifest
from tests.controller.running import until
from tests.testbed.nodes import FAILED, takes_pods

_PATH = "/api/v1/nodes"
#: How long pods stay on a failed node, which is minutes where nothing is said.
EVICTED_SOON = {
    "key": "node.kubernetes.io/not-ready",
    "operator": "Exists",
    "effect": "NoExecute",
    "tolerationSeconds": 1,
}


async def names(client: httpx.AsyncClient) -> list[str]:
    """Name the nodes."""
    return [each["metadata"]["name"] for each in await _nodes(client)]


@asynccontextmanager
async def failed(client: httpx.AsyncClient, name: str) -> AsyncIterator[None]:
    """Have a node say that it is not ready, and nothing more."""
    await _patch(client, name, {"metadata": {"labels": {FAILED: "true"}}})
    unready = {"type": "Ready", "status": "False", "reason": "KubeletNotReady"}
    await _patch(client, f"{name}/status", {"status": {"conditions": [unready]}})
    try:
        yield
    finally:
        await _patch(client, name, {"metadata": {"labels": {FAILED: None}}})
        await _until_in_use(client)


@asynccontextmanager
async def cordoned(client: httpx.AsyncClient, names: Iterable[str]) -> AsyncIterator[None]:
    """Have nodes take no pods that are not there."""
    names = list(names)
    for name in names:
        await _patch(client, name, {"spec": {"unschedulable": True}})
    try:
        yield
    finally:
        for name in names:
            await _patch(client, name, {"spec": {"unschedulable": None}})


async def _until_in_use(client: httpx.AsyncClient) -> None:
    async def all_take_pods() -> bool:
        return all(map(takes_pods, await _nodes(client)))

    await until(all_take_pods, "all nodes take pods")


async def _nodes(client: httpx.AsyncClient) -> list[Manifest]:
    found: list[Manifest] = (await client.get(_PATH)).raise_for_status().json()["items"]
    return found


async def _patch(client: httpx.AsyncClient, path: str, patch: Any) -> None:
    headers = {"Content-Type": "application/merge-patch+json"}
    (await client.patch(f"{_PATH}/{path}", json=patch, headers=headers)).raise_for_status()
