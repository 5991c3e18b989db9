"""Reading raw JSON in which anything may have the wrong type, and nothing raises."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any


def present(value: object, name: str) -> bool:
    """Say whether a value is an object with this field."""
    return isinstance(value, Mapping) and value.get(name) is not None


def part(value: object, name: str) -> Any:
    """Return a field of an object; None where there is none."""
    return value.get(name) if isinstance(value, Mapping) else None


def text(value: object, name: str) -> str:
    """Return a field that is text; empty text where it is none."""
    found = part(value, name)
    return found if isinstance(found, str) else ""


def items(value: object) -> Sequence[Any]:
    """Return the items of a list; none where it is no list."""
    return value if isinstance(value, list | tuple) else ()


def numbers(value: Iterable[object]) -> Iterator[tuple[int, float]]:
    """Go through the numbers among items, each with its index."""
    return (
        (index, each)
        for index, each in enumerate(value)
        if isinstance(each, int | float) and not isinstance(each, bool)
    )


def descending(value: object, low: str, high: str) -> bool:
    """Say whether two bounds are numbers in the wrong order."""
    bounds = [number for _, number in numbers((part(value, low), part(value, high)))]
    return len(bounds) == 2 and bounds[0] > bounds[1]


def count(value: object, names: Iterable[str]) -> int:
    """Count the fields that an object has."""
    return sum(present(value, name) for name in names)
