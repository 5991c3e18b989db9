"""In which ways a value breaks its structural schema, rules in CEL aside.

Those are in `expressions`. Texts are those of kube-apiserver.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from tidegate_embedded.apiserver import errors
from tidegate_embedded.apiserver.errors import Cause
from tidegate_embedded.apiserver.structural import (
    INT_OR_STRING,
    LIST_TYPE,
    MAP_KEYS,
    child_schema,
    has_type,
    type_name,
)
from tidegate_embedded.apiserver.values import Object


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
    if wanted == "integer" and type_name(value) == "number" and not has_type(value, wanted):
        return [*_no_integer(path, value), *_validate_number(float(value), schema, path)]
    if wanted and not has_type(value, wanted):
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


def _no_integer(path: str, value: Any) -> Iterator[Cause]:
    yield _wrong_type(path, value, "integer")
    detail = f"Checked value must be of type integer (default format) in {path}"
    yield errors.invalid_value("<nil>", "", detail)


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
            limit = _shown_limit(minimum, value)
            yield errors.invalid_value(path, value, f"{path} in body should be {relation} {limit}")
    if maximum is not None:
        exclusive = bool(schema.get("exclusiveMaximum"))
        if value > maximum or (exclusive and value == maximum):
            relation = "less than" if exclusive else "less than or equal to"
            limit = _shown_limit(maximum, value)
            yield errors.invalid_value(path, value, f"{path} in body should be {relation} {limit}")
    multiple = schema.get("multipleOf")
    if multiple and value % multiple:
        yield errors.invalid_value(
            path, value, f"{path} in body should be a multiple of {multiple}"
        )


def _shown_limit(limit: float, value: float) -> str:
    """Write a limit as Go does: beside a fraction it is one, with an exponent from a million on."""
    if isinstance(value, int) or abs(limit) < 1_000_000:
        return str(limit)
    digits = f"{limit:.17g}".replace(".", "").rstrip("0")
    return f"{digits[0]}.{digits[1:]}e+{len(str(int(limit))) - 1:02}"


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
        causes.append(errors.invalid_value(path, len(value), detail))
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
