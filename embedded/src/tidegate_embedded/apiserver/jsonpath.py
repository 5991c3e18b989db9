"""The part of JSONPath that printer columns and scale paths use: fields, indexes, filters, stars."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

_TOKEN = re.compile(
    r"\.(?P<field>(?:\\.|[^.\[\]\\])+)"
    r"|\[\s*['\"](?P<quoted>[^'\"]+)['\"]\s*\]"
    r"|\[\s*(?P<index>-?\d+)\s*\]"
    r"|\[\s*(?P<star>\*)\s*\]"
    r"|\[\?\(\s*@(?P<path>[^=!<>]*?)\s*(?P<operator>==|!=)\s*(?P<value>[^)]*?)\s*\)\]"
)


@lru_cache(maxsize=1024)
def _tokens(path: str) -> tuple[dict[str, str], ...]:
    text = path.strip().removeprefix("{").removesuffix("}").removeprefix("$")
    tokens, position = [], 0
    while position < len(text):
        matched = _TOKEN.match(text, position)
        if matched is None:
            raise ValueError(f"JSONPath {path!r}: cannot be read from {text[position:]!r} on")
        tokens.append(
            {name: part for name, part in matched.groupdict().items() if part is not None}
        )
        position = matched.end()
    return tuple(tokens)


def _step(value: Any, token: dict[str, str]) -> Iterator[Any]:
    field = token.get("field") or token.get("quoted")
    if field is not None:
        field = field.replace("\\", "")
        if field == "*":
            yield from value.values() if isinstance(value, dict) else value or ()
        elif isinstance(value, dict) and field in value:
            yield value[field]
    elif not isinstance(value, list):
        return
    elif "star" in token:
        yield from value
    elif "index" in token:
        index = int(token["index"])
        if -len(value) <= index < len(value):
            yield value[index]
    else:
        wanted = token["value"].strip("'\"")
        for item in value:
            actual = next(iter(found(item, token["path"])), None)
            text = str(actual).lower() if isinstance(actual, bool) else str(actual)
            if actual is not None and (text == wanted) == (token["operator"] == "=="):
                yield item


def found(value: Any, path: str) -> list[Any]:
    """Return every value at a path; raises `ValueError` for a malformed path."""
    values = [value]
    for token in _tokens(path):
        values = [nested for each in values for nested in _step(each, token)]
    return values


def first(value: Any, path: str) -> Any:
    """Return the first value at a path, or None."""
    return next(iter(found(value, path)), None)


def put(value: Any, path: str, new: Any) -> None:
    """Set the field at a path of plain names, in place, making the objects on the way."""
    names = [token["field"] for token in _tokens(path)]
    for name in names[:-1]:
        value = value.setdefault(name, {})
    value[names[-1]] = new
