"""How a change is carried through: webhooks, defaults, rules, storage, and what follows from it.

A step is synchronous, so none sees another half done; see `reviewing` for what is between them.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from tidegate_embedded.apiserver import crd, errors
from tidegate_embedded.apiserver.admission import Admission
from tidegate_embedded.apiserver.apply import track_update
from tidegate_embedded.apiserver.conversion import from_stored, to_stored
from tidegate_embedded.apiserver.decoding import WriteOptions, decoded
from tidegate_embedded.apiserver.definitions import Definitions
from tidegate_embedded.apiserver.fields import Manager, write_managers
from tidegate_embedded.apiserver.lifecycle import (
    DeleteOptions,
    born,
    carried_over,
    deletion_finalizers,
    drop_empty,
    dying,
    grace_seconds,
    may_go,
    raise_generation,
    unborn,
)
from tidegate_embedded.apiserver.preconditions import check_deletion, check_update
from tidegate_embedded.apiserver.resources import Registry, Resource
from tidegate_embedded.apiserver.reviewing import Overtaken, Review, Steps, in_both_phases, settled
from tidegate_embedded.apiserver.storage import Name, Storage, Stored
from tidegate_embedded.apiserver.values import Object, copied, timestamp

#: How a webhook's changes are read: what the kind does not know is dropped without a word.
_LENIENT = WriteOptions(field_validation="Ignore")


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The outcome of a write."""

    stored: Stored
    created: bool = False
    removed: bool = False
    warnings: tuple[str, ...] = ()


class Changes:
    """Carries changes through."""

    def __init__(self, registry: Registry, storage: Storage, clock: Callable[[], datetime]) -> None:
        self._storage = storage
        self._clock = clock
        self._admission = Admission(registry, storage)
        self._definitions = Definitions(registry, storage)

    def delete(
        self, resource: Resource, old: Stored, options: DeleteOptions, *, named: bool = True
    ) -> Steps[Written]:
        """Delete an object, or begin to; without `named`, as one of a collection."""
        check_deletion(resource, old.object, options)
        namespace, name = where = _where(old)
        asked = Review(
            phase="Mutating",
            operation="DELETE",
            resource=resource,
            namespace=namespace,
            name=name if named else "",
            object=None,
            old=old.object,
            dry_run=options.dry_run,
        )
        yield from in_both_phases(asked)
        self._still(resource, old)
        finalizers = deletion_finalizers(
            old.object["metadata"].get("finalizers") or [], options.propagation
        )
        grace = grace_seconds(old.object, resource, options.grace_seconds)
        new = dying(old.object, finalizers, grace, self._clock())
        if may_go(new):
            return self._remove(resource, old, new, dry_run=options.dry_run)
        if new == old.object:
            return Written(stored=old)
        if options.dry_run:
            return Written(stored=Stored(new, old.version))
        stored = self._storage.put(resource.storage_key, where, copied(new))
        if resource.storage_key == crd.KEY:
            self._delete_instances(new)
        return Written(stored=self._storage.find(resource.storage_key, where) or stored)

    def create(
        self,
        resource: Resource,
        namespace: str,
        new: Object,
        options: WriteOptions,
        warnings: list[str],
        *,
        tracked: bool,
    ) -> Steps[Written]:
        """Store a new object; `tracked` where its managers are known already."""
        self._admission.check_namespace(resource, namespace, new)
        moment = self._clock()
        unborn(new, resource)
        drop_empty(new["metadata"])
        new = to_stored(new, resource)
        self._admission.fill_in(resource, new, None)
        if not tracked:
            new["metadata"].pop("managedFields", None)
            manager = Manager(options.manager, "Update", resource.api_version)
            track_update(None, new, resource.schema, manager, time=timestamp(moment))
        asked = Review(
            phase="Mutating",
            operation="CREATE",
            resource=resource,
            namespace=namespace,
            name=new["metadata"].get("name", ""),
            object=new,
            old=None,
            dry_run=options.dry_run,
        )
        new = (yield from self._mutated(asked)) or new
        born(new, resource, moment)
        self._admission.fill_in(resource, new, None)
        warnings += self._admission.check(resource, new, None)
        name = new["metadata"]["name"]
        yield replace(asked, phase="Validating", object=new, name=name)
        if self._storage.find(resource.storage_key, (namespace, name)) is not None:
            raise errors.already_exists(resource.group, resource.plural, name)
        if resource.storage_key == crd.KEY:
            self._definitions.establish(new, timestamp(self._clock()))
        if options.dry_run:
            return Written(stored=Stored(new, 0), created=True, warnings=tuple(warnings))
        stored = self._storage.put(resource.storage_key, (namespace, name), new)
        if resource.storage_key == crd.KEY:
            self._definitions.serve(new)
        return Written(stored=stored, created=True, warnings=tuple(warnings))

    def update(
        self,
        resource: Resource,
        old: Stored,
        sent: Object,
        options: WriteOptions,
        warnings: list[str],
        subresource: str,
        *,
        tracked: bool = False,
    ) -> Steps[Written]:
        """Store what was sent in place of an object, which goes if nothing holds it any longer."""
        before = old.object
        check_update(resource, before, sent["metadata"])
        new = self._updated(to_stored(sent, resource), before, resource, subresource)
        if not tracked:
            manager = Manager(options.manager, "Update", resource.api_version, subresource)
            time = timestamp(self._clock())
            track_update(before, new, resource.schema, manager, time=time)
        elif not new["metadata"].get("managedFields"):
            write_managers(new, {})
        namespace, name = where = _where(old)
        asked = Review(
            phase="Mutating",
            operation="UPDATE",
            resource=resource,
            namespace=namespace,
            name=name,
            object=new,
            old=before,
            dry_run=options.dry_run,
            subresource=subresource,
        )
        changed = yield from self._mutated(asked)
        if changed is not None:
            new = self._updated(changed, before, resource, subresource)
        if subresource != "status":
            raise_generation(new, before, resource)
        warnings += self._admission.check(resource, new, before)
        yield replace(asked, phase="Validating", object=new)
        self._still(resource, old)
        if resource.storage_key == crd.KEY:
            self._definitions.establish(new, timestamp(self._clock()))
        if may_go(new):
            return self._remove(resource, old, new, dry_run=options.dry_run, warnings=warnings)
        if new == before:
            return Written(stored=old, warnings=tuple(warnings))
        if options.dry_run:
            return Written(stored=Stored(new, old.version), warnings=tuple(warnings))
        stored = self._storage.put(resource.storage_key, where, new)
        if resource.storage_key == crd.KEY and new.get("spec") != before.get("spec"):
            self._definitions.serve(new)
        return Written(stored=stored, warnings=tuple(warnings))

    def _updated(
        self, wanted: Object, before: Object, resource: Resource, subresource: str
    ) -> Object:
        """Return what an update makes of an object, with its defaults."""
        new = carried_over(wanted, before, resource, subresource)
        new["metadata"]["resourceVersion"] = before["metadata"]["resourceVersion"]
        updated: Object = copied(new)
        drop_empty(updated["metadata"])
        self._admission.fill_in(resource, updated, before)
        return updated

    def _mutated(self, asked: Review) -> Steps[Object | None]:
        """Ask what webhooks would change; their fields have no manager. None is nothing."""
        changed = yield asked
        if changed is None or asked.object is None:
            return None
        resource, before = asked.resource, asked.object["metadata"]
        try:
            new, _ = decoded(from_stored(changed, resource), resource, _LENIENT)
        except errors.ApiError as error:
            raise errors.internal(str(error)) from error
        for field in ("namespace", "managedFields"):
            new["metadata"].pop(field, None)
            if field in before:
                new["metadata"][field] = before[field]
        return to_stored(new, resource)

    def _still(self, resource: Resource, old: Stored) -> None:
        """Go on only where an object is as it was when webhooks were asked about it."""
        if self._storage.find(resource.storage_key, _where(old)) is not old:
            raise Overtaken

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
        stored = self._storage.remove(resource.storage_key, _where(old), copied(last))
        if resource.storage_key == crd.KEY:
            self._definitions.cease(last)
        if resource.custom:
            self._release_definition(resource)
        return Written(stored=stored, removed=True, warnings=said)

    def _delete_instances(self, definition: Object) -> None:
        """Delete what a dying definition defines; it goes when the last of that has gone."""
        resource, names = self._definitions.instances(definition)
        if resource is not None:
            for name in names:
                stored = self._storage.find(resource.storage_key, name)
                if stored is not None:
                    settled(self.delete(resource, stored, DeleteOptions()))
            self._release_definition(resource)

    def _release_definition(self, resource: Resource) -> None:
        released = self._definitions.released(resource)
        if released is None:
            return
        stored, last = released
        if may_go(last):
            self._remove(self._definitions.resource, stored, last)
        else:
            self._storage.put(crd.KEY, ("", last["metadata"]["name"]), last)


def _where(stored: Stored) -> Name:
    metadata = stored.object["metadata"]
    return metadata.get("namespace", ""), metadata["name"]
