"""What must be in a Secret alone: the values of every Secret of a cluster, searched everywhere else."""

import logging
from base64 import b64decode, b64encode
from collections.abc import Iterator
from typing import Any, Self

import orjson

from tidegate_embedded.apiserver.storage import Storage

LEAST = 10
"""A shorter value may be a word that others use."""


def values(storage: Storage) -> set[str]:
    """List what the Secrets hold that are, or were, in a cluster."""
    return {
        text
        for obj in _versions(storage)
        if obj.get("kind") == "Secret"
        for each in (obj.get("data") or {}).values()
        if len(text := _decoded(each).strip()) >= LEAST
    }


def leaks(storage: Storage, *texts: str) -> list[str]:
    """Name where a value of a Secret stands beside it: in any version of an object, or in a text."""
    secret = values(storage)
    if not secret:
        return []
    wanted = {form for each in secret for form in (each, b64encode(each.encode()).decode())}
    found = [
        f"{obj.get('kind')} {obj['metadata'].get('name')} at {obj['metadata']['resourceVersion']}"
        for obj in _versions(storage)
        if obj.get("kind") != "Secret" and _holds(orjson.dumps(obj).decode(), wanted)
    ]
    return [*found, *(f"text {n}" for n, text in enumerate(texts) if _holds(text, wanted))]


class KeptLog(logging.Handler):
    """Keeps all that is logged while it is open."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))

    def __enter__(self) -> Self:
        logging.getLogger().addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger().removeHandler(self)

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


def _versions(storage: Storage) -> Iterator[dict[str, Any]]:
    """Give every version of every object that is remembered."""
    for history in storage._kinds.values():
        for event in history.events:
            yield event.stored.object


def _decoded(value: str) -> str:
    try:
        return b64decode(value).decode()
    except ValueError:
        return ""


def _holds(text: str, wanted: set[str]) -> bool:
    # JSON writes a line's end in two characters, and a Secret's may end in one.
    return any(each in text for each in wanted)
