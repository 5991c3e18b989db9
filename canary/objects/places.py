"""Places in an object: how they are named, compared, filled and emptied.

Objects are JSON that anybody may have edited: any value may stand anywhere.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from canary.api.kinds import Manifest, copy_of


class Prefix(NamedTuple):
    """All names of a map that begin with a text, as the annotations of one tool do."""

    text: str


class Entry(NamedTuple):
    """The entry of a list that has a value in a field, such as a rule with a name.

    A value that is no text is written as `as_text` does.
    """

    field: str
    value: str

    def of(self, values: Any) -> list[Any]:
        """Pick it from a list; nothing where it is not there."""
        return [each for each in _list(values) if self.is_(each)]

    def is_(self, value: Any) -> bool:
        """Tell whether a value is this entry."""
        return isinstance(value, dict) and as_text(value.get(self.field)) == self.value


Path = tuple[str | Prefix | Entry, ...]
"""Leads through maps by name, and through lists by entries; a prefix can only be its end."""

Place = tuple[str | int, ...]
"""Leads to one value, through maps by name and through lists by number."""


def as_text(value: Any) -> str:
    """Write a value as an entry is known by it."""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def differences(found: Any, wanted: Any, paths: Iterable[Path]) -> Iterator[Place]:
    """Name the places along the paths at which two objects differ, as deep as their shapes agree.

    A list differs as a whole in one of its named entries. Nothing beside the paths is a difference.
    """
    seen: set[Place] = set()
    for path in paths:
        for place in _differences(found, wanted, path, ()):
            if place not in seen:
                seen.add(place)
                yield place


def differ(found: Any, wanted: Any, paths: Iterable[Path]) -> bool:
    """Tell whether two objects differ anywhere along the paths.

    It is asked of each object in each decision, and mostly they do not.
    """
    return any(_differ(found, wanted, path) for path in paths)


def dropped(found: Any, sent: Any, paths: Iterable[Path]) -> Iterator[Place]:
    """Name the places along the paths where what was sent is missing in what came back.

    The topmost ones. Whatever came back in another shape was taken, and so was what says nothing,
    such as a 0 or an empty list: to leave that out means the same.
    """
    yield from dict.fromkeys(place for path in paths for place in _dropped(found, sent, path, ()))


def put(found: Manifest, wanted: Manifest, paths: Iterable[Path]) -> Manifest:
    """Copy an object with what another has along the paths, and with all else as it is.

    What the other lacks there is taken away, and so is a map or list that has nothing left. An
    entry of a list takes the place of the one it replaces; a new one stands before the one that it
    precedes in the other, or is the last. What lies inside an entry is put into one that is there.
    """
    result: Any = copy_of(found)
    for path in paths:
        result = _put(result, wanted, path) or {}
    return dict(result)


def at(value: Any, place: Place) -> Any:
    """Look a place up; None where there is nothing."""
    for part in place:
        if isinstance(value, dict):
            value = value.get(str(part))
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return None
    return value


def _differ(found: Any, wanted: Any, path: Path) -> bool:
    for number, step in enumerate(path):
        if not isinstance(step, str):
            return any(True for _ in _differences(found, wanted, path[number:], ()))
        found = found.get(step) if isinstance(found, dict) else None
        wanted = wanted.get(step) if isinstance(wanted, dict) else None
    # What is not equal may still be the same: a name that is missing, and one without a value.
    return found != wanted and any(True for _ in _values_differ(found, wanted, ()))


def _differences(found: Any, wanted: Any, path: Path, place: Place) -> Iterator[Place]:
    if not path:
        yield from _values_differ(found, wanted, place)
        return
    step, rest = path[0], path[1:]
    if isinstance(step, Entry):
        if not rest:
            if step.of(found) != step.of(wanted):
                yield place
            return
        for index, one in _entries(found, step):
            for _, other in _entries(wanted, step):
                yield from _differences(one, other, rest, (*place, index))
        return
    one, other = _map(found), _map(wanted)
    for name in _names(step, one, other):
        inside = _differences(one.get(name), other.get(name), rest, (*place, name))
        if found is not None or not place:
            yield from inside
        elif any(True for _ in inside):
            yield place


def _values_differ(found: Any, wanted: Any, place: Place) -> Iterator[Place]:
    if isinstance(found, dict) and isinstance(wanted, dict):
        for name in {**wanted, **found}:
            yield from _values_differ(found.get(name), wanted.get(name), (*place, name))
    elif isinstance(found, list) and isinstance(wanted, list) and len(found) == len(wanted):
        for number, (one, other) in enumerate(zip(found, wanted, strict=True)):
            yield from _values_differ(one, other, (*place, number))
    elif found != wanted:
        yield place


def _dropped(found: Any, sent: Any, path: Path, place: Place) -> Iterator[Place]:
    if path:
        step, rest = path[0], path[1:]
        if isinstance(step, Entry):
            yield from _entry_dropped(found, sent, step, rest, place)
            return
        one, other = _map(found), _map(sent)
        for name in _names(step, {}, other):
            yield from _dropped(one.get(name), other[name], rest, (*place, name))
    elif found is None:
        if _says(sent):
            yield place
    elif isinstance(found, dict) and isinstance(sent, dict):
        for name, value in sent.items():
            yield from _dropped(found.get(name), value, (), (*place, name))
    elif isinstance(found, list) and isinstance(sent, list) and len(found) == len(sent):
        for number, (one, other) in enumerate(zip(found, sent, strict=True)):
            yield from _dropped(one, other, (), (*place, number))


def _entry_dropped(
    found: Any, sent: Any, entry: Entry, rest: Path, place: Place
) -> Iterator[Place]:
    """Look into an entry of a list; one that is known no more has lost what it is known by."""
    ours, theirs = entry.of(sent), _entries(found, entry)
    if ours and not theirs:
        yield (*place, entry.field)
    for (index, one), other in zip(theirs, ours, strict=False):
        yield from _dropped(one, other, rest, (*place, index))


def _says(value: Any) -> bool:
    """Tell whether a value says more than its absence."""
    return any(map(_says, value.values())) if isinstance(value, dict) else bool(value)


def _put(found: Any, wanted: Any, path: Path) -> Any:
    """Give a value with what another has along a path; None where nothing is left."""
    if not path:
        return copy_of(wanted)
    step, rest = path[0], path[1:]
    if isinstance(step, Entry):
        return _put_inside(found, wanted, step, rest) if rest else _put_entry(found, wanted, step)
    one, other = _map(found), _map(wanted)
    names = _names(step, one, other)
    if not names:
        return found
    result = dict(one)
    for name in names:
        value = _put(one.get(name), other.get(name), rest)
        if value is None:
            result.pop(name, None)
        else:
            result[name] = value
    return result or None


def _put_entry(found: Any, wanted: Any, entry: Entry) -> Any:
    ours, theirs = entry.of(wanted), _list(found)
    if not ours and not entry.of(found):
        return found
    others = [each for each in theirs if not entry.is_(each)]
    index = next((index for index, _ in _entries(theirs, entry)), None)
    if index is None:
        index = _before(theirs, wanted, entry)
    return [*others[:index], *copy_of(ours), *others[index:]] or None


def _before(theirs: list[Any], wanted: Any, entry: Entry) -> int:
    """Find the place of a new entry: before the next one of the wanted list that is there."""
    after = _list(wanted)[next(iter(_entries(wanted, entry)))[0] + 1 :]
    for each in after:
        known = Entry(entry.field, as_text(_map(each).get(entry.field)))
        for index, _ in _entries(theirs, known):
            return index
    return len(theirs)


def _put_inside(found: Any, wanted: Any, entry: Entry, rest: Path) -> Any:
    """Give a list with what another has along a path inside an entry, where both have that one."""
    ours = entry.of(wanted)
    if not ours:
        return found
    inside = (
        (_put(each, ours[0], rest) or {}) if entry.is_(each) else each for each in _list(found)
    )
    return list(inside) or None


def _entries(values: Any, entry: Entry) -> list[tuple[int, Any]]:
    """Pick an entry from a list, with its number."""
    return [(index, each) for index, each in enumerate(_list(values)) if entry.is_(each)]


def _names(step: str | Prefix, one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """List the names that a step stands for, as far as one of two maps has them."""
    if isinstance(step, str):
        return [step] if step in one or step in other else []
    return [name for name in {**one, **other} if name.startswith(step.text)]


def _map(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
