"""How controllers work: a queue of keys that events fill, and one task that empties it.

Nothing is polled: a controller is woken by events of the storage, or at a time that it asked for.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import NamedTuple

from tidegate_embedded.apiserver.decoding import WriteOptions
from tidegate_embedded.apiserver.errors import ApiError
from tidegate_embedded.apiserver.objects import Objects
from tidegate_embedded.apiserver.resources import Resource, StorageKey
from tidegate_embedded.apiserver.storage import Event, Name, Stored
from tidegate_embedded.apiserver.values import Object, at_path, copied

logger = logging.getLogger(__name__)

#: What a write that failed waits before it is tried again.
RETRY_SECONDS = 0.05
#: What one object may be worked on in a row before others get their turn.
MANAGER = WriteOptions(manager="kube-controller-manager")

Work = Callable[[Name], None]


class Key(NamedTuple):
    """What to do for which object."""

    work: Work
    name: Name


class WorkQueue:
    """Keys to be worked on, each once however often it is added."""

    def __init__(self) -> None:
        self._keys: dict[Key, None] = {}
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._filled = asyncio.Event()

    def add(self, work: Work, name: Name) -> None:
        """Work on an object as soon as possible."""
        self._keys[Key(work, name)] = None
        self._filled.set()

    def add_later(self, work: Work, name: Name, seconds: float) -> None:
        """Work on an object after a while; a later call replaces an earlier one."""
        key = Key(work, name)
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
        self._timers[key] = asyncio.get_running_loop().call_later(max(0.0, seconds), self._due, key)

    def _due(self, key: Key) -> None:
        self._timers.pop(key, None)
        self.add(key.work, key.name)

    async def run(self) -> None:
        """Work until cancelled; a failure of one object does not disturb the others."""
        while True:
            if not self._keys:
                self._filled.clear()
                await self._filled.wait()
            key = next(iter(self._keys))
            del self._keys[key]
            try:
                key.work(key.name)
            except ApiError as error:
                logger.debug("controller: %s: %s: will be tried again", key.name, error)
                self.add_later(key.work, key.name, RETRY_SECONDS)
            except Exception:
                logger.exception("controller: %s failed for %s", key.work, key.name)
            # Let requests be answered between two steps.
            await asyncio.sleep(0)

    def close(self) -> None:
        """Cancel everything that waits for its time."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()


class Cluster:
    """What controllers see: the objects, who owns them, and the queue."""

    def __init__(self, objects: Objects, queue: WorkQueue) -> None:
        self.objects = objects
        self.queue = queue
        #: Where every object is, by its uid.
        self.places: dict[str, tuple[StorageKey, Name]] = {}
        self._dependents: dict[str, set[tuple[StorageKey, Name]]] = {}
        for key in objects.registry.stored():
            for name, stored in objects.storage.history(key).objects.items():
                self._index(key, name, None, stored)

    def resource(self, group: str, version: str, plural: str) -> Resource:
        """Return a resource that is served."""
        return self.objects.registry.find(group, version, plural)

    def find(self, key: StorageKey, name: Name) -> Object | None:
        """Return an object, or None."""
        stored = self.objects.storage.find(key, name)
        return stored.object if stored is not None else None

    def dependents(self, uid: str) -> list[tuple[StorageKey, Name]]:
        """Return where the objects are that name an owner, in a stable order."""
        return sorted(self._dependents.get(uid, ()))

    def owned(self, owner: Object, key: StorageKey) -> list[Object]:
        """Return the objects of a kind that an owner controls."""
        found = []
        for kind, name in self.dependents(owner["metadata"]["uid"]):
            item = self.find(kind, name) if kind == key else None
            if item is not None and controller_of(item) == owner["metadata"]["uid"]:
                found.append(item)
        return found

    def wake_owner(self, work: Work, kind: StorageKey, item: Object) -> None:
        """Work on the object of a kind that controls another one, if one does."""
        place = self.places.get(controller_of(item) or "")
        if place is not None and place[0] == kind:
            self.queue.add(work, place[1])

    def wake_of(
        self, work: Work, kind: StorageKey, parts: StorageKey, key: StorageKey, event: Event
    ) -> None:
        """Work on the object of a kind that a change is about: itself, or one of its parts."""
        if key == kind and event.change != "DELETED":
            self.queue.add(work, name_of(event.stored.object))
        elif key == parts:
            for stored in (event.stored, event.before):
                if stored is not None:
                    self.wake_owner(work, kind, stored.object)

    def write_status(self, resource: Resource, item: Object, status: Object) -> None:
        """Write the status of an object, unless it has it already."""
        if status != (item.get("status") or {}):
            changed = {**item, "status": status}
            self.objects.replace(resource, *name_of(item), changed, MANAGER, subresource="status")

    def observe(self, key: StorageKey, event: Event) -> None:
        """Follow a change."""
        metadata = event.stored.object["metadata"]
        name = (metadata.get("namespace", ""), metadata["name"])
        after = None if event.change == "DELETED" else event.stored
        self._index(key, name, event.before, after)

    def _index(
        self, key: StorageKey, name: Name, before: Stored | None, after: Stored | None
    ) -> None:
        place = (key, name)
        if before is not None:
            metadata = before.object["metadata"]
            if self.places.get(metadata["uid"]) == place:
                del self.places[metadata["uid"]]
            for owner in metadata.get("ownerReferences") or ():
                dependents = self._dependents.get(owner["uid"])
                if dependents is not None:
                    dependents.discard(place)
                    if not dependents:
                        del self._dependents[owner["uid"]]
        if after is not None:
            metadata = after.object["metadata"]
            self.places[metadata["uid"]] = place
            for owner in metadata.get("ownerReferences") or ():
                self._dependents.setdefault(owner["uid"], set()).add(place)


def controller_of(item: Object) -> str | None:
    """Return the uid of the owner that controls an object."""
    for owner in item["metadata"].get("ownerReferences") or ():
        if owner.get("controller"):
            return str(owner["uid"])
    return None


def owner_reference(owner: Object) -> Object:
    """Return a reference to an owner that controls what carries it."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def pod_of(owner: Object, labels: Object | None = None) -> Object:
    """Return a pod by the template of an owner, which controls it, with more labels."""
    template = owner["spec"]["template"]
    metadata: Object = {
        "generateName": f"{owner['metadata']['name']}-",
        "labels": {**copied(at_path(template, "metadata", "labels") or {}), **(labels or {})},
        "ownerReferences": [owner_reference(owner)],
    }
    if annotations := at_path(template, "metadata", "annotations"):
        metadata["annotations"] = copied(annotations)
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": copied(template["spec"]),
    }


def is_dying(item: Object) -> bool:
    """Tell whether an object is being deleted."""
    return item["metadata"].get("deletionTimestamp") is not None


def name_of(item: Object) -> Name:
    """Return an object's namespace and name."""
    return (item["metadata"].get("namespace", ""), item["metadata"]["name"])
