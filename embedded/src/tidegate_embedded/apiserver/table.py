"""Tables of objects, as `kubectl get` asks for them.

Columns of custom kinds come from their definitions; those of built-in kinds are in `columns`.
"""

from typing import Any

from tidegate_embedded.apiserver import jsonpath
from tidegate_embedded.apiserver.columns import BUILTIN_COLUMNS, Cells, age, item_age
from tidegate_embedded.apiserver.resources import Column, Resource
from tidegate_embedded.apiserver.values import Object, now

_NAME = Column(name="Name", type="string", path=".metadata.name", format="name")
_AGE = Column(name="Age", type="string", path=".metadata.creationTimestamp")


def _definitions(resource: Resource) -> tuple[list[Column], Cells]:
    if resource.custom:
        listed = list(resource.columns)
        return [_NAME, *listed], lambda item: [
            item["metadata"]["name"],
            *(_custom_cell(item, column) for column in listed),
        ]
    known = BUILTIN_COLUMNS.get(resource.storage_key)
    if known is None:
        return [_NAME, _AGE], lambda item: [item["metadata"]["name"], item_age(item)]
    names, cells = known
    columns = [
        Column(name=name.removeprefix("+"), type="string", path="", priority=int(name[0] == "+"))
        for name in names
    ]
    if resource.storage_key == ("", "events"):
        return columns, cells
    return [_NAME, *columns], lambda item: [item["metadata"]["name"], *cells(item)]


def _custom_cell(item: Object, column: Column) -> Any:
    values = jsonpath.found(item, column.path)
    if not values or values[0] is None:
        return None
    value = values[0]
    if column.type == "date":
        return age(str(value), now())
    if column.type == "string" and not isinstance(value, str):
        return ",".join(str(each) for each in values) if isinstance(value, str) else _text(value)
    return value


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + ",".join(_quoted(item) for item in value) + "]"
    return str(value)


def _quoted(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else _text(value)


def column_definitions(resource: Resource) -> list[Object]:
    """Return the columns of a resource's tables."""
    return [
        {
            "name": column.name,
            "type": column.type,
            "format": column.format,
            "description": column.description,
            "priority": column.priority,
        }
        for column in _definitions(resource)[0]
    ]


def row(item: Object, resource: Resource, include: str = "Metadata") -> Object:
    """Return the table row of an object; `include` says how much of the object is in it."""
    cells = _definitions(resource)[1]
    made: Object = {"cells": cells(item)}
    if include == "Object":
        made["object"] = item
    elif include != "None":
        made["object"] = partial_metadata(item)
    return made


def partial_metadata(item: Object) -> Object:
    """Return an object's PartialObjectMetadata."""
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": item["metadata"],
    }


def table(
    rows: list[Object], resource: Resource, metadata: Object, *, columns: bool = True
) -> Object:
    """Return a Table."""
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": column_definitions(resource) if columns else None,
        "rows": rows,
    }
