"""From what a client sent to an object of its kind: identity, unknown fields, types."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from tidegate_embedded.apiserver import errors
from tidegate_embedded.apiserver.resources import Resource
from tidegate_embedded.apiserver.structural import drop_nulls, mistyped, prune, type_name
from tidegate_embedded.apiserver.validation import undecodable_bytes
from tidegate_embedded.apiserver.values import Object, child

FieldValidation = Literal["Strict", "Warn", "Ignore"]

_GO_TYPES = {
    "integer": "int32",
    "boolean": "bool",
    "number": "float64",
    "array": "[]",
    "object": "map",
    "int-or-string": "intstr.IntOrString",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOptions:
    """How a write is done: as whom, whether for real, and how strictly it is read."""

    manager: str = "unknown"
    dry_run: bool = False
    field_validation: FieldValidation = "Warn"
    force: bool = False
    #: Unknown fields that the parser found on its way, such as duplicates.
    found: tuple[str, ...] = ()


def decoded(item: Any, resource: Resource, options: WriteOptions) -> tuple[Object, list[str]]:
    """Check and prune an object in place; returns it with warnings, raises a 400 or 422."""
    if not isinstance(item, dict):
        raise errors.bad_request(f"a {resource.kind} must be an object, not {type_name(item)}")
    _check_identity(item, resource)
    metadata = child(item, "metadata")
    if not resource.custom:
        drop_nulls(item)
        item.setdefault("metadata", metadata)
    unknown = [
        *options.found,
        *(f'unknown field "{path}"' for path in prune(item, resource.schema)),
    ]
    _check_types(item, resource)
    if not unknown or options.field_validation == "Ignore":
        return item, []
    if options.field_validation == "Warn":
        return item, unknown
    raise errors.bad_request(
        f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}:'
        f" strict decoding error: {', '.join(unknown)}"
    )


def _check_identity(item: Object, resource: Resource) -> None:
    kind, api_version = item.get("kind"), item.get("apiVersion")
    if resource.custom:
        for field, value in (("Kind", kind), ("apiVersion", api_version)):
            if not value:
                raise errors.bad_request(f"Object '{field}' is missing in the body")
    if api_version and api_version != resource.api_version:
        raise errors.bad_request(
            f"the API version in the data ({api_version}) does not match the expected API version"
            f" ({resource.api_version})"
        )
    if kind and kind != resource.kind:
        raise errors.bad_request(
            f"{kind} in version {resource.version!r} cannot be handled as a {resource.kind}"
        )
    item["apiVersion"], item["kind"] = resource.api_version, resource.kind


def _check_types(item: Object, resource: Resource) -> None:
    """Refuse what does not decode into the kind's types; a custom kind's are in its schema."""
    problems: Iterable[tuple[str, Any, str]]
    if resource.custom:
        schema = resource.schema["properties"]["metadata"]
        problems = mistyped(item["metadata"], schema, "metadata")
    else:
        problems = mistyped(item, resource.schema)
    for path, value, wanted in problems:
        actual = {"boolean": "bool"}.get(type_name(value), type_name(value))
        raise errors.bad_request(
            f'{resource.kind} in version "{resource.version}" cannot be handled as a'
            f" {resource.kind}: json: cannot unmarshal {actual} into Go struct field"
            f" {resource.kind}.{path} of type {_GO_TYPES.get(wanted, wanted)}"
        )
    if (resource.group, resource.kind) == ("", "Secret"):
        name = undecodable_bytes(item)
        if name is not None:
            raise errors.bad_request(
                f'Secret in version "v1" cannot be handled as a Secret: illegal base64 data in'
                f" data.{name}"
            )
