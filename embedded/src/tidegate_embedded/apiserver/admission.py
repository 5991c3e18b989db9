"""What an object must be before it is stored: in a living namespace, defaulted, valid."""

from collections.abc import Iterable, Iterator

from tidegate_embedded.apiserver import crd, defaults, errors
from tidegate_embedded.apiserver.errors import Cause
from tidegate_embedded.apiserver.expressions import check_rules, has_rules, uncompiled
from tidegate_embedded.apiserver.naming import metadata_causes
from tidegate_embedded.apiserver.resources import Registry, Resource
from tidegate_embedded.apiserver.storage import Storage
from tidegate_embedded.apiserver.structural import apply_defaults, drop_refused_nulls
from tidegate_embedded.apiserver.structural_validation import validate
from tidegate_embedded.apiserver.validation import builtin_causes
from tidegate_embedded.apiserver.values import Object
from tidegate_embedded.apiserver.webhooks.configuration import unevaluated_conditions
from tidegate_embedded.apiserver.webhooks.rules import WEBHOOKS

_NAMESPACES = ("", "namespaces")


#: Rules are not evaluated on an object that is wrong in one of these ways.
_BLOCKING = {
    errors.REQUIRED,
    errors.NOT_SUPPORTED,
    errors.TOO_LONG,
    errors.TOO_MANY,
    errors.TYPE_INVALID,
}
_UNCHECKED = errors.invalid_value(
    "<nil>",
    None,
    "some validation rules were not checked because the object was invalid; correct the existing"
    " errors to complete validation",
)


class Admission:
    """Defaults and rules of all kinds."""

    def __init__(self, registry: Registry, storage: Storage) -> None:
        self._registry = registry
        self._storage = storage

    def check_namespace(self, resource: Resource, namespace: str, item: Object) -> None:
        """Refuse a new object whose namespace is missing (404) or going (403)."""
        if not resource.namespaced:
            return
        stored = self._storage.find(_NAMESPACES, ("", namespace))
        if stored is None:
            raise errors.not_found("", "namespaces", namespace)
        if stored.object["metadata"].get("deletionTimestamp") is not None:
            raise errors.forbidden(
                resource.group,
                resource.plural,
                item["metadata"].get("name", ""),
                f"unable to create new content in namespace {namespace} because it is being"
                " terminated",
                [
                    Cause(
                        "NamespaceTerminating",
                        "metadata.namespace",
                        f"namespace {namespace} is being terminated",
                    )
                ],
            )

    def fill_in(self, resource: Resource, item: Object, old: Object | None) -> None:
        """Default an object in place."""
        apply_defaults(item, resource.schema)
        if resource.custom:
            drop_refused_nulls(item, resource.schema)
        elif resource.storage_key == crd.KEY:
            crd.fill_in(item)
        else:
            defaults.fill_in(item, old, resource, self._storage)

    def check(self, resource: Resource, item: Object, old: Object | None) -> list[str]:
        """Return warnings of a defaulted object; raises a 422 that names every cause."""
        warnings = [resource.warning] if resource.warning else []
        causes = list(metadata_causes(item, resource))
        if resource.custom:
            causes = _custom_causes(resource, item, old, causes)
        else:
            causes += builtin_causes(item, old, resource)
            if not causes and resource.storage_key == crd.KEY:
                causes += crd.definition_causes(item, old)
        if old is not None and old["metadata"].get("deletionTimestamp") is not None:
            causes += _late_finalizers(item, old)
        if causes:
            name = item["metadata"].get("name", "")
            raise errors.invalid(resource.group, resource.kind, name, _distinct(causes))
        return warnings + [
            f"the rule {rule!r} is not evaluated by this API server"
            for rule in _not_evaluated(resource, item)
        ]


def _not_evaluated(resource: Resource, item: Object) -> Iterator[str]:
    if resource.storage_key == crd.KEY:
        yield from uncompiled(item["spec"]["versions"])
    elif resource.storage_key in WEBHOOKS:
        yield from unevaluated_conditions(item)


def _custom_causes(
    resource: Resource, item: Object, old: Object | None, of_metadata: list[Cause]
) -> list[Cause]:
    """Add to what is wrong with the metadata what is wrong with the rest."""
    schema = resource.schema
    causes = of_metadata + _without_metadata(validate(item, schema))
    if not any(cause.reason in _BLOCKING for cause in causes):
        causes += check_rules(item, old, schema)
    elif has_rules(schema):
        causes.append(_UNCHECKED)
    if old is None or not causes:
        return causes
    # What was wrong before and has not been touched does not stand in the way of other changes.
    known = {*validate(old, schema), *check_rules(old, old, schema)}.difference(of_metadata)
    return [cause for cause in causes if cause not in known]


def _without_metadata(causes: Iterable[Cause]) -> list[Cause]:
    return [cause for cause in causes if not cause.field.startswith("metadata.")]


def _late_finalizers(item: Object, old: Object) -> list[Cause]:
    before = old["metadata"].get("finalizers") or ()
    late = [name for name in item["metadata"].get("finalizers") or () if name not in before]
    if not late:
        return []
    listed = ", ".join(errors.shown(name) for name in late)
    message = (
        "Forbidden: no new finalizers can be added if the object is being deleted, found new"
        f" finalizers []string{{{listed}}}"
    )
    return [Cause(errors.FORBIDDEN, "metadata.finalizers", message)]


def _distinct(causes: Iterable[Cause]) -> list[Cause]:
    return list(dict.fromkeys(causes))
