"""Writes as clients ask for them, create, replace, patch, apply, delete: which change each means.

How a change is carried through, in the steps that these return, is in `changes`.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal

from tidegate_embedded.apiserver import errors, patch
from tidegate_embedded.apiserver.apply import applied_to
from tidegate_embedded.apiserver.changes import Changes, Written
from tidegate_embedded.apiserver.conversion import from_stored
from tidegate_embedded.apiserver.decoding import WriteOptions, decoded
from tidegate_embedded.apiserver.fields import Manager
from tidegate_embedded.apiserver.lifecycle import DeleteOptions
from tidegate_embedded.apiserver.preconditions import place, writable_by
from tidegate_embedded.apiserver.resources import Registry, Resource
from tidegate_embedded.apiserver.reviewing import Steps
from tidegate_embedded.apiserver.storage import Storage, Stored
from tidegate_embedded.apiserver.values import copied, timestamp

PatchKind = Literal["json", "merge", "strategic"]


class Writes:
    """Writes of objects, by the rules of the Kubernetes API."""

    def __init__(self, registry: Registry, storage: Storage, clock: Callable[[], datetime]) -> None:
        self._storage = storage
        self._clock = clock
        self._changes = Changes(registry, storage, clock)

    def find(self, resource: Resource, namespace: str, name: str) -> Stored | None:
        """Return an object, or None."""
        return self._storage.find(resource.storage_key, (namespace, name))

    def read(self, resource: Resource, namespace: str, name: str) -> Stored:
        """Return an object; raises a 404."""
        stored = self.find(resource, namespace, name)
        if stored is None:
            raise errors.not_found(resource.group, resource.plural, name)
        return stored

    def create(
        self,
        resource: Resource,
        namespace: str,
        item: Any,
        options: WriteOptions,
    ) -> Steps[Written]:
        """Create an object from what a client sent."""
        new, warnings = decoded(copied(item), resource, options)
        place(new, resource, namespace)
        if new["metadata"].get("resourceVersion"):
            raise errors.ApiError(
                500, "", "resourceVersion should not be set on objects to be created"
            )
        return self._changes.create(resource, namespace, new, options, warnings, tracked=False)

    def replace(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        item: Any,
        options: WriteOptions,
        *,
        subresource: str = "",
    ) -> Steps[Written]:
        """Replace an object, or a subresource of it, by what a client sent."""
        new, warnings = decoded(copied(item), resource, options)
        place(new, resource, namespace, name)
        old = self.find(resource, namespace, name)
        if old is None and resource.creates_on_update and not subresource:
            if new["metadata"].get("resourceVersion") or new["metadata"].get("uid"):
                raise errors.conflict(
                    resource.group, resource.plural, name, "the object does not exist anymore"
                )
            return self._changes.create(resource, namespace, new, options, warnings, tracked=False)
        if old is None:
            raise errors.not_found(resource.group, resource.plural, name)
        if not resource.unconditional_update and not new["metadata"].get("resourceVersion"):
            cause = errors.invalid_value(
                "metadata.resourceVersion", 0, "must be specified for an update"
            )
            raise errors.invalid(resource.group, resource.kind, name, [cause])
        return self._changes.update(resource, old, new, options, warnings, subresource)

    def patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        kind: PatchKind,
        changes: Any,
        options: WriteOptions,
        *,
        subresource: str = "",
    ) -> Steps[Written]:
        """Change a part of an object."""
        old = self.read(resource, namespace, name)
        current = from_stored(old.object, resource)
        if kind == "json":
            patched: Any = patch.json_patched(current, changes)
        elif not isinstance(changes, dict):
            raise errors.bad_request(f"a {kind} patch must be an object")
        elif kind == "merge":
            patched = patch.merge_patched(current, changes)
        else:
            patched = patch.strategic_patched(current, changes, resource.schema)
        new, warnings = decoded(copied(patched), resource, options)
        place(new, resource, namespace, name)
        return self._changes.update(resource, old, new, options, warnings, subresource)

    def apply(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        item: Any,
        options: WriteOptions,
        *,
        subresource: str = "",
    ) -> Steps[Written]:
        """Server-side apply an object, which is created where there is none."""
        applied, warnings = decoded(copied(item), resource, options)
        if applied["metadata"].get("managedFields"):
            raise errors.bad_request("metadata.managedFields must be nil")
        place(applied, resource, namespace, name)
        old = self.find(resource, namespace, name)
        if old is None and subresource:
            raise errors.not_found(resource.group, resource.plural, name)
        given_uid = applied["metadata"].get("uid")
        if old is None and given_uid:
            raise errors.conflict(
                resource.group,
                resource.plural,
                name,
                f"uid mismatch: the provided object specified uid {given_uid}, and no existing"
                " object was found",
            )
        new = applied_to(
            from_stored(old.object, resource) if old else None,
            applied,
            resource.schema,
            Manager(options.manager, "Apply", resource.api_version, subresource),
            force=options.force,
            time=timestamp(self._clock()),
            writable=writable_by(resource, subresource),
        )
        place(new, resource, namespace, name)
        if old is None:
            new["metadata"].pop("resourceVersion", None)
            return self._changes.create(resource, namespace, new, options, warnings, tracked=True)
        if not applied["metadata"].get("resourceVersion"):
            new["metadata"]["resourceVersion"] = old.object["metadata"]["resourceVersion"]
        return self._changes.update(
            resource, old, new, options, warnings, subresource, tracked=True
        )

    def delete(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        options: DeleteOptions,
        *,
        named: bool = True,
    ) -> Steps[Written]:
        """Delete an object, or begin to where finalizers or grace hold it."""
        old = self.read(resource, namespace, name)
        return self._changes.delete(resource, old, options, named=named)
