"""Which conditions on requests many proxies have, and what they ask of each beyond that."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, product
from types import MappingProxyType
from warnings import catch_warnings, simplefilter

from canary.api.canary import Canary
from canary.api.shown import Description, shown
from canary.api.traffic import HttpMatch, StringMatch
from canary.errors import Problem
from canary.routers.abilities import WAYS, Unsaid, way
from canary.routers.matching import both
from canary.routers.rules import COOKIE_HEADER

#: The conditions that requests can meet, of routes that compare with one method alone. `name` is for
#: people, and routes leave it out.
OF_ONE_METHOD: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        **dict.fromkeys(("name", "uri", "headers", "query_params"), WAYS),
        "method": frozenset({"exact"}),
    }
)
#: What opens a group, but for those that Python and PCRE read alike; some others are Python's alone.
_OTHER_GROUP = re.compile(r"(?<!\\)(?:\\\\)*\(\?(?![:=!]|i\)|i:)")


def unreadable(matches: Sequence[HttpMatch]) -> Iterator[Unsaid]:
    """Name what is no regular expression, for proxies whose whole configuration breaks with it."""
    for index, match in enumerate(matches):
        for each in (
            match.uri,
            match.method,
            *match.headers.values(),
            *match.query_params.values(),
        ):
            if each and each.regex is not None and not _is_expression(each.regex):
                yield Unsaid(
                    path=f"[{index}]",
                    value=each.regex,
                    remedy="write a regular expression, with groups of the forms (?:...), (?=...) "
                    "and (?!...) at most: one that cannot be read breaks the proxy's configuration "
                    "for all that it serves",
                )


def _is_expression(text: str) -> bool:
    try:
        with catch_warnings():
            # What may mean something else in a later Python means the same to proxies.
            simplefilter("ignore", FutureWarning)
            re.compile(text)
    except (re.error, OverflowError, RecursionError):
        return False
    return _OTHER_GROUP.search(text) is None


def precedence_problems(canary: Canary) -> Iterator[Problem]:
    """Name conditions that a proxy which prefers the most conditions takes for no more specific.

    They narrow the text of a header or a query parameter of the route, and add nothing to it.
    """
    for place, analysis in canary.spec.analysis.placed_matches():
        for (index, first), (other, second) in product(
            enumerate(analysis), enumerate(canary.spec.service.match)
        ):
            pair = both(first, second)
            if isinstance(pair, HttpMatch) and _ties(pair, second):
                yield Problem(
                    f"{place}[{index}]",
                    shown(first.as_written()),
                    f"add a condition on another header: it only narrows a condition of "
                    f"spec.service.match[{other}], which the proxy takes for no more specific",
                )


def _ties(narrow: HttpMatch, wide: HttpMatch) -> bool:
    """Tell whether two conditions on the same path have as many parts, and other texts."""
    parts, others = _parts(narrow), _parts(wide)
    return narrow.uri == wide.uri and parts.keys() == others.keys() and parts != others


def _parts(match: HttpMatch) -> dict[tuple[str, str], StringMatch]:
    """Give the parts of a condition, but for the path, by what each is about."""
    named = (("header", match.headers), ("query", match.query_params))
    parts = {(kind, name.lower()): text for kind, texts in named for name, text in texts.items()}
    return parts | ({("method", ""): match.method} if match.method else {})


def path_problems(canary: Canary, *, regex: bool = False) -> Iterator[Problem]:
    """Name the paths that do not begin with a slash, and texts that match nothing.

    With `regex`, those of regular expressions as well.
    """
    for place, matches in (
        ("spec.service.match", canary.spec.service.match),
        *canary.spec.analysis.placed_matches(),
    ):
        for index, match in enumerate(matches):
            yield from _condition_problems(f"{place}[{index}]", match, regex=regex)


def _condition_problems(place: str, match: HttpMatch, *, regex: bool = False) -> Iterator[Problem]:
    """Name what a single condition has of these."""
    if match.uri:
        how, text = way(match.uri)
        absolute = {"exact", "prefix", *(("regex",) if regex else ())}
        if how in absolute and not text.startswith("/"):
            yield Problem(f"{place}.uri.{how}", shown(text), "write a path that begins with /")
    for name, each in chain(match.headers.items(), match.query_params.items()):
        if not way(each)[1]:
            yield Problem(place, name, "write at least one character to compare with")


def cookie_problems(canary: Canary) -> Iterator[Problem]:
    """Name the conditions on cookies beside which no route can tell who stays on a side."""
    if canary.spec.analysis.session_affinity is None:
        return
    for place, matches in (
        ("spec.service.match", canary.spec.service.match),
        *canary.spec.analysis.placed_matches(),
    ):
        for index, match in enumerate(matches):
            if any(name.lower() == COOKIE_HEADER for name in match.headers):
                yield Problem(
                    f"{place}[{index}].headers.{COOKIE_HEADER}",
                    Description("a second condition"),
                    "remove it, or remove spec.analysis.sessionAffinity, which needs a condition "
                    "on this header: a route has room for one",
                )
