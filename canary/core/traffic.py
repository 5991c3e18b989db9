"""Which requests reach the canary: what is intended, and what a route does.

What is intended is decided by the core and rendered by a router; what a route does is read back by
its router, and is a fact.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from canary.api.canary import CanarySpec
from canary.api.status import CanaryStatus, Cookie
from canary.api.traffic import HttpMatch
from canary.core.plan import plan
from canary.core.weights import FULL


@dataclass(frozen=True, slots=True, kw_only=True)
class Stickiness:
    """The cookies by which clients stay on a side, whatever the weight."""

    canary: Cookie | None = None
    """Given with each answer of the canary; those who send it stay there."""
    primary: Cookie | None = None
    """Given with each answer of the primary; those who send it stay there."""
    expired: tuple[Cookie, ...] = ()
    """Taken from those who still send them; they lead to no side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """The requests that reach the canary as a step intends it, and as a router renders it."""

    weight: int = 0
    """Percent of the requests that take part which the canary answers."""
    match: tuple[HttpMatch, ...] = ()
    """The requests that take part; all of the route's where empty."""
    mirror: int = 0
    """Percent of the requests that take part, from either side, which the canary gets a copy
    of; its answers to copies are dropped."""
    cookies: Stickiness = Stickiness()
    """How clients among these requests stay on a side."""
    baseline: int = 0
    """Percent of the requests that take part which the baseline answers in the primary's place."""

    def __post_init__(self) -> None:
        for name, percent in (("weight", self.weight), ("mirror", self.mirror)):
            if not 0 <= percent <= FULL:
                message = f"{name} is a percentage, and {percent} is not"
                raise ValueError(message)
        left = FULL - self.weight
        if not 0 <= self.baseline <= left:
            message = f"baseline is a percentage up to {left}, and {self.baseline} is not"
            raise ValueError(message)

    @property
    def shared(self) -> bool:
        """Whether both sides answer requests that take part."""
        return 0 < self.weight < FULL

    @property
    def spares_primary(self) -> bool:
        """Whether no request is meant for the primary."""
        return self.weight == FULL and not self.match

    def without_canary(self) -> "Traffic":
        """Give the same without a request for the canary, or for its baseline."""
        return replace(self, weight=0, mirror=0, cookies=Stickiness(), baseline=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a route does now, as its router reads it back."""

    weight: int = 0
    """Percent of the requests that take part which the canary answers."""
    mirror: int = 0
    """Percent of the requests that take part which the canary gets a copy of."""
    matched: bool = False
    """Whether only some of the route's requests take part; the primary answers the others."""
    keeps_canary: bool = False
    """Whether clients with a cookie stay on the canary, whatever the weight."""
    keeps_primary: bool = False
    """Whether clients with a cookie stay on the primary, whatever the weight."""
    uneven: bool = False
    """Whether some of several routes do less than the rest: what is said is what the canary gets
    at most."""
    pending: bool = False
    """Whether the router's controller has yet to take it as it is: what it did before may still hold."""
    baseline: int = 0
    """Percent of the requests that take part which the baseline answers."""

    def carries(self, traffic: Traffic) -> bool:
        """Tell whether the canary gets at least what is intended, so that it may be judged."""
        if not traffic.weight and not traffic.mirror:
            return True
        same = self.matched is bool(traffic.match) and not self.uneven and not self.pending
        enough = self.weight >= traffic.weight and self.mirror >= traffic.mirror
        return same and enough and self.baseline >= traffic.baseline

    def does(self, traffic: Traffic) -> bool:
        """Tell whether the canary gets what is intended, and no more."""
        asked = (traffic.weight, traffic.mirror, traffic.baseline)
        exact = (self.weight, self.mirror, self.baseline) == asked
        kept = self.keeps_canary and not traffic.weight
        told_all = not self.uneven and not self.pending
        return exact and not kept and told_all and self.carries(traffic)

    def exposes_canary(self) -> bool:
        """Tell whether any request may reach the canary, so that it must keep its pods."""
        return bool(self.weight or self.mirror or self.keeps_canary or self.pending)

    def spares_primary(self) -> bool:
        """Tell whether no request reaches the primary, so that it may lose its pods."""
        some = self.matched or self.keeps_primary or self.uneven or self.pending
        return self.weight == FULL and not some


def together(seen: Iterable[Seen | None]) -> Seen | None:
    """Tell what several routes do that are meant to do the same; None where none can be read.

    The canary has what any of them gives it, the primary too.
    """
    routes = tuple(seen)
    known = [each for each in routes if each is not None]
    if not known:
        return None
    first, matched = known[0], any(each.matched for each in known)
    if not any(each.exposes_canary() for each in known):
        # Where the canary gets nothing, nothing tells apart who would take part.
        first = replace(first, matched=matched)
        routes = tuple(each and replace(each, matched=matched) for each in routes)
    if all(each == first for each in routes):
        return first
    return Seen(
        weight=max(each.weight for each in known),
        mirror=max(each.mirror for each in known),
        matched=matched,
        keeps_canary=any(each.keeps_canary for each in known),
        keeps_primary=any(each.keeps_primary for each in known),
        uneven=True,
        pending=any(each.pending for each in known),
        baseline=max(each.baseline for each in known),
    )


def intended(spec: CanarySpec, status: CanaryStatus) -> Traffic:
    """Give the traffic that a status intends.

    Where the conditions of the requests that take part were taken out of the spec, none take part:
    what some requests had is not given to all.
    """
    match = _match(spec, status) if some_take_part(spec, status) else None
    if match == ():
        return Traffic(cookies=_stickiness(status, 0, 0))
    weight, mirror = status.canary_weight, status.weights.mirror
    cookies = _stickiness(status, weight, mirror)
    return Traffic(
        weight=weight,
        match=match or (),
        mirror=mirror,
        cookies=cookies,
        # A status that was edited may say what no route can carry.
        baseline=min(status.weights.baseline, FULL - weight),
    )


def _stickiness(status: CanaryStatus, weight: int, mirror: int) -> Stickiness:
    """Keep clients on a side that has requests, and expire cookies while the canary gets none.

    A side without requests may have no pods. While both have some, an answer sets a cookie of the
    run, and routes have no room for a second one.
    """
    cookies = status.cookies
    if cookies is None:
        return Stickiness()
    if not weight:
        return Stickiness(expired=() if mirror else cookies.expired)
    return Stickiness(canary=cookies.canary, primary=cookies.primary if weight < FULL else None)


def _match(spec: CanarySpec, status: CanaryStatus) -> tuple[HttpMatch, ...]:
    """Give the conditions of the step that a run is at; those of all steps where there is no run."""
    step = plan(spec.analysis).step(status.run.step) if status.run else None
    return step.match if step else spec.analysis.match


def some_take_part(spec: CanarySpec, status: CanaryStatus) -> bool:
    """Tell whether only the requests that match take part.

    A status that the peer has left has a weight and no weights: it does not say, and the spec does.
    """
    unsaid = status.weights.canary != status.canary_weight
    return status.weights.matched or (unsaid and bool(spec.analysis.match))
