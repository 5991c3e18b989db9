"""What etcd remembers: each version that an object has had.

It tells also of writes whose answer was lost, of which no audit and no watch may know. Only what an
API server stores as JSON can be read: objects of custom resources.
"""

import base64
import json
from typing import Any

import httpx

_ROOT = "/registry"


async def versions(
    etcd: httpx.AsyncClient, *, group: str, resource: str, namespace: str, name: str
) -> list[dict[str, Any]]:
    """Give the versions of a custom object since it was last created, the first one first.

    Versions that etcd has compacted away are missing.
    """
    key = _encoded(f"{_ROOT}/{group}/{resource}/{namespace}/{name}")
    found: list[dict[str, Any]] = []
    revision = 0  # the newest
    while True:
        question = {"key": key, "revision": revision}
        answer = await etcd.post("/v3/kv/range", json=question)
        if answer.is_error and "compacted" in answer.text:
            break
        stored = answer.raise_for_status().json().get("kvs")
        if not stored:
            break
        found.append(json.loads(base64.b64decode(stored[0]["value"])))
        revision = int(stored[0]["mod_revision"]) - 1
        if stored[0]["mod_revision"] == stored[0]["create_revision"]:
            break
    return found[::-1]


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
