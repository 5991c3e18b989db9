"""Values that the modules of the API server share: JSON objects, copies of them, and times.

No rule of Kubernetes belongs here.
"""

from datetime import UTC, datetime
from typing import Any

import orjson

#: A Kubernetes object, or any JSON object.
Object = dict[str, Any]


def copied(value: Any) -> Any:
    """Copy a JSON value deeply."""
    if isinstance(value, dict):
        return {key: copied(item) for key, item in value.items()}
    if isinstance(value, list):
        return [copied(item) for item in value]
    return value


def to_json(value: Any) -> bytes:
    """Serialise a JSON value, whatever its size of integers."""
    return orjson.dumps(value)


def from_json(data: bytes | str) -> Any:
    """Parse JSON; raises `ValueError` on malformed input."""
    return orjson.loads(data)


def now() -> datetime:
    """Tell the time, with its zone."""
    return datetime.now(UTC)


def timestamp(moment: datetime) -> str:
    """Write a moment as Kubernetes does, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def micro_timestamp(moment: datetime) -> str:
    """Write a moment as Kubernetes does in Leases and Events, to the microsecond."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def moment_of(text: str) -> datetime:
    """Read a time as Kubernetes writes it."""
    return datetime.fromisoformat(text)


def at_path(value: Any, *path: str) -> Any:
    """Read a nested field, or None where any part of the path is missing."""
    for name in path:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def child(parent: Object, name: str) -> Object:
    """Return the object in a field, made where it is missing or null."""
    value = parent.get(name)
    if not isinstance(value, dict):
        value = parent[name] = {}
    return value
