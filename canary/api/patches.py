"""Merge patches (RFC 7386): what of a document an object does not say yet."""

from collections.abc import Mapping
from typing import Any


def difference(wanted: Mapping[str, Any], stored: object) -> dict[str, Any]:
    """Leave out of a merge patch what an object says already: applying it does the same.

    The comparison is with the object as it is stored, not as it was read: what was read leniently
    is written again.
    """
    known = stored if isinstance(stored, Mapping) else {}
    patch: dict[str, Any] = {}
    for key, each in wanted.items():
        if key not in known:
            if each is not None:
                patch[key] = each
        elif isinstance(each, Mapping) and isinstance(known[key], Mapping):
            if inner := difference(each, known[key]):
                patch[key] = inner
        elif each is None or not _same(each, known[key]):
            patch[key] = each
    return patch


def _same(one: object, other: object) -> bool:
    """Compare JSON values; true is not 1, whatever Python says."""
    return isinstance(one, bool) == isinstance(other, bool) and one == other
