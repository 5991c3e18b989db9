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
from canary.demo.apiserver.fields import Manager, Path, write_managers
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
from canary.demo.apiserver.resources import Registry, Resource
from canary.demo.apiserver.storage import Storage, Stored
from canary.demo.apiserver.values import Object, child, copied, now, timestamp

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
        self._place(new, resource, namespace)
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
        self._place(new, resource, namespace, name)
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
        self._place(new, resource, namespace, name)
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
        self._place(applied, resource, namespace, name)
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
            writable=_writable(resource, subresource),
        )
        self._place(new, resource, namespace, name)
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
        metadata = old.object["metadata"]
        for label, wanted, actual, meaning in (
            ("UID", options.uid, metadata["uid"], "deleted and then recreated"),
            ("ResourceVersion", options.resource_version, metadata["resourceVersion"], "modified"),
        ):
            if wanted is not None and wanted != actual:
                raise errors.conflict(
                    resource.group,
                    resource.kind,
                    name,
                    f"the {label} in the precondition ({wanted}) does not match the {label} in"
                    f" record ({actual}). The object might have been {meaning}",
                )
        finalizers = deletion_finalizers(metadata.get("finalizers") or [], options.propagation)
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

    def _place(
        self, item: Object, resource: Resource, namespace: str, name: str | None = None
    ) -> None:
        """Check, in place, that an object belongs where the request's path says."""
        metadata = child(item, "metadata")
        if resource.namespaced:
            if metadata.setdefault("namespace", namespace) != namespace:
                raise errors.bad_request(
                    "the namespace of the provided object does not match the namespace sent on"
                    " the request"
                )
        else:
            metadata.pop("namespace", None)
        if name is not None and metadata.setdefault("name", name) != name:
            raise errors.bad_request(
                f"the name of the object ({metadata['name']}) does not match the name on the URL"
                f" ({name})"
            )

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
        self._establish(resource, new)
        if options.dry_run:
            return Written(stored=Stored(new, 0), created=True, warnings=tuple(warnings))
        stored = self.storage.put(resource.storage_key, (namespace, name), new)
        if resource.storage_key == crd.KEY:
            crd.register(self.registry, new)
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
        before, metadata = old.object, sent["metadata"]
        name = before["metadata"]["name"]
        self._check_preconditions(resource, before, metadata)
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
        self._establish(resource, new)
        if may_go(new):
            return self._remove(resource, old, new, dry_run=options.dry_run, warnings=warnings)
        if new == before:
            return Written(stored=old, warnings=tuple(warnings))
        if options.dry_run:
            return Written(stored=Stored(new, old.version), warnings=tuple(warnings))
        where = (before["metadata"].get("namespace", ""), name)
        stored = self.storage.put(resource.storage_key, where, new)
        if resource.storage_key == crd.KEY and new.get("spec") != before.get("spec"):
            crd.register(self.registry, new)
        return Written(stored=stored, warnings=tuple(warnings))

    def _check_preconditions(self, resource: Resource, before: Object, metadata: Object) -> None:
        name = before["metadata"]["name"]
        version, uid = metadata.get("resourceVersion"), metadata.get("uid")
        if uid and uid != before["metadata"]["uid"]:
            raise errors.conflict(
                resource.group,
                resource.plural,
                name,
                f"Precondition failed: UID in precondition: {uid}, UID in object meta:"
                f" {before['metadata']['uid']}",
            )
        if version and version != before["metadata"]["resourceVersion"]:
            raise errors.conflict(resource.group, resource.plural, name)

    def _establish(self, resource: Resource, definition: Object) -> None:
        if resource.storage_key == crd.KEY:
            time = timestamp(self.clock())
            definition["status"] = crd.established_status(definition, time)
            if definition["metadata"].get("deletionTimestamp") is None:
                finalizers = definition["metadata"].setdefault("finalizers", [])
                if crd.CLEANUP not in finalizers:
                    finalizers.append(crd.CLEANUP)

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
            self.registry.remove(last["spec"]["group"], last["spec"]["names"]["plural"])
            self.storage.drop_kind((last["spec"]["group"], last["spec"]["names"]["plural"]))
        if resource.custom and not self.storage.history(resource.storage_key).objects:
            self._release_definition(resource)
        return Written(stored=stored, removed=True, warnings=said)

    def _delete_instances(self, definition: Object) -> None:
        """Delete what a dying definition defines; it goes when the last of that has gone."""
        spec = definition["spec"]
        key = (spec["group"], spec["names"]["plural"])
        resource = self.registry.stored().get(key)
        for namespace, name in list(self.storage.history(key).objects):
            if resource is not None:
                self.delete(resource, namespace, name)
        if resource is None or not self.storage.history(key).objects:
            self._release(definition["metadata"]["name"])

    def _release_definition(self, resource: Resource) -> None:
        self._release(f"{resource.plural}.{resource.group}")

    def _release(self, name: str) -> None:
        stored = self.storage.find(crd.KEY, ("", name))
        if stored is None or stored.object["metadata"].get("deletionTimestamp") is None:
            return
        kept = [
            finalizer
            for finalizer in stored.object["metadata"].get("finalizers") or ()
            if finalizer != crd.CLEANUP
        ]
        last = copied(stored.object)
        last["metadata"]["finalizers"] = kept
        resource = self.registry.find(crd.KEY[0], "v1", crd.KEY[1])
        if may_go(last):
            self._remove(resource, stored, last)
        else:
            self.storage.put(crd.KEY, ("", name), last)


def _writable(resource: Resource, subresource: str) -> Callable[[Path], bool]:
    if subresource == "status":
        return lambda path: path[0] == "f:status"
    if resource.has_status:
        return lambda path: path[0] != "f:status"
    return lambda _path: True
