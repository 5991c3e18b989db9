"""Merge patches (RFC 7386): what of a document an object does not say yet."""

from typing import Any


def difference(wanted: dict[str, Any], stored: object) -> dict[str, Any]:
    """Leave out of a merge patch what an object says already: applying it does the same.

    The comparison is with the object as it is stored, not as it was read: what was read leniently
    is written again.
    """
    known = stored if isinstance(stored, dict) else {}
    patch: dict[str, Any] = {}
    for key, each in wanted.items():
        if key not in known:
            if each is not None:
                patch[key] = each
        elif isinstance(each, dict) and isinstance(known[key], dict):
            if inner := difference(each, known[key]):
                patch[key] = inner
        # True is not 1, whatever Python says.
        elif (
            each is None
            or each != known[key]
            or isinstance(each, bool) != isinstance(known[key], bool)
        ):
            patch[key] = each
    return patch
