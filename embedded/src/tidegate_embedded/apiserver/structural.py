"""What a structural schema does to an object: unknown fields, types, defaults and nulls.

Validation is in `structural_validation`, rules in CEL in `expressions`; merging by schema is in
`patch` and `apply`.
"""

from collections.abc import Iterator
from typing import Any

from tidegate_embedded.apiserver.schema import model_schema
from tidegate_embedded.apiserver.values import Object, copied

PRESERVE = "x-kubernetes-preserve-unknown-fields"
INT_OR_STRING = "x-kubernetes-int-or-string"
EMBEDDED = "x-kubernetes-embedded-resource"
LIST_TYPE = "x-kubernetes-list-type"
MAP_KEYS = "x-kubernetes-list-map-keys"

_INT64 = 2**63
#: Floating-point numbers below this are exact, and integers may be written as such.
_EXACT = 2**53

_ANYTHING: Object = {PRESERVE: True}
_TYPE_META: Object = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}}


def with_metadata(schema: Object) -> Object:
    """Add what every object has, apiVersion, kind and metadata, to a custom kind's schema."""
    properties = {**schema.get("properties", {}), **_TYPE_META}
    properties["metadata"] = model_schema("V1ObjectMeta")
    return {**schema, "type": "object", "properties": properties}


def child_schema(schema: Object, name: str) -> Object | None:
    """Return the schema of a field, or None where the schema does not know it."""
    known: Object | None = schema.get("properties", {}).get(name)
    if known is not None:
        return known
    additional = schema.get("additionalProperties")
    if isinstance(additional, dict):
        return additional
    return _ANYTHING if additional is True else None


def prune(value: Any, schema: Object, path: str = "") -> list[str]:
    """Remove unknown fields in place and return their paths."""
    removed: list[str] = []
    if isinstance(value, dict):
        if schema.get(EMBEDDED):
            schema = with_metadata(schema)
        for name in list(value):
            where = f"{path}.{name}" if path else name
            nested = child_schema(schema, name)
            if nested is None:
                if not schema.get(PRESERVE):
                    del value[name]
                    removed.append(where)
            else:
                removed += prune(value[name], nested, where)
    elif isinstance(value, list):
        items = schema.get("items")
        if items:
            for index, item in enumerate(value):
                removed += prune(item, items, f"{path}[{index}]")
    return removed


def apply_defaults(value: Any, schema: Object) -> None:
    """Fill in the schema's defaults in place."""
    if isinstance(value, dict):
        for name, nested in schema.get("properties", {}).items():
            absent = name not in value
            replaceable = not absent and value[name] is None and not nested.get("nullable")
            if (absent or replaceable) and "default" in nested:
                value[name] = copied(nested["default"])
            if value.get(name) is not None:
                apply_defaults(value[name], nested)
        additional = schema.get("additionalProperties")
        if isinstance(additional, dict):
            for name, item in value.items():
                if name not in schema.get("properties", {}):
                    apply_defaults(item, additional)
    elif isinstance(value, list):
        items = schema.get("items")
        if items:
            for item in value:
                apply_defaults(item, items)


def drop_refused_nulls(value: Any, schema: Object) -> None:
    """Remove null fields that the schema lets be no null in place; nulls in lists stay."""
    if isinstance(value, dict):
        for name, item in list(value.items()):
            nested = child_schema(schema, name)
            if item is None and nested not in (None, _ANYTHING) and not nested.get("nullable"):
                del value[name]
            elif nested is not None:
                drop_refused_nulls(item, nested)
    elif isinstance(value, list) and schema.get("items"):
        for item in value:
            drop_refused_nulls(item, schema["items"])


def drop_nulls(value: Any) -> None:
    """Remove null fields in place, as decoding into a Go struct does."""
    if isinstance(value, dict):
        for name in [name for name, item in value.items() if item is None]:
            del value[name]
        for item in value.values():
            drop_nulls(item)
    elif isinstance(value, list):
        for item in value:
            drop_nulls(item)


def type_name(value: Any) -> str:
    """Name a JSON value's type as validation messages do."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer" if -_INT64 <= value < _INT64 else "number"
    if isinstance(value, float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def has_type(value: Any, wanted: str) -> bool:
    """Tell whether a JSON value is of a type; 3.0 is an integer."""
    actual = type_name(value)
    if wanted == "number":
        return actual in {"integer", "number"}
    if wanted == "integer":
        whole = isinstance(value, float) and value.is_integer() and abs(value) < _EXACT
        return actual == "integer" or whole
    return actual == wanted


def mistyped(value: Any, schema: Object, path: str = "") -> Iterator[tuple[str, Any, str]]:
    """Yield the path, value and wanted type of every field that has another type."""
    if value is None:
        return
    if schema.get(INT_OR_STRING):
        if type_name(value) not in {"integer", "string", "number"}:
            yield path, value, "int-or-string"
        return
    wanted = schema.get("type")
    if wanted and not has_type(value, wanted):
        yield path, value, wanted
        return
    if isinstance(value, dict):
        for name, item in value.items():
            nested = child_schema(schema, name)
            if nested is not None:
                yield from mistyped(item, nested, f"{path}.{name}" if path else name)
    elif isinstance(value, list) and schema.get("items"):
        for index, item in enumerate(value):
            yield from mistyped(item, schema["items"], f"{path}[{index}]")
