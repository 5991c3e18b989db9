"""Whether an object that exists already is as it must be.

Renderers give an object whole, with what others wrote into it. So any difference of the spec
counts; what others add to metadata is no difference.
"""

from collections.abc import Iterator
from typing import Any

from canary.api.annotations import WRITTEN
from canary.api.kinds import Manifest
from canary.api.ownership import GITOPS_ANNOTATIONS, adopted, refers_to_canary


def differs(rendered: Manifest, existing: Manifest | None) -> bool:
    """Tell whether an object must be written."""
    if existing is None or _metadata_differs(rendered["metadata"], existing["metadata"]):
        return True
    if adopted(existing) and _adoption_differs(rendered, existing):
        return True
    return bool((rendered.get("spec") or {}) != (existing.get("spec") or {}))


def changed_fields(
    before: Manifest, after: Manifest, wanted: Manifest
) -> tuple[tuple[str | int, ...], ...]:
    """Find where an object was changed, and is not as wanted; its metadata included."""
    parts = [("metadata", "labels"), ("metadata", "annotations"), ("spec",)]
    places = (
        *_owners_differ(wanted["metadata"], after["metadata"]),
        *(
            place
            for part in parts
            for place in _differences(_at(after, part), _at(wanted, part), part)
        ),
    )
    return tuple(place for place in places if _at(before, place) != _at(after, place))


def _differences(
    found: Any, wanted: Any, place: tuple[str | int, ...]
) -> Iterator[tuple[str | int, ...]]:
    """Find where two values differ, as deep as both have the same shape.

    What others add to labels and annotations is no difference.
    """
    if isinstance(found, dict) and isinstance(wanted, dict):
        names = wanted if place[0] == "metadata" else {**wanted, **found}
        for name in names:
            yield from _differences(found.get(name), wanted.get(name), (*place, name))
    elif isinstance(found, list) and isinstance(wanted, list) and len(found) == len(wanted):
        for number, (one, other) in enumerate(zip(found, wanted, strict=True)):
            yield from _differences(one, other, (*place, number))
    elif found != wanted:
        yield place


def _at(value: Any, place: tuple[str | int, ...]) -> Any:
    """Look a place up; None where there is nothing."""
    for part in place:
        if isinstance(value, dict):
            value = value.get(str(part))
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return None
    return value


def _adoption_differs(rendered: Manifest, existing: Manifest) -> bool:
    """Tell whether a mark of the adoption must go."""
    wanted = rendered["metadata"].get("annotations") or {}
    left = GITOPS_ANNOTATIONS.keys() & existing["metadata"]["annotations"].keys() - wanted.keys()
    return bool(left) or not adopted(rendered)


def _metadata_differs(wanted: Manifest, found: Manifest) -> bool:
    for part in ("labels", "annotations"):
        rendered, existing = wanted.get(part) or {}, found.get(part) or {}
        if any(existing.get(key) != value for key, value in rendered.items()):
            return True
        if WRITTEN in existing and WRITTEN not in rendered:
            return True
    return bool(_owners_differ(wanted, found))


def _owners_differ(wanted: Manifest, found: Manifest) -> tuple[tuple[str | int, ...], ...]:
    """Give the place of the owners where those that are wanted are missing, or one must go."""
    owners, existing = wanted.get("ownerReferences") or [], found.get("ownerReferences") or []
    # An object that is given away must lose its Canary as an owner, or it is collected with it.
    uids = {owner.get("uid") for owner in owners}
    differ = not all(_has_owner(existing, owner) for owner in owners) or any(
        refers_to_canary(each) and each.get("uid") not in uids for each in existing
    )
    return (("metadata", "ownerReferences"),) if differ else ()


def _has_owner(owners: list[Manifest], wanted: Manifest) -> bool:
    return any(wanted.items() <= owner.items() for owner in owners)
