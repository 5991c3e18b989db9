"""Operations on stored objects: create, replace, patch, apply, delete.

This is the API server without HTTP; the controllers of the embedded world call it directly.
Every operation is one synchronous step, so none sees another half done.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from canary.demo.apiserver import crd, errors, patch
from canary.demo.apiserver.admission import Admission
from canary.demo.apiserver.apply import applied_to, track_update
from canary.demo.apiserver.conversion import from_stored, to_stored
from canary.demo.apiserver.decoding import WriteOptions, decoded
from canary.demo.apiserver.definitions import Definitions
from canary.demo.apiserver.fields import Manager, write_managers
from canary.demo.apiserver.lifecycle import (
    DeleteOptions,
    born,
    carried_over,
    deletion_finalizers,
    drop_empty,
    dying,
    grace_seconds,
    may_go,
    raise_generation,
)
from canary.demo.apiserver.preconditions import check_deletion, check_update, place, writable_by
from canary.demo.apiserver.resources import Registry, Resource
from canary.demo.apiserver.storage import Storage, Stored
from canary.demo.apiserver.values import Object, copied, now, timestamp

PatchKind = Literal["json", "merge", "strategic"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The outcome of a write."""

    stored: Stored
    created: bool = False
    removed: bool = False
    warnings: tuple[str, ...] = ()


class Objects:
    """Everything stored, by the rules of the Kubernetes API."""

    def __init__(
        self, registry: Registry, storage: Storage, clock: Callable[[], datetime] = now
    ) -> None:
        self.registry = registry
        self.storage = storage
        self.clock = clock
        self._admission = Admission(registry, storage)
        self._definitions = Definitions(registry, storage)

    def find(self, resource: Resource, namespace: str, name: str) -> Stored | None:
        """Return an object, or None."""
        return self.storage.find(resource.storage_key, (namespace, name))

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
        options: WriteOptions = WriteOptions(),  # noqa: B008  (frozen)
    ) -> Written:
        """Create an object from what a client sent."""
        new, warnings = decoded(copied(item), resource, options)
        place(new, resource, namespace)
        if new["metadata"].get("resourceVersion"):
            raise errors.ApiError(
                500, "", "resourceVersion should not be set on objects to be created"
            )
        return self._create(resource, namespace, new, options, warnings, tracked=False)

    def replace(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        item: Any,
        options: WriteOptions = WriteOptions(),  # noqa: B008  (frozen)
        *,
        subresource: str = "",
    ) -> Written:
        """Replace an object, or a subresource of it, by what a client sent."""
        new, warnings = decoded(copied(item), resource, options)
        place(new, resource, namespace, name)
        old = self.find(resource, namespace, name)
        if old is None and resource.creates_on_update and not subresource:
            if new["metadata"].get("resourceVersion") or new["metadata"].get("uid"):
                raise errors.conflict(
                    resource.group, resource.plural, name, "the object does not exist anymore"
                )
            return self._create(resource, namespace, new, options, warnings, tracked=False)
        if old is None:
            raise errors.not_found(resource.group, resource.plural, name)
        if not resource.unconditional_update and not new["metadata"].get("resourceVersion"):
            cause = errors.invalid_value(
                "metadata.resourceVersion", 0, "must be specified for an update"
            )
            raise errors.invalid(resource.group, resource.kind, name, [cause])
        return self._update(resource, old, new, options, warnings, subresource)

    def patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        kind: PatchKind,
        changes: Any,
        options: WriteOptions = WriteOptions(),  # noqa: B008  (frozen)
        *,
        subresource: str = "",
    ) -> Written:
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
        return self._update(resource, old, new, options, warnings, subresource)

    def apply(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        item: Any,
        options: WriteOptions,
        *,
        subresource: str = "",
    ) -> Written:
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
            time=timestamp(self.clock()),
            writable=writable_by(resource, subresource),
        )
        place(new, resource, namespace, name)
        if old is None:
            new["metadata"].pop("resourceVersion", None)
            return self._create(resource, namespace, new, options, warnings, tracked=True)
        if not applied["metadata"].get("resourceVersion"):
            new["metadata"]["resourceVersion"] = old.object["metadata"]["resourceVersion"]
        return self._update(resource, old, new, options, warnings, subresource, tracked=True)

    def delete(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        options: DeleteOptions = DeleteOptions(),  # noqa: B008  (frozen)
    ) -> Written:
        """Delete an object, or begin to where finalizers or grace hold it."""
        old = self.read(resource, namespace, name)
        check_deletion(resource, old.object, options)
        finalizers = deletion_finalizers(
            old.object["metadata"].get("finalizers") or [], options.propagation
        )
        grace = grace_seconds(old.object, resource, options.grace_seconds)
        new = dying(old.object, finalizers, grace, self.clock())
        if may_go(new):
            return self._remove(resource, old, new, dry_run=options.dry_run)
        if new == old.object:
            return Written(stored=old)
        if options.dry_run:
            return Written(stored=Stored(new, old.version))
        stored = self.storage.put(resource.storage_key, (namespace, name), copied(new))
        if resource.storage_key == crd.KEY:
            self._delete_instances(new)
        return Written(stored=self.find(resource, namespace, name) or stored)

    def _create(
        self,
        resource: Resource,
        namespace: str,
        new: Object,
        options: WriteOptions,
        warnings: list[str],
        *,
        tracked: bool,
    ) -> Written:
        self._admission.check_namespace(resource, namespace, new)
        moment = self.clock()
        born(new, resource, moment)
        drop_empty(new["metadata"])
        new = to_stored(new, resource)
        warnings += self._admission.admit(resource, new, None)
        name = new["metadata"]["name"]
        if self.find(resource, namespace, name) is not None:
            raise errors.already_exists(resource.group, resource.plural, name)
        if not tracked:
            new["metadata"].pop("managedFields", None)
            manager = Manager(options.manager, "Update", resource.api_version)
            track_update(None, new, resource.schema, manager, time=timestamp(moment))
        if resource.storage_key == crd.KEY:
            self._definitions.establish(new, timestamp(self.clock()))
        if options.dry_run:
            return Written(stored=Stored(new, 0), created=True, warnings=tuple(warnings))
        stored = self.storage.put(resource.storage_key, (namespace, name), new)
        if resource.storage_key == crd.KEY:
            self._definitions.serve(new)
        return Written(stored=stored, created=True, warnings=tuple(warnings))

    def _update(
        self,
        resource: Resource,
        old: Stored,
        sent: Object,
        options: WriteOptions,
        warnings: list[str],
        subresource: str,
        *,
        tracked: bool = False,
    ) -> Written:
        before = old.object
        check_update(resource, before, sent["metadata"])
        new = carried_over(to_stored(sent, resource), before, resource, subresource)
        new["metadata"]["resourceVersion"] = before["metadata"]["resourceVersion"]
        new = copied(new)
        drop_empty(new["metadata"])
        warnings += self._admission.admit(resource, new, before)
        if subresource != "status":
            raise_generation(new, before, resource)
        if not tracked:
            manager = Manager(options.manager, "Update", resource.api_version, subresource)
            time = timestamp(self.clock())
            track_update(before, new, resource.schema, manager, time=time)
        elif not new["metadata"].get("managedFields"):
            write_managers(new, {})
        if resource.storage_key == crd.KEY:
            self._definitions.establish(new, timestamp(self.clock()))
        if may_go(new):
            return self._remove(resource, old, new, dry_run=options.dry_run, warnings=warnings)
        if new == before:
            return Written(stored=old, warnings=tuple(warnings))
        if options.dry_run:
            return Written(stored=Stored(new, old.version), warnings=tuple(warnings))
        where = (before["metadata"].get("namespace", ""), before["metadata"]["name"])
        stored = self.storage.put(resource.storage_key, where, new)
        if resource.storage_key == crd.KEY and new.get("spec") != before.get("spec"):
            self._definitions.serve(new)
        return Written(stored=stored, warnings=tuple(warnings))

    def _remove(
        self,
        resource: Resource,
        old: Stored,
        last: Object,
        *,
        dry_run: bool = False,
        warnings: list[str] | None = None,
    ) -> Written:
        said = tuple(warnings or ())
        if dry_run:
            return Written(stored=Stored(last, old.version), removed=True, warnings=said)
        metadata = last["metadata"]
        where = (metadata.get("namespace", ""), metadata["name"])
        stored = self.storage.remove(resource.storage_key, where, copied(last))
        if resource.storage_key == crd.KEY:
            self._definitions.cease(last)
        if resource.custom:
            self._release_definition(resource)
        return Written(stored=stored, removed=True, warnings=said)

    def _delete_instances(self, definition: Object) -> None:
        """Delete what a dying definition defines; it goes when the last of that has gone."""
        resource, names = self._definitions.instances(definition)
        if resource is not None:
            for namespace, name in names:
                self.delete(resource, namespace, name)
            self._release_definition(resource)

    def _release_definition(self, resource: Resource) -> None:
        released = self._definitions.released(resource)
        if released is None:
            return
        stored, last = released
        if may_go(last):
            self._remove(self._definitions.resource, stored, last)
        else:
            self.storage.put(crd.KEY, ("", last["metadata"]["name"]), last)
