"""How a value that a user wrote is shown in a message: short, and never a secret."""

import re
from collections.abc import Mapping
from datetime import date
from enum import Enum

from pydantic import BaseModel

#: A text, or a part of a path, longer than this is cut.
_LONGEST = 64
_LARGEST_BITS = 128

#: Texts below these names are, or may be, secrets.
_SECRET = frozenset({"annotations", "headers", "metadata", "secretRef", "withoutHeaders"})
#: Addresses may carry credentials: as a user, in the path (chat) or in the query.
_ADDRESS = frozenset({"address", "metricsServer", "proxy", "url"})


class Description(str):
    """Words about a value in the value's place, shown without quotes."""

    __slots__ = ()

    __repr__ = str.__str__


MISSING = Description("missing")
HIDDEN = Description("(hidden)")


def shown(value: object) -> object:
    """Show a value: a scalar as it is as long as it is short, and what anything else is."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str) and not isinstance(value, Description):
        return value if len(value) <= _LONGEST else f"{value[: _LONGEST - 1]}…"
    if isinstance(value, int):
        # Python refuses to write very long integers.
        return value if value.bit_length() <= _LARGEST_BITS else Description("a huge number")
    if isinstance(value, float | Description):
        return value
    if isinstance(value, Mapping | BaseModel):
        return Description("an object")
    if isinstance(value, list | tuple):
        return Description(f"a list of {len(value)}")
    if value is None:
        return Description("null")
    return Description("a date" if isinstance(value, date) else "something else")


def shown_at(location: tuple[str | int, ...], value: object, *, hidden: bool = False) -> object:
    """Show the value found at a place; text that may be a secret there, or is `hidden`, is not."""
    # The first name says which part of the object it is: metadata of its own is no secret.
    names = {part for part in location[1:] if isinstance(part, str)}
    if names & _SECRET and isinstance(value, int | float):
        return HIDDEN
    if not isinstance(value, str) or isinstance(value, Description):
        return shown(value)
    if hidden or names & _SECRET:
        return HIDDEN
    return _address(value) if names & _ADDRESS or "://" in value else shown(value)


def _address(value: str) -> object:
    """Show the scheme, host and port of an address, and nothing of what does not look like one."""
    parts = re.fullmatch(r"(\w{1,16}://[\w.-]{1,253}(?::[0-9]+)?|[\w.-]+:[0-9]+)([/?#].*)?", value)
    if parts is None:
        return HIDDEN
    return f"{parts[1]}/…" if parts[2] else parts[1]


def path(location: tuple[str | int, ...]) -> str:
    """Write a place as `spec.analysis.metrics[0].name`."""
    written = ""
    for part in location:
        if isinstance(part, str) and re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,62}", part):
            written += f".{part}" if written else part
        else:
            written += f"[{shown(part)!r}]"
    return written or "the object"
