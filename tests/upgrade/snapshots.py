"""What is stored of a namespace, written into a file and put into another world later.

Moments of time in it are moved by as much as has passed since: nothing is overdue.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from canary.api.kinds import Manifest
from canary.demo import manifests
from canary.demo.embedded import NAMESPACE
from tests.controller.running import World

RECEIVER = "http://receiver.invalid"
"""Stands for the address of the receiver, which is different in each world."""
LEASES = "default"
"""The namespace of the controller's Lease."""
_LEFT_OUT = {
    ("", "events"),
    ("", "namespaces"),
    ("discovery.k8s.io", "endpointslices"),
    ("apiextensions.k8s.io", "customresourcedefinitions"),
}
_FIRST = ("canaries", "deployments", "replicasets")
"""Owners are there before what is theirs."""
_STAYS = "startedAt"
"""When a run began is part of what it is: the cookies of its clients are made from it."""
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")

Snapshot = dict[str, Any]
"""When it was taken, and what was stored: lists of objects by group and plural."""


def take(world: World, namespace: str, url: str) -> Snapshot:
    """Take what is stored of a namespace; `url` is the address of the receiver."""
    stored = {
        "/".join(key): [
            _as_kept(each.object, url)
            for (there, _), each in sorted(history.objects.items())
            if there == namespace
        ]
        for key, history in sorted(world.server.storage._kinds.items())
        if key not in _LEFT_OUT
    }
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return {"at": now, "objects": {key: found for key, found in stored.items() if found}}


async def put(world: World, snapshots: dict[str, Snapshot], url: str) -> None:
    """Store what was taken of namespaces, as if it had been taken now."""
    for namespace in snapshots:
        if namespace != LEASES:
            await world.api.create(manifests.namespace(namespace), NAMESPACE)
    # All at once, as the garbage collector deletes what has no owner yet.
    for namespace, snapshot in snapshots.items():
        passed = datetime.now(UTC) - datetime.fromisoformat(snapshot["at"])
        whole = timedelta(seconds=int(passed.total_seconds()))
        for key, found in _in_order(snapshot["objects"]):
            group, _, plural = key.rpartition("/")
            for each in found:
                name = (namespace, each["metadata"]["name"])
                world.server.storage.put((group, plural), name, moved(each, whole, url))


def moved(value: Any, by: timedelta, url: str) -> Any:
    """Move every moment in an object, and lead its calls to an address."""
    if isinstance(value, dict):
        return {key: each if key == _STAYS else moved(each, by, url) for key, each in value.items()}
    if isinstance(value, list):
        return [moved(each, by, url) for each in value]
    if not isinstance(value, str):
        return value
    if _MOMENT.fullmatch(value):
        spec = "microseconds" if "." in value else "seconds"
        later = datetime.fromisoformat(value) + by
        return later.replace(tzinfo=None).isoformat(timespec=spec) + "Z"
    return value.replace(RECEIVER, url)


def written(document: Snapshot) -> str:
    """Write a recording sorted, with each object on a line of its own."""
    parts = []
    for key, value in sorted(document.items()):
        text = json.dumps(value, sort_keys=True, ensure_ascii=False)
        if key == "objects":
            lists = (
                f"{json.dumps(of)}: [\n{_lines(found)}\n]" for of, found in sorted(value.items())
            )
            text = "{\n" + ",\n".join(lists) + "\n}"
        parts.append(f"{json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _lines(objects: list[Manifest]) -> str:
    return ",\n".join(json.dumps(each, sort_keys=True, ensure_ascii=False) for each in objects)


def _as_kept(item: Manifest, url: str) -> Any:
    """Leave out who has written which field last: it is for people, and half of an object."""
    metadata = {key: each for key, each in item["metadata"].items() if key != "managedFields"}
    return _replaced(item | {"metadata": metadata}, url)


def _replaced(value: Any, url: str) -> Any:
    if isinstance(value, dict):
        return {key: _replaced(each, url) for key, each in value.items()}
    if isinstance(value, list):
        return [_replaced(each, url) for each in value]
    return value.replace(url, RECEIVER) if isinstance(value, str) else value


def _in_order(objects: dict[str, list[Manifest]]) -> Iterator[tuple[str, list[Manifest]]]:
    def rank(key: str) -> tuple[int, str]:
        plural = key.rpartition("/")[2]
        return (_FIRST.index(plural) if plural in _FIRST else len(_FIRST), key)

    for key in sorted(objects, key=rank):
        yield key, objects[key]
