"""The life of CustomResourceDefinitions in storage: established, served, gone after their objects."""

from tidegate_embedded.apiserver import crd
from tidegate_embedded.apiserver.resources import Registry, Resource
from tidegate_embedded.apiserver.storage import Storage, Stored
from tidegate_embedded.apiserver.values import Object, copied


class Definitions:
    """Keeps the registry in step with the definitions that are stored."""

    def __init__(self, registry: Registry, storage: Storage) -> None:
        self._registry = registry
        self._storage = storage

    @property
    def resource(self) -> Resource:
        """The resource of definitions themselves."""
        return self._registry.find(crd.KEY[0], "v1", crd.KEY[1])

    def establish(self, definition: Object, time: str) -> None:
        """Give an accepted definition, in place, its status and the finalizer that holds it."""
        definition["status"] = crd.established_status(definition, time)
        if definition["metadata"].get("deletionTimestamp") is None:
            finalizers = definition["metadata"].setdefault("finalizers", [])
            if crd.CLEANUP not in finalizers:
                finalizers.append(crd.CLEANUP)

    def serve(self, definition: Object) -> None:
        """Serve what a stored definition defines."""
        crd.register(self._registry, definition)

    def cease(self, definition: Object) -> None:
        """Serve no longer what a removed definition defined."""
        group, plural = _defined(definition)
        self._registry.remove(group, plural)
        self._storage.drop_kind((group, plural))

    def instances(self, definition: Object) -> tuple[Resource | None, list[tuple[str, str]]]:
        """Return the resource that a definition defines and where its objects are."""
        key = _defined(definition)
        return self._registry.stored().get(key), list(self._storage.history(key).objects)

    def released(self, resource: Resource) -> tuple[Stored, Object] | None:
        """Return the dying definition of a resource without objects, freed of its finalizer."""
        stored = self._storage.find(crd.KEY, ("", f"{resource.plural}.{resource.group}"))
        if stored is None or stored.object["metadata"].get("deletionTimestamp") is None:
            return None
        if self._storage.history(resource.storage_key).objects:
            return None
        last = copied(stored.object)
        last["metadata"]["finalizers"] = [
            finalizer
            for finalizer in last["metadata"].get("finalizers") or ()
            if finalizer != crd.CLEANUP
        ]
        return stored, last


def _defined(definition: Object) -> tuple[str, str]:
    spec = definition["spec"]
    return spec["group"], spec["names"]["plural"]
