"""Which fields an object has, and who manages them: the sets behind `metadata.managedFields`.

A field is a path of elements as in `fieldsV1`: `f:<name>`, `k:<keys of a list's item>`,
`v:<value of a set>`. A set of fields is a set of paths.
Merging is in `apply`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from tidegate_embedded.apiserver.structural import LIST_TYPE, MAP_KEYS, child_schema
from tidegate_embedded.apiserver.values import Object, from_json, to_json

Path = tuple[str, ...]
Operation = Literal["Apply", "Update"]

#: What an item of a list, or an empty or opened map, holds in the flattened form.
PRESENT = object()

_UNMANAGED_METADATA = {
    "name", "namespace", "creationTimestamp", "selfLink", "uid", "generation",
    "managedFields", "resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds",
}  # fmt: skip
_NO_SCHEMA: Object = {}


@dataclass(frozen=True, slots=True)
class Manager:
    """One entry of `managedFields`: who, by which operation, in which version and subresource."""

    name: str
    operation: Operation
    api_version: str
    subresource: str = ""


@dataclass(frozen=True, slots=True)
class Managed:
    """What a manager manages, and since when."""

    fields: frozenset[Path]
    time: str


Managers = dict[Manager, Managed]


def is_atomic(value: Any, schema: Object) -> bool:
    """Tell whether a value is managed as a whole."""
    if isinstance(value, dict):
        return bool(schema.get("x-kubernetes-map-type") == "atomic")
    if isinstance(value, list):
        return bool(schema.get(LIST_TYPE, "atomic") == "atomic")
    return True


def item_element(item: Any, schema: Object) -> str:
    """Return the path element of an item of a list that is a map or a set."""
    if schema.get(LIST_TYPE) == "map" and isinstance(item, dict):
        properties = schema.get("items", {}).get("properties", {})
        keys: Object = {}
        for key in sorted(schema.get(MAP_KEYS, ())):
            value = item.get(key, properties.get(key, {}).get("default"))
            if value is not None:
                keys[key] = value
        return "k:" + to_json(keys).decode()
    return "v:" + to_json(item).decode()


def flattened(item: Object, schema: Object) -> dict[Path, Any]:
    """Map every managed field of an object to its value; what the server sets is left out."""
    fields: dict[Path, Any] = {}
    for name, value in item.items():
        if name in {"apiVersion", "kind"}:
            continue
        nested = child_schema(schema, name) or _NO_SCHEMA
        if name == "metadata":
            own = {key: part for key, part in value.items() if key not in _UNMANAGED_METADATA}
            if own:
                _flatten(own, nested, ("f:metadata",), fields)
        else:
            _flatten(value, nested, (f"f:{name}",), fields)
    return fields


def _flatten(value: Any, schema: Object, path: Path, fields: dict[Path, Any]) -> None:
    if is_atomic(value, schema):
        fields[path] = value
    elif isinstance(value, dict):
        if not value:
            fields[path] = PRESENT
        for name, part in value.items():
            _flatten(part, child_schema(schema, name) or _NO_SCHEMA, (*path, f"f:{name}"), fields)
    else:
        items = schema.get("items") or _NO_SCHEMA
        for part in value:
            element = (*path, item_element(part, schema))
            fields[element] = PRESENT
            if isinstance(part, dict):
                _flatten(part, items, element, fields)


def as_tree(paths: frozenset[Path]) -> Object:
    """Write a set of fields as a `fieldsV1` object."""
    tree: Object = {}
    for path in sorted(paths):
        node = tree
        for element in path:
            node = node.setdefault(element, {})
        node["."] = {}
    _close(tree)
    return tree


def _close(node: Object) -> None:
    """Drop the member mark of what has no children: there it goes without saying."""
    for name, nested in node.items():
        if name != ".":
            if nested.keys() == {"."}:
                nested.clear()
            else:
                _close(nested)


def from_tree(tree: Object, path: Path = ()) -> Iterator[Path]:
    """Read the fields of a `fieldsV1` object."""
    for element, nested in tree.items():
        if element == ".":
            yield path
        elif not nested:
            yield (*path, element)
        else:
            yield from from_tree(nested, (*path, element))


def read_managers(item: Object) -> Managers:
    """Read an object's `managedFields`."""
    managers: Managers = {}
    for entry in item.get("metadata", {}).get("managedFields") or ():
        manager = Manager(
            entry.get("manager", ""),
            entry.get("operation", "Update"),
            entry.get("apiVersion", ""),
            entry.get("subresource", ""),
        )
        fields = frozenset(from_tree(entry.get("fieldsV1") or {}))
        managers[manager] = Managed(fields, entry.get("time", ""))
    return managers


def write_managers(item: Object, managers: Managers) -> None:
    """Write an object's `managedFields` in place; managers of nothing are left out."""
    entries = []
    for manager, managed in sorted(
        managers.items(), key=lambda pair: (pair[0].operation, pair[1].time, pair[0].name)
    ):
        if not managed.fields:
            continue
        entry: Object = {
            "manager": manager.name,
            "operation": manager.operation,
            "apiVersion": manager.api_version,
            "time": managed.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": as_tree(managed.fields),
        }
        if manager.subresource:
            entry["subresource"] = manager.subresource
        entries.append(entry)
    if entries:
        item["metadata"]["managedFields"] = entries
    else:
        item["metadata"].pop("managedFields", None)


def readable(path: Path) -> str:
    """Write a field's path as conflict messages do."""
    text = ""
    for element in path:
        kind, _, rest = element.partition(":")
        if kind == "f":
            text += f".{rest}"
        elif kind == "k":
            keys = ",".join(
                f"{key}={to_json(value).decode()}" for key, value in from_json(rest).items()
            )
            text += f"[{keys}]"
        else:
            text += f"[={rest}]"
    return text
