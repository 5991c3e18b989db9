"""Selectors that can be read together: one question reads what several would.

The series of one selector may be a part of those of another, as failed requests are of all requests.
Selectors that differ in one label alone, as those of canary and primary do, are read by a pattern for
both. What each of them accepts is picked out of what was read.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from analysis.counters import Labels
from analysis.expression import Matcher, Selector

_PATTERNS = ("=~", "!~")
_PLAIN = re.compile(
    r"""
    (?:
        [\w\ .|/:@%,=^)\]-]         # what stands for itself, and what means the same everywhere
      | \\[.\-/_]
      | \[ (?! [\[:] )              # no class by its name
      | \( (?! \? ) | \(\?:         # no flags, and nothing that looks around
      | [*+?] (?! \+ )              # nothing possessive
      | \{ \d+ (?: , \d* )? \} (?! \+ )
    )*
    """,
    re.VERBOSE | re.ASCII,
)
"""Patterns that mean the same to a store and to us."""


def united(selectors: Iterable[Selector]) -> dict[Selector, Selector]:
    """Say for each selector by which one it is read."""
    distinct = tuple(dict.fromkeys(selectors))
    plain = [each for each in distinct if _is_plain(each)]
    widest = [
        each
        for each in plain
        if not any(_holds(other, each) for other in plain if other is not each)
    ]
    reading = {each: each for each in distinct} | _paired(widest)
    for each in plain:
        if each not in widest:
            reading[each] = reading[next(other for other in widest if _holds(other, each))]
    return reading


def part(
    selector: Selector, reading: Mapping[Selector, Selector], read: Mapping[Labels, float]
) -> Mapping[Labels, float]:
    """Pick what a selector accepts out of what was read for it; of what is its alone, everything."""
    if reading[selector] == selector:
        return read
    return {labels: value for labels, value in read.items() if selector.accepts(labels)}


def _is_plain(selector: Selector) -> bool:
    """Tell whether we accept the same series as the store."""
    return all(
        each.operator not in _PATTERNS or _PLAIN.fullmatch(each.text) is not None
        for each in selector.matchers
    )


def _holds(wide: Selector, narrow: Selector) -> bool:
    """Tell whether the series of one selector are among those of another, and fewer or as many."""
    return wide.name == narrow.name and set(wide.matchers) < set(narrow.matchers)


def _paired(selectors: Sequence[Selector]) -> dict[Selector, Selector]:
    """Read those by one selector that differ in a single label."""
    places: dict[tuple[str, str, frozenset[Matcher]], list[tuple[Selector, Matcher]]] = {}
    for each in selectors:
        for matcher in each.matchers:
            if matcher.operator in {"=", "=~"}:
                others = frozenset(set(each.matchers) - {matcher})
                places.setdefault((each.name, matcher.label, others), []).append((each, matcher))
    found: dict[Selector, Selector] = {}
    for (name, label, _), members in sorted(places.items(), key=lambda place: -len(place[1])):
        free = [(each, matcher) for each, matcher in members if each not in found]
        if len(free) > 1:
            pattern = "|".join(dict.fromkeys(_pattern(matcher) for _, matcher in free))
            first, replaced = free[0]
            both = Selector(
                name,
                tuple(
                    Matcher(label, "=~", pattern) if each == replaced else each
                    for each in first.matchers
                ),
            )
            found |= {each: both for each, _ in free}
    return found


def _pattern(matcher: Matcher) -> str:
    return re.escape(matcher.text) if matcher.operator == "=" else f"(?:{matcher.text})"
