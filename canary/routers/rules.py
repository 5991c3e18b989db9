"""A route as a list of rules: which requests, who answers them, and how clients stay on a side.

What a rule is written as belongs to each router. The first rule that a request satisfies counts.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from canary.api.canary import Canary
from canary.api.status import Cookie
from canary.api.traffic import HttpMatch, StringMatch
from canary.core.traffic import Seen, Traffic
from canary.core.weights import FULL
from canary.routers.matching import canary_matches
from canary.routers.shares import sides

COOKIE_HEADER, SET_COOKIE = "cookie", "Set-Cookie"
_BEFORE, _AFTER = r"^(?:.*;\s*)?", r"(?:;.*)?$"
#: How `_holding` writes the condition on a cookie, of whatever run.
_HELD = re.compile(
    rf"{re.escape(_BEFORE)}.{{1,256}}=[0-9]{{1,10}}-[0-9a-f]{{16}}{re.escape(_AFTER)}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """The service of a side, and its share of the rule's requests."""

    service: str
    weight: int
    """In percent."""
    set_cookie: str = ""
    """The Set-Cookie header of its answers; they keep those that the app sets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteRule:
    """Requests that are answered alike."""

    matches: tuple[HttpMatch, ...]
    """One of these holds; every request where there is none."""
    backends: tuple[Backend, ...]
    mirror: int = 0
    """Percent of them that the canary gets a copy of."""


def rules(canary: Canary, traffic: Traffic) -> Iterator[RouteRule]:
    """Give the rules for some traffic, the first to count first.

    Those who stay on a side, the split of all others that take part, and who does not take part.
    """
    service = canary.spec.service.match
    part, cookies = canary_matches(service, traffic.match), traffic.cookies
    primary, canary_side = canary.spec.primary_service_name, canary.spec.canary_service_name
    for cookie in cookies.expired:
        back = Backend(service=primary, weight=FULL, set_cookie=cookie.expire_text)
        yield RouteRule(matches=_holding(cookie, service), backends=(back,))
    for kept, side in ((cookies.canary, canary_side), (cookies.primary, primary)):
        if kept is not None:
            stays = Backend(service=side, weight=FULL)
            yield RouteRule(matches=_holding(kept, part), backends=(stays,), mirror=traffic.mirror)
    given = {
        side: kept.set_text
        for side, kept in ((canary_side, cookies.canary), (primary, cookies.primary))
        if kept is not None
    }
    split = tuple(
        Backend(service=side, weight=weight, set_cookie=given.get(side, ""))
        for side, weight in sides(canary, traffic.weight, traffic.baseline)
    )
    yield RouteRule(matches=part, backends=split, mirror=traffic.mirror)
    if traffic.match:
        yield RouteRule(matches=service, backends=(Backend(service=primary, weight=FULL),))


def _holding(cookie: Cookie, matches: tuple[HttpMatch, ...]) -> tuple[HttpMatch, ...]:
    """Narrow conditions down to the requests that carry a cookie."""
    pattern = f"{_BEFORE}{re.escape(cookie.name)}={cookie.value}{_AFTER}"
    holds = HttpMatch(headers={COOKIE_HEADER: StringMatch(regex=pattern)})
    return canary_matches((holds,), matches)


def keeps(patterns: Iterable[object]) -> bool:
    """Tell whether a rule is for clients who stay on a side, by its conditions on cookies."""
    written = tuple(patterns)
    return bool(written) and all(
        isinstance(each, str) and _HELD.fullmatch(each) is not None for each in written
    )


def kept_seen(seen: Seen) -> Seen:
    """Tell what the rule does that is for clients who stay on a side."""
    return Seen(keeps_canary=seen.exposes_canary(), keeps_primary=not seen.spares_primary())
