"""What a structural schema does to an object: unknown fields, defaults and validation.

Rules in CEL are in `expressions`; merging by schema is in `patch` and `apply`.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from canary.demo.apiserver import errors
from canary.demo.apiserver.errors import Cause
from canary.demo.apiserver.schema import model_schema
from canary.demo.apiserver.values import Object, copied

PRESERVE = "x-kubernetes-preserve-unknown-fields"
INT_OR_STRING = "x-kubernetes-int-or-string"
EMBEDDED = "x-kubernetes-embedded-resource"
LIST_TYPE = "x-kubernetes-list-type"
MAP_KEYS = "x-kubernetes-list-map-keys"

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
    return {PRESERVE: True} if additional is True else None


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
        return "integer"
    if isinstance(value, float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def _has_type(value: Any, wanted: str) -> bool:
    actual = type_name(value)
    if wanted == "number":
        return actual in {"integer", "number"}
    if wanted == "integer":
        return actual == "integer" or (actual == "number" and float(value).is_integer())
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
    if wanted and not _has_type(value, wanted):
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


@lru_cache(maxsize=512)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text.replace(r"\z", r"\Z"))


def validate(value: Any, schema: Object, path: str = "") -> list[Cause]:
    """Return everything in which a value breaks its schema, CEL rules aside."""
    wanted = "" if schema.get(INT_OR_STRING) else schema.get("type", "")
    if value is None and (schema.get("nullable") or not (wanted or schema.get(INT_OR_STRING))):
        return []
    if schema.get(INT_OR_STRING) and type_name(value) not in {"integer", "string"}:
        return [_wrong_type(path, value, "integer,string")]
    if wanted and not _has_type(value, wanted):
        return [_wrong_type(path, value, wanted)]
    causes = list(_validate_value(value, schema, path))
    if isinstance(value, dict):
        causes += _validate_object(value, schema, path)
    elif isinstance(value, list):
        causes += _validate_list(value, schema, path)
    causes += _validate_combinations(value, schema, path)
    return causes


def _wrong_type(path: str, value: Any, wanted: str) -> Cause:
    actual = type_name(value)
    return Cause(
        errors.TYPE_INVALID,
        path or "<nil>",
        f'Invalid value: "{actual}": {path} in body must be of type {wanted}: "{actual}"',
    )


def _validate_value(value: Any, schema: Object, path: str) -> Iterator[Cause]:
    if "enum" in schema and value not in schema["enum"]:
        yield errors.unsupported(path, value, schema["enum"])
    if isinstance(value, str):
        if len(value) < schema.get("minLength", 0):
            detail = f"{path} in body should be at least {schema['minLength']} chars long"
            yield errors.invalid_value(path, value, detail)
        if "maxLength" in schema and len(value) > schema["maxLength"]:
            yield Cause(
                errors.TOO_LONG,
                path,
                f"Too long: may not be more than {schema['maxLength']} bytes",
            )
        if "pattern" in schema and not _pattern(schema["pattern"]).search(value):
            detail = f"{path} in body should match '{schema['pattern']}'"
            yield errors.invalid_value(path, value, detail)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _validate_number(value, schema, path)


def _validate_number(value: float, schema: Object, path: str) -> Iterator[Cause]:
    minimum, maximum = schema.get("minimum"), schema.get("maximum")
    if minimum is not None:
        exclusive = bool(schema.get("exclusiveMinimum"))
        if value < minimum or (exclusive and value == minimum):
            relation = "greater than" if exclusive else "greater than or equal to"
            yield errors.invalid_value(
                path, value, f"{path} in body should be {relation} {minimum}"
            )
    if maximum is not None:
        exclusive = bool(schema.get("exclusiveMaximum"))
        if value > maximum or (exclusive and value == maximum):
            relation = "less than" if exclusive else "less than or equal to"
            yield errors.invalid_value(
                path, value, f"{path} in body should be {relation} {maximum}"
            )
    multiple = schema.get("multipleOf")
    if multiple and value % multiple:
        yield errors.invalid_value(
            path, value, f"{path} in body should be a multiple of {multiple}"
        )


def _validate_object(value: Object, schema: Object, path: str) -> list[Cause]:
    causes = [
        errors.required(f"{path}.{name}" if path else name)
        for name in schema.get("required", ())
        if name not in value
    ]
    if len(value) < schema.get("minProperties", 0):
        detail = f"{path} in body should have at least {schema['minProperties']} properties"
        causes.append(errors.invalid_value(path, value, detail))
    if "maxProperties" in schema and len(value) > schema["maxProperties"]:
        causes.append(_too_many(path, len(value), schema["maxProperties"]))
    for name, item in value.items():
        nested = child_schema(schema, name)
        if nested is not None:
            causes += validate(item, nested, f"{path}.{name}" if path else name)
    return causes


def _too_many(path: str, actual: int, most: int) -> Cause:
    return Cause(errors.TOO_MANY, path, f"Too many: {actual}: must have at most {most} items")


def _validate_list(value: list[Any], schema: Object, path: str) -> list[Cause]:
    causes: list[Cause] = []
    if len(value) < schema.get("minItems", 0):
        detail = f"{path} in body should have at least {schema['minItems']} items"
        causes.append(errors.invalid_value(path, value, detail))
    if "maxItems" in schema and len(value) > schema["maxItems"]:
        causes.append(_too_many(path, len(value), schema["maxItems"]))
    items = schema.get("items")
    if items:
        for index, item in enumerate(value):
            causes += validate(item, items, f"{path}[{index}]")
    causes += _duplicates(value, schema, path)
    return causes


def _duplicates(value: list[Any], schema: Object, path: str) -> list[Cause]:
    kind = schema.get(LIST_TYPE)
    if schema.get("uniqueItems"):
        kind = "set"
    if kind not in {"set", "map"}:
        return []
    keys = schema.get(MAP_KEYS, ())
    seen: list[Any] = []
    causes = []
    for index, item in enumerate(value):
        identity = item
        if kind == "map":
            if not isinstance(item, dict):
                continue
            identity = {key: item.get(key) for key in keys}
        if identity in seen:
            shown = item
            if kind == "map":
                shown = "map[" + " ".join(f"{k}:{v}" for k, v in identity.items()) + "]"
                causes.append(
                    Cause(errors.DUPLICATE, f"{path}[{index}]", f"Duplicate value: {shown}")
                )
            else:
                causes.append(errors.duplicate(f"{path}[{index}]", shown))
        seen.append(identity)
    return causes


def _validate_combinations(value: Any, schema: Object, path: str) -> Iterable[Cause]:
    causes: list[Cause] = []
    for part in schema.get("allOf", ()):
        causes += validate(value, part, path)
    alternatives = schema.get("anyOf")
    if (
        alternatives
        and not schema.get(INT_OR_STRING)
        and all(validate(value, part, path) for part in alternatives)
    ):
        detail = f"{path} in body must validate at least one schema (anyOf)"
        causes.append(errors.invalid_value(path, value, detail))
    choices = schema.get("oneOf")
    if choices and sum(not validate(value, part, path) for part in choices) != 1:
        detail = f"{path} in body must validate one and only one schema (oneOf)"
        causes.append(errors.invalid_value(path, value, detail))
    if "not" in schema and not validate(value, schema["not"], path):
        detail = f"{path} in body must not validate the schema (not)"
        causes.append(errors.invalid_value(path, value, detail))
    return causes
