"""Collects garbage: what has lost its owners, and what lives in a namespace that goes."""

from tidegate_embedded.apiserver.lifecycle import FOREGROUND, ORPHAN, DeleteOptions
from tidegate_embedded.apiserver.resources import Resource, StorageKey
from tidegate_embedded.apiserver.reviewing import settled
from tidegate_embedded.apiserver.storage import Event, Name
from tidegate_embedded.apiserver.subresources import finalize_namespace
from tidegate_embedded.apiserver.values import Object
from tidegate_embedded.controllers.work import MANAGER, Cluster, is_dying, name_of

NAMESPACES: StorageKey = ("", "namespaces")


class GarbageCollector:
    """Follows owner references, in the three ways of deletion, and ends namespaces."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._work: dict[StorageKey, _Collection] = {}

    def observe(self, key: StorageKey, event: Event) -> None:
        """Wake what depends on a deleted object, and what holds one that is being deleted."""
        item = event.stored.object
        metadata = item["metadata"]
        if event.change == "DELETED":
            for kind, name in self._cluster.dependents(metadata["uid"]):
                self._collection(kind).wake(name)
            for owner in metadata.get("ownerReferences") or ():
                place = self._cluster.places.get(owner["uid"])
                if place is not None:
                    self._collection(place[0]).wake(place[1])
            if metadata.get("namespace"):
                self._wake_namespace(metadata["namespace"])
            return
        if is_dying(item) or metadata.get("ownerReferences"):
            self._collection(key).wake(name_of(item))
        if key == NAMESPACES and is_dying(item):
            self._cluster.queue.add(self.empty_namespace, name_of(item))

    def _wake_namespace(self, name: str) -> None:
        namespace = self._cluster.find(NAMESPACES, ("", name))
        if namespace is not None and is_dying(namespace):
            self._cluster.queue.add(self.empty_namespace, ("", name))

    def _collection(self, key: StorageKey) -> "_Collection":
        collection = self._work.get(key)
        if collection is None:
            collection = self._work[key] = _Collection(self._cluster, key)
        return collection

    def empty_namespace(self, name: Name) -> None:
        """Delete everything in a namespace that goes; when it is empty, let it go."""
        namespace = self._cluster.find(NAMESPACES, name)
        if namespace is None or not is_dying(namespace):
            return
        objects = self._cluster.objects
        left = 0
        for key, resource in objects.registry.stored().items():
            if not resource.namespaced:
                continue
            for where in list(objects.storage.history(key).objects):
                if where[0] != name[1]:
                    continue
                stored = objects.storage.find(key, where)
                if stored is not None and not is_dying(stored.object):
                    objects.delete(resource, *where)
                left += objects.storage.find(key, where) is not None
        if not left and namespace["spec"].get("finalizers"):
            resource = self._cluster.resource("", "v1", "namespaces")
            settled(finalize_namespace(objects, resource, name[1], {"spec": {"finalizers": []}}))


class _Collection:
    """Garbage collection of one kind's objects."""

    def __init__(self, cluster: Cluster, key: StorageKey) -> None:
        self._cluster = cluster
        self._key = key

    def wake(self, name: Name) -> None:
        self._cluster.queue.add(self.sync, name)

    def sync(self, name: Name) -> None:
        """Delete an object without owners, or carry on with its own deletion."""
        item = self._cluster.find(self._key, name)
        resource = self._cluster.objects.registry.stored().get(self._key)
        if item is None or resource is None:
            return
        finalizers = item["metadata"].get("finalizers") or ()
        if is_dying(item):
            if ORPHAN in finalizers:
                self._orphan_dependents(item)
                self._drop_finalizer(item, resource, ORPHAN)
            elif FOREGROUND in finalizers:
                self._delete_dependents(item, resource)
            return
        owners = item["metadata"].get("ownerReferences") or ()
        if not owners:
            return
        living = [owner for owner in owners if self._lives(owner)]
        if not living:
            self._cluster.objects.delete(
                resource,
                *name,
                DeleteOptions(propagation="Background", uid=item["metadata"]["uid"]),
            )
        elif len(living) < len(owners):
            kept = {**item, "metadata": {**item["metadata"], "ownerReferences": living}}
            self._cluster.objects.replace(resource, *name, kept, MANAGER)

    def _lives(self, owner: Object) -> bool:
        return owner["uid"] in self._cluster.places

    def _drop_finalizer(self, item: Object, resource: Resource, finalizer: str) -> None:
        left = [name for name in item["metadata"]["finalizers"] if name != finalizer]
        freed = {**item, "metadata": {**item["metadata"], "finalizers": left}}
        self._cluster.objects.replace(resource, *name_of(item), freed, MANAGER)

    def _orphan_dependents(self, item: Object) -> None:
        uid = item["metadata"]["uid"]
        for kind, name in self._cluster.dependents(uid):
            dependent = self._cluster.find(kind, name)
            resource = self._cluster.objects.registry.stored().get(kind)
            if dependent is None or resource is None:
                continue
            kept = [
                owner for owner in dependent["metadata"]["ownerReferences"] if owner["uid"] != uid
            ]
            freed = {**dependent, "metadata": {**dependent["metadata"], "ownerReferences": kept}}
            self._cluster.objects.replace(resource, *name, freed, MANAGER)

    def _delete_dependents(self, item: Object, resource: Resource) -> None:
        """Delete what depends on an object; when nothing that blocks is left, let it go."""
        uid = item["metadata"]["uid"]
        blocked = False
        for kind, name in self._cluster.dependents(uid):
            dependent = self._cluster.find(kind, name)
            dependent_resource = self._cluster.objects.registry.stored().get(kind)
            if dependent is None or dependent_resource is None:
                continue
            blocking = any(
                owner["uid"] == uid and owner.get("blockOwnerDeletion")
                for owner in dependent["metadata"]["ownerReferences"]
            )
            if not is_dying(dependent):
                self._cluster.objects.delete(
                    dependent_resource, *name, DeleteOptions(propagation="Foreground")
                )
            blocked = blocked or (blocking and self._cluster.find(kind, name) is not None)
        if not blocked:
            self._drop_finalizer(item, resource, FOREGROUND)
