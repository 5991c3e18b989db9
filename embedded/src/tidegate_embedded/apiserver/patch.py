"""The three patches that change a part of an object: JSON, merge and strategic merge.

Server-side apply is in `apply`. Each function returns a new value and leaves its input alone.
"""

from typing import Any

import jsonpatch
import jsonpointer

from tidegate_embedded.apiserver import errors
from tidegate_embedded.apiserver.structural import child_schema
from tidegate_embedded.apiserver.values import Object, copied

MERGE_KEY = "x-kubernetes-patch-merge-key"
STRATEGY = "x-kubernetes-patch-strategy"

_DIRECTIVE = "$patch"
_RETAIN_KEYS = "$retainKeys"
_ORDER = "$setElementOrder/"
_REMOVE_FROM_SET = "$deleteFromPrimitiveList/"


def json_patched(original: Object, operations: Any) -> Object:
    """Apply a JSON patch (RFC 6902); raises a 400 or 422."""
    if not isinstance(operations, list):
        raise errors.bad_request("a JSON patch must be a list of operations")
    try:
        result: Object = jsonpatch.JsonPatch(operations).apply(copied(original))
    except jsonpatch.InvalidJsonPatch as error:
        raise errors.bad_request(f"the JSON patch is malformed: {error}") from error
    except (
        jsonpatch.JsonPatchException,
        jsonpointer.JsonPointerException,
        TypeError,
        AssertionError,
    ) as error:
        raise errors.ApiError(
            422, "Invalid", "the server rejected our request due to an error in our request"
        ) from error
    return result


def merge_patched(original: Any, changes: Any) -> Any:
    """Apply a JSON merge patch (RFC 7396)."""
    if not isinstance(changes, dict):
        return copied(changes)
    result = dict(original) if isinstance(original, dict) else {}
    for name, change in changes.items():
        if change is None:
            result.pop(name, None)
        else:
            result[name] = merge_patched(result.get(name), change)
    return result


def strategic_patched(original: Object, changes: Object, schema: Object) -> Object:
    """Apply a strategic merge patch by the schema's merge keys; raises a 400."""
    directive = changes.get(_DIRECTIVE)
    if directive == "replace":
        return {name: copied(item) for name, item in changes.items() if name != _DIRECTIVE}
    if directive == "delete":
        return {}
    if directive not in {None, "merge"}:
        raise errors.bad_request(f"invalid {_DIRECTIVE} value {directive!r}: use replace or delete")
    result = dict(original)
    retained = changes.get(_RETAIN_KEYS)
    if isinstance(retained, list):
        result = {name: item for name, item in result.items() if name in retained}
    for name, change in changes.items():
        if name in {_DIRECTIVE, _RETAIN_KEYS} or name.startswith((_ORDER, _REMOVE_FROM_SET)):
            continue
        if change is None:
            result.pop(name, None)
            continue
        nested = child_schema(schema, name) or {}
        result[name] = _patched_field(result.get(name), change, nested)
    _apply_set_removals(result, changes)
    _apply_orders(result, changes, schema)
    return result


def _patched_field(original: Any, change: Any, schema: Object) -> Any:
    if isinstance(change, dict):
        before = original if isinstance(original, dict) else {}
        return strategic_patched(before, change, schema)
    if isinstance(change, list) and "merge" in schema.get(STRATEGY, "").split(","):
        before_items = original if isinstance(original, list) else []
        key = schema.get(MERGE_KEY)
        if key is None:
            return before_items + [item for item in change if item not in before_items]
        return _merged_list(before_items, change, key, schema.get("items", {}))
    return copied(change)


def _merged_list(original: list[Any], changes: list[Any], key: str, schema: Object) -> list[Any]:
    if any(isinstance(item, dict) and item.get(_DIRECTIVE) == "replace" for item in changes):
        return [
            copied(item)
            for item in changes
            if not (isinstance(item, dict) and item.get(_DIRECTIVE) == "replace")
        ]
    result = list(original)
    for change in changes:
        if not isinstance(change, dict) or key not in change:
            raise errors.bad_request(f"map: {change!r} does not contain declared merge key: {key}")
        position = next(
            (
                index
                for index, item in enumerate(result)
                if isinstance(item, dict) and item.get(key) == change[key]
            ),
            None,
        )
        if change.get(_DIRECTIVE) == "delete":
            if position is not None:
                del result[position]
        elif position is None:
            result.append(strategic_patched({}, change, schema))
        else:
            result[position] = strategic_patched(result[position], change, schema)
    return result


def _apply_set_removals(result: Object, changes: Object) -> None:
    for name, removed in changes.items():
        if name.startswith(_REMOVE_FROM_SET) and isinstance(removed, list):
            field = name.removeprefix(_REMOVE_FROM_SET)
            if isinstance(result.get(field), list):
                result[field] = [item for item in result[field] if item not in removed]


def _apply_orders(result: Object, changes: Object, schema: Object) -> None:
    for name, order in changes.items():
        if not name.startswith(_ORDER) or not isinstance(order, list):
            continue
        field = name.removeprefix(_ORDER)
        key = (child_schema(schema, field) or {}).get(MERGE_KEY)
        items = result.get(field)
        if not isinstance(items, list):
            continue
        wanted = [item.get(key) if key and isinstance(item, dict) else item for item in order]
        result[field] = _ordered(items, wanted, key)


def _ordered(items: list[Any], wanted: list[Any], key: str | None) -> list[Any]:
    """Put named items in the order asked for; others stay behind what they stood behind."""

    def identity(item: Any) -> Any:
        return item.get(key) if key and isinstance(item, dict) else item

    result = sorted(
        (item for item in items if identity(item) in wanted),
        key=lambda item: wanted.index(identity(item)),
    )
    for index, item in enumerate(items):
        if identity(item) not in wanted:
            before = items[index - 1] if index else None
            position = result.index(before) + 1 if before in result else 0
            result.insert(position, item)
    return result
