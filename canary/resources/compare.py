"""Whether an object that exists already is as it must be.

What the API server fills in by itself is no difference, what others add to metadata neither.
"""

from collections.abc import Mapping
from typing import Any

from canary.api.kinds import Manifest
from canary.api.ownership import adopted, refers_to_canary

#: Maps of which every entry counts: one label more selects other pods.
_WHOLE = frozenset({"selector", "matchLabels"})
#: The content of ConfigMaps and Secrets, which the API server adds nothing to.
_CONTENT = ("data", "binaryData", "immutable", "type")


def differs(rendered: Manifest, existing: Manifest | None, *, exact: bool = False) -> bool:
    """Tell whether an object must be written.

    With `exact`, for traffic objects whose renderer writes out every default, any difference of
    the spec counts; else the existing spec must hold what was rendered.
    """
    if existing is None or _metadata_differs(rendered["metadata"], existing["metadata"]):
        return True
    if adopted(existing) and not adopted(rendered):
        return True
    wanted, found = rendered.get("spec") or {}, existing.get("spec") or {}
    if exact:
        return bool(wanted != found)
    content = any((rendered.get(part) or None) != (existing.get(part) or None) for part in _CONTENT)
    return content or not _holds(found, wanted)


def _metadata_differs(wanted: Manifest, found: Manifest) -> bool:
    for part in ("labels", "annotations"):
        existing = found.get(part) or {}
        if any(existing.get(key) != value for key, value in (wanted.get(part) or {}).items()):
            return True
    owners, existing_owners = (
        wanted.get("ownerReferences") or [],
        found.get("ownerReferences") or [],
    )
    if not all(_has_owner(existing_owners, owner) for owner in owners):
        return True
    # An object that is given away must lose its Canary as an owner, or it is collected with it.
    uids = {owner.get("uid") for owner in owners}
    return any(refers_to_canary(each) and each.get("uid") not in uids for each in existing_owners)


def _has_owner(owners: list[Manifest], wanted: Manifest) -> bool:
    return any(wanted.items() <= owner.items() for owner in owners)


def _holds(found: Any, wanted: Any, name: str = "") -> bool:
    """Tell whether a value holds another: maps may have more entries, lists not."""
    if not found and not wanted and _absent(found) and _absent(wanted):
        return True
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        if name in _WHOLE and wanted.keys() != found.keys():
            return False
        return all(_holds(found.get(key), value, key) for key, value in wanted.items())
    if isinstance(wanted, list) and isinstance(found, list):
        return len(wanted) == len(found) and all(map(_holds, found, wanted))
    return bool(found == wanted)


def _absent(value: object) -> bool:
    """Tell whether the API reads a value as one that was not written."""
    return value is None or value in ({}, [])
