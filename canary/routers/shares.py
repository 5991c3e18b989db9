"""Reading percent back from the weights in a route, which anybody may have edited."""

import re
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from canary.api.canary import Canary
from canary.core.traffic import Seen
from canary.core.weights import FULL

#: A weight as a number or as a Kubernetes quantity, of a sensible length.
_WEIGHT = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,15})?)([mk]?)")
_FACTORS = {"": Decimal(1), "m": Decimal("0.001"), "k": Decimal(1000)}


def sides(canary: Canary, weight: int, baseline: int = 0) -> tuple[tuple[str, int], ...]:
    """Pair the services of both sides with their weights, the primary first.

    `weight` is the canary's, in percent, and `baseline` what a baseline has of the primary's: it
    comes last, where it has any.
    """
    spec = canary.spec
    both = (
        (spec.primary_service_name, FULL - weight - baseline),
        (spec.canary_service_name, weight),
    )
    return (*both, (spec.baseline_service_name, baseline)) if baseline else both


def side_services(canary: Canary) -> frozenset[str]:
    """Name the services of both sides."""
    return frozenset({canary.spec.primary_service_name, canary.spec.canary_service_name})


def weight_of(canary: Canary, weights: Iterable[tuple[str, object]]) -> int | None:
    """Read the canary's percent from relative weights by service; None where they say nothing about the sides.

    A side with any traffic at all is not rounded to none.
    """
    seen = weights_seen(canary, weights)
    return None if seen is None else seen.weight


def weights_seen(canary: Canary, weights: Iterable[tuple[str, object]]) -> Seen | None:
    """Read what both sides have, and a baseline in the primary's place; None where nothing is said."""
    spec = canary.spec
    names = (spec.primary_service_name, spec.canary_service_name, spec.baseline_service_name)
    totals = dict.fromkeys(names, Decimal(0))
    for service, weight in weights:
        amount = quantity(weight)
        if amount is None:
            return None
        if service in totals:
            totals[service] += amount
    primary, on_canary, on_baseline = totals.values()
    total = primary + on_canary + on_baseline
    if not total:
        return None
    return Seen(
        weight=_percent(on_canary, total),
        baseline=_percent(on_baseline, total),
    )


def _percent(part_: Decimal, whole: Decimal) -> int:
    lowest, highest = (1 if part_ else 0), (FULL if part_ == whole else FULL - 1)
    return min(max(round(FULL * part_ / whole), lowest), highest)


def route_seen(rules: Iterable[Seen | None]) -> Seen | None:
    """Tell what a route does from each of its rules; None for a rule that leads to neither side.

    Some are for clients who stay on a side. Of several others, one is for the requests that take
    part, and the rest are for those that do not.
    """
    leading = [rule for rule in rules if rule is not None]
    if not leading:
        return None
    split = [rule for rule in leading if not (rule.keeps_canary or rule.keeps_primary)]
    exposing = (rule for rule in split if rule.exposes_canary())
    return replace(
        next(exposing, split[0] if split else Seen()),
        matched=len(split) > 1,
        keeps_canary=any(rule.keeps_canary for rule in leading),
        keeps_primary=any(rule.keeps_primary for rule in leading),
    )


def alternatives_seen(
    canary: Canary, routes: Iterable[tuple[Iterable[tuple[str, object]], int]]
) -> Seen | None:
    """Tell what several routes do, each for some of the requests: its weights by service, its copies.

    Where some name the canary and others lead to the primary alone, only some requests take part.
    """
    rest: list[Seen] = []
    shared: list[Seen] = []
    for weights, mirror in routes:
        listed = tuple(weights)
        weight = weight_of(canary, listed)
        if weight is not None:
            named = canary.spec.canary_service_name in {service for service, _ in listed}
            (shared if named or mirror else rest).append(Seen(weight=weight, mirror=mirror))
    if not shared:
        return rest[0] if rest else None
    exposing = (each for each in shared if each.exposes_canary())
    return replace(next(exposing, shared[0]), matched=bool(rest))


def percent_of(share: object, whole: object = FULL) -> int:
    """Read how much is copied as percent: all where that can't be read, and never a little as none."""
    part_, all_ = quantity(share), quantity(whole)
    if part_ is None or not all_:
        return FULL
    return min(max(round(FULL * part_ / all_), 1 if part_ else 0), FULL)


def quantity(value: object) -> Decimal | None:
    """Read a number, or a Kubernetes quantity such as `500m`; None where it is neither."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    found = _WEIGHT.fullmatch(str(value))
    return Decimal(found[1]) * _FACTORS[found[2]] if found else None


def entries(value: object, *path: str) -> tuple[dict[str, Any], ...]:
    """Follow names through mappings to a list, and give those of its entries that are mappings."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return (
        tuple(each for each in value if isinstance(each, dict)) if isinstance(value, list) else ()
    )


def part(value: object, *path: str) -> Any:
    """Follow names through mappings; None where one is missing."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value
