"""Server-side apply: merging what a manager applies, and keeping track of who manages what.

The rules are those of Kubernetes' structured merge: an applier owns what it names, what it no
longer names goes unless someone else owns it, and a change of what another owns is a conflict
unless forced.
"""

from collections.abc import Callable
from typing import Any

from tidegate_embedded.apiserver import errors
from tidegate_embedded.apiserver.errors import MANAGER_CONFLICT, Cause
from tidegate_embedded.apiserver.fields import (
    Managed,
    Manager,
    Managers,
    Path,
    flattened,
    is_atomic,
    item_element,
    read_managers,
    readable,
    write_managers,
)
from tidegate_embedded.apiserver.structural import MAP_KEYS, child_schema
from tidegate_embedded.apiserver.values import Object, copied

#: Tells which fields a request may write (the status, or all but the status).
Writable = Callable[[Path], bool]


def merged(live: Any, applied: Any, schema: Object) -> Any:
    """Merge what is applied into what is there."""
    if is_atomic(applied, schema) or type(live) is not type(applied):
        return copied(applied)
    if isinstance(applied, dict):
        result = dict(live)
        for name, value in applied.items():
            nested = child_schema(schema, name) or {}
            result[name] = merged(live[name], value, nested) if name in live else copied(value)
        return result
    items = schema.get("items") or {}
    elements = [item_element(item, schema) for item in live]
    result_items = list(live)
    for item in applied:
        element = item_element(item, schema)
        if element in elements:
            position = elements.index(element)
            result_items[position] = merged(result_items[position], item, items)
        else:
            result_items.append(copied(item))
            elements.append(element)
    return result_items


def without(item: Object, dropped: set[Path], kept: frozenset[Path], schema: Object) -> Object:
    """Remove fields, except those that contain or are contained in what is kept."""
    protected = {path[:length] for path in kept for length in range(1, len(path) + 1)}
    gone = {path for path in dropped if path not in protected}
    if not gone:
        return item
    touched = {path[:length] for path in gone for length in range(1, len(path))}
    result: Object = _without(item, gone, touched, protected, schema, ())
    return result


def _without(
    value: Any, gone: set[Path], touched: set[Path], kept: set[Path], schema: Object, path: Path
) -> Any:
    if isinstance(value, dict):
        result: Object = {}
        for name, part in value.items():
            where = (*path, f"f:{name}")
            if where in gone:
                continue
            if where in touched:
                nested = child_schema(schema, name) or {}
                part_left = _without(part, gone, touched, kept, nested, where)
                if not part_left and part and where not in kept and len(where) > 1:
                    continue
                result[name] = part_left
            else:
                result[name] = part
        return result
    if isinstance(value, list):
        items = schema.get("items") or {}
        left = []
        for part in value:
            where = (*path, item_element(part, schema))
            if where in gone:
                continue
            if where not in touched:
                left.append(part)
                continue
            keys = {key: part[key] for key in schema.get(MAP_KEYS, ()) if key in part}
            left.append({**keys, **_without(part, gone, touched, kept, items, where)})
        return left
    return value


def changes(old: dict[Path, Any], new: dict[Path, Any]) -> tuple[set[Path], set[Path]]:
    """Return the fields set or changed between two flattened objects, and those removed."""
    written = {path for path, value in new.items() if path not in old or old[path] != value}
    return written, set(old) - set(new)


def owned_elsewhere(managers: Managers, manager: Manager) -> frozenset[Path]:
    """Return the fields of all managers but one."""
    return frozenset().union(
        *(managed.fields for other, managed in managers.items() if other != manager)
    )


def applied_to(
    live: Object | None,
    applied: Object,
    schema: Object,
    manager: Manager,
    *,
    force: bool,
    time: str,
    writable: Writable,
) -> Object:
    """Return the object after an apply, with its managers; raises a 409 that names the owners."""
    applied = {name: part for name, part in applied.items() if writable((f"f:{name}",))}
    base: Object = live if live is not None else {"metadata": {}}
    managers = read_managers(base)
    wanted = frozenset(flattened(applied, schema))
    last = managers[manager].fields if manager in managers else frozenset()
    result: Object = merged(base, applied, schema)
    others = owned_elsewhere(managers, manager)
    result = without(result, set(last - wanted), others | wanted, schema)
    written, removed = changes(flattened(base, schema), flattened(result, schema))
    _take_over(managers, manager, written, removed, force=force)
    changed = bool(written or removed) or wanted != last
    since = managers[manager].time if manager in managers and not changed else time
    managers[manager] = Managed(wanted, since)
    result["metadata"] = dict(result["metadata"])
    write_managers(result, managers)
    return result


def _take_over(
    managers: Managers, manager: Manager, written: set[Path], removed: set[Path], *, force: bool
) -> None:
    causes: list[Cause] = []
    for other, managed in list(managers.items()):
        if other == manager:
            continue
        disputed = managed.fields & written
        if disputed and not force:
            using = f" using {other.api_version}" if other.operation == "Update" else ""
            subresource = f' with subresource "{other.subresource}"' if other.subresource else ""
            when = f" at {managed.time}" if other.operation == "Update" else ""
            causes += [
                Cause(
                    MANAGER_CONFLICT,
                    readable(path),
                    f'conflict with "{other.name}"{subresource}{using}{when}',
                )
                for path in sorted(disputed)
            ]
            continue
        left = managed.fields - disputed - removed
        if left != managed.fields:
            managers[other] = Managed(left, managed.time)
    if causes:
        raise errors.field_conflicts(causes)


def track_update(
    old: Object | None, new: Object, schema: Object, manager: Manager, *, time: str
) -> None:
    """Write into `new`, in place, who manages what after an update; the updater takes over."""
    cleared = _cleared(new)
    managers = {} if cleared else read_managers(old or {})
    before = flattened(old, schema) if old is not None else {}
    after = flattened(new, schema)
    written, removed = changes(before, after)
    if old is not None and not written and not removed and not cleared:
        if "managedFields" in old["metadata"]:
            new["metadata"]["managedFields"] = old["metadata"]["managedFields"]
        else:
            new["metadata"].pop("managedFields", None)
        return
    _take_over(managers, manager, written, removed, force=True)
    own = managers[manager].fields if manager in managers else frozenset()
    now_own = frozenset((own | written) - removed)
    if now_own != own or written:
        managers[manager] = Managed(now_own, time)
    write_managers(new, managers)


def _cleared(new: Object) -> bool:
    """Tell whether a request empties `managedFields`, which resets the tracking."""
    return new["metadata"].get("managedFields") in ([], [{}])
