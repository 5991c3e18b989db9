"""Both of two conditions on a request: the AND that proxies have no word for.

A route takes the requests of `service.match`; of these the canary gets those of `analysis.match`.
Proxies only know lists of alternatives, so every pair of conditions is merged into one condition
that holds exactly where both hold.
How a router writes a condition does not belong here.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import product
from typing import TypeVar

from canary.api.canary import Canary
from canary.api.shown import Description
from canary.api.traffic import HttpMatch, StringMatch
from canary.errors import Problem
from canary.routers.abilities import way

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Inexpressible:
    """Two conditions on one field that no single condition can stand for."""

    field: str


class _No(Enum):
    """Why there is no condition for both."""

    NEVER = "they exclude each other"
    WORD = "they overlap, and no single condition says where"


def canary_matches(
    service: tuple[HttpMatch, ...], analysis: tuple[HttpMatch, ...]
) -> tuple[HttpMatch, ...]:
    """List the conditions of which one must hold where one of each list must.

    An empty list holds for every request.
    """
    if not service or not analysis:
        return analysis or service
    pairs = (both(first, second) for first, second in product(analysis, service))
    return tuple(each for each in pairs if isinstance(each, HttpMatch))


def match_problems(canary: Canary) -> Iterator[Problem]:
    """Name the pairs of conditions that cannot be merged, and conditions that nothing satisfies."""
    for place, analysis in canary.spec.analysis.placed_matches():
        yield from _match_problems(place, canary.spec.service.match, analysis)


def _match_problems(
    place: str, service: tuple[HttpMatch, ...], analysis: tuple[HttpMatch, ...]
) -> Iterator[Problem]:
    satisfiable = not service or not analysis
    for (index, first), (other, second) in product(enumerate(analysis), enumerate(service)):
        pair = both(first, second)
        satisfiable = satisfiable or pair is not None
        if isinstance(pair, Inexpressible):
            yield Problem(
                f"{place}[{index}].{pair.field}",
                Description("a second condition"),
                f"spec.service.match[{other}] has a condition on the same field, and the two can't "
                "be merged; keep one of them, and write it so that it means both",
            )
    if not satisfiable:
        yield Problem(
            place,
            Description(f"a list of {len(analysis)}"),
            "no request can satisfy both this and spec.service.match, so the canary would get "
            "none; change one of the two",
        )


def both(first: HttpMatch, second: HttpMatch) -> HttpMatch | Inexpressible | None:
    """Merge two conditions into one that holds where both hold; None where that is nowhere."""
    names = tuple(match.name for match in (first, second) if match.name)
    parts = {
        "name": "-".join(names) or None,
        "uri": _both_paths(first, second),
        "scheme": _narrower(first.scheme, second.scheme),
        "method": _narrower(first.method, second.method),
        "authority": _narrower(first.authority, second.authority),
        "headers": _both_maps(_lower(first.headers), _lower(second.headers)),
        "without_headers": _either(_lower(first.without_headers), _lower(second.without_headers)),
        "query_params": _both_maps(first.query_params, second.query_params),
        "source_labels": _both_labels(first.source_labels, second.source_labels),
        "source_namespace": _same(first.source_namespace, second.source_namespace),
        "gateways": _common(first.gateways, second.gateways),
        "port": _same(first.port, second.port),
        "ignore_uri_case": first.ignore_uri_case if first.uri else second.ignore_uri_case,
    }
    if _No.NEVER in parts.values():
        return None
    for field, value in parts.items():
        if value is _No.WORD:
            return Inexpressible("queryParams" if field == "query_params" else field)
    return HttpMatch().but(**{field: value for field, value in parts.items() if value})


# ------------------------------------------------------------------------ conditions on one text


def pattern(match: StringMatch) -> str:
    """Write a condition as a regular expression (RE2) for the whole text."""
    how, text = way(match)
    quoted = re.escape(text)
    return {"exact": quoted, "prefix": f"{quoted}.*", "suffix": f".*{quoted}", "regex": text}[how]


def _narrower(
    one: StringMatch | None, other: StringMatch | None, *, folded: bool = False
) -> StringMatch | _No | None:
    """Find the condition that holds where both hold."""
    if one is None or other is None or one == other or _implies(one, other, folded=folded):
        return one or other
    if _implies(other, one, folded=folded):
        return other
    ways = {way(one)[0], way(other)[0]}
    return _No.WORD if "regex" in ways or ways == {"prefix", "suffix"} else _No.NEVER


def _implies(narrow: StringMatch, wide: StringMatch, *, folded: bool = False) -> bool:
    """Tell whether every text of one condition is surely one of the other's.

    Regular expressions are users', and are not run here: they may take for ever.
    """
    (narrow_way, text), (wide_way, bound) = way(narrow), way(wide)
    if folded:
        text, bound = text.lower(), bound.lower()
    if narrow_way not in {"exact", wide_way} or narrow_way == "regex":
        return False
    if wide_way == "prefix":
        return text.startswith(bound)
    if wide_way == "suffix":
        return text.endswith(bound)
    return wide_way == "exact" and text == bound


def _both_paths(first: HttpMatch, second: HttpMatch) -> StringMatch | _No | None:
    folded = bool(first.ignore_uri_case)
    if first.uri and second.uri and folded is not bool(second.ignore_uri_case):
        return _No.WORD
    return _narrower(first.uri, second.uri, folded=folded)


# ---------------------------------------------------------------------------- conditions by name


def _lower(headers: Mapping[str, StringMatch]) -> dict[str, StringMatch]:
    """Write the names of headers as HTTP compares them."""
    return {name.lower(): condition for name, condition in headers.items()}


def _both_maps(
    first: Mapping[str, StringMatch], second: Mapping[str, StringMatch]
) -> dict[str, StringMatch] | _No:
    merged: dict[str, StringMatch] = {}
    overlap = False
    for name in first.keys() | second.keys():
        condition = _narrower(first.get(name), second.get(name))
        if condition is _No.NEVER:
            return _No.NEVER
        if isinstance(condition, StringMatch):
            merged[name] = condition
        else:
            overlap = True
    return _No.WORD if overlap else merged


def _either(
    first: Mapping[str, StringMatch], second: Mapping[str, StringMatch]
) -> dict[str, StringMatch]:
    """Merge what must not match: a request is out where either condition holds."""
    merged = {**first, **second}
    for name in first.keys() & second.keys():
        one, other = first[name], second[name]
        if _implies(other, one):
            merged[name] = one
        elif one != other and not _implies(one, other):
            merged[name] = StringMatch(regex=f"(?:{pattern(one)})|(?:{pattern(other)})")
    return merged


def _both_labels(first: Mapping[str, str], second: Mapping[str, str]) -> dict[str, str] | _No:
    differ = any(first[name] != second[name] for name in first.keys() & second.keys())
    return _No.NEVER if differ else {**first, **second}


def _common(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...] | _No:
    """Intersect lists of which an empty one means everything."""
    if not first or not second:
        return first or second
    return tuple(each for each in first if each in second) or _No.NEVER


def _same(first: _Value | None, second: _Value | None) -> _Value | _No | None:
    if first is None or second is None:
        return second if first is None else first
    return first if first == second else _No.NEVER
