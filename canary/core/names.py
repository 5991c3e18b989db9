"""The names that everything is made under, and those of an earlier spec until that is given back.

The primary keeps the name it came up with: where `spec.targetRef` names another workload, that is a
new revision of the same app, and has to pass its run against the primary that serves.
Where the service, the router or the user's objects that it routes by change, the new services and
the new route come up first. The former route goes when the new one splits traffic, the services of its sides when requests on it
have had their time to end. The former apex service leads to the primary as long as the Canary
lives: its clients may call it still, and the target has no pods.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Protocol

from canary.api.route_references import known_of_old
from canary.api.status import FormerNames, Names, Severity
from canary.core import waits as why
from canary.core.actions import GiveBack, RouteFormer
from canary.core.facts import Former
from canary.core.images import listed
from canary.core.situation import Situation

FORMER_KEPT = 5
"""The number of former names that are remembered at once; more are never under way."""


REFERENCES_KEPT = 17
"""The number of the user's objects that are remembered with them: a spec can name no more."""

RouteNames = tuple[str, str, tuple[str, ...]]
"""What tells routes apart: the service, the router, and the user's objects that it routes by."""


class HasRouteNames(Protocol):
    """Whatever speaks of a route by its names."""

    @property
    def service(self) -> str:
        """The apex service."""

    @property
    def provider(self) -> str:
        """The router."""

    @property
    def references(self) -> tuple[str, ...]:
        """The user's objects that it routes by, each as field/name."""


def route_names(each: HasRouteNames) -> RouteNames:
    """Give the names that a route is known by."""
    return each.service, each.provider, each.references


def note_names(situation: Situation) -> Situation:
    """Remember under which names everything is made, and the former ones until nothing is left."""
    before = situation.status.names
    names = _names(situation, before)
    noted = situation.but(names=names, former_names=tuple(_left(situation, names))[:FORMER_KEPT])
    if before is None or before == names:
        return noted
    if _moves(before, names):
        former = FormerNames(
            service=before.service,
            provider=before.provider,
            references=before.references[:REFERENCES_KEPT],
            since=situation.now,
        )
        kept = (former, *noted.status.former_names)[:FORMER_KEPT]
        noted = noted.but(former_names=kept).tell("NamesChanged", _moved(before, names))
    if before.target != names.target and situation.status.last_promoted_spec:
        message = (
            f"The target is {names.target} from now on. {before.target} keeps the replicas it has; "
            f"{names.primary} serves until the new target is promoted"
        )
        noted = noted.tell("TargetChanged", message, Severity.WARN)
    return noted


def to_give_back(situation: Situation) -> Iterator[GiveBack]:
    """Name what is left of former names and is no longer in the way."""
    for former, due in _due(situation):
        left = _seen(situation, former)
        if due > situation.now or left is None or not _new_route_serves(situation):
            continue
        if left.routes or (former.restored_at and left.services):
            yield GiveBack(
                service=former.service,
                provider=former.provider,
                references=former.references,
                services=former.restored_at is not None,
            )


def former_routes(situation: Situation) -> Iterator[RouteFormer]:
    """Have the routes of former names follow the intended split until they are given back.

    As with the route itself, an increase waits until the canary can take it.
    """
    traffic = situation.intended
    able = situation.target_ready or traffic.spares_primary
    for former in situation.status.former_names:
        left = _seen(situation, former)
        routed = left.routed if left else None
        if routed is None or routed.does(traffic):
            continue
        if able or traffic.weight <= routed.weight:
            service, provider, references = route_names(former)
            yield RouteFormer(
                service=service, provider=provider, references=references, traffic=traffic
            )


def former_routes_left(situation: Situation) -> bool:
    """Tell whether a route of former names is still there, or may be."""
    seen = (_seen(situation, former) for former in situation.status.former_names)
    return any(left is None or left.routes for left in seen)


def formers_reach_canary(situation: Situation) -> bool:
    """Tell whether a route of former names sends requests to the canary, as far as is known."""
    return any(
        each.unknown or (each.routed is not None and each.routed.exposes_canary())
        for each in situation.facts.former
    )


def await_former_routes(situation: Situation) -> Situation | None:
    """Say which former routes can't be read, so that the target keeps its pods; None for none."""
    unread = [_way(each) for each in situation.facts.former if each.unknown]
    if not unread:
        return None
    message = (
        f"waiting until the former route of {listed(unread)} can be read: it may still send "
        f"requests to {situation.canary_name}, which keeps its pods"
    )
    return situation.wait(why.FORMER_ROUTE_UNREADABLE, message)


def given_back_at(situation: Situation) -> Iterator[datetime]:
    """Tell when more of what is left of former names may be given back."""
    for former, due in _due(situation):
        yield former.since + situation.drain_time
        yield due


def new_way_waits(situation: Situation) -> bool:
    """Tell whether proxies have yet to learn of what a new route for the same service leads to.

    They know the pods behind the apex service, or services of the sides: not both before. A former
    route of which nothing was seen yet may be of either way.
    """
    names = situation.status.names
    for former in situation.status.former_names:
        same = names is not None and former.service == names.service
        fresh = situation.now < former.since + situation.drain_time
        seen = _seen(situation, former)
        if (
            same
            and fresh
            and (_turns(situation, former) or (seen is None and _new(situation, former)))
        ):
            return True
    return False


def _names(situation: Situation, before: Names | None) -> Names:
    spec, status = situation.spec, situation.status
    primary = spec.primary_name
    started = status.last_promoted_spec or situation.facts.primary is not None
    if before is not None and before.target != spec.target_ref.name and not started:
        primary = spec.usual_primary_name
    known = before.kind if before is not None else ""
    return Names(
        # Before a workload of the kind is seen, the kind may be a slip of the pen.
        kind=spec.target_ref.kind if started or situation.facts.target is not None else known,
        target=spec.target_ref.name,
        primary=primary,
        service=spec.service_name,
        provider=situation.facts.provider,
        references=situation.facts.routed_by,
    )


def _moves(before: Names, names: Names) -> bool:
    """Tell whether the route is another one; what earlier releases wrote names no references."""
    references = before.references or known_of_old(names.references)
    return route_names(before.but(references=references)) != route_names(names)


def _left(situation: Situation, names: Names) -> Iterator[FormerNames]:
    """Keep those former names of which something is left, with when their routes were given back."""
    for former in situation.status.former_names:
        left = _seen(situation, former)
        if route_names(former) == route_names(names):
            continue
        if not former.service:
            # Nothing is ever made under an empty name: the status was edited by hand.
            continue
        if left is None or left.routes:
            yield former
        elif left.services or left.apex:
            yield former.but(restored_at=former.restored_at or situation.now)


def _seen(situation: Situation, former: FormerNames) -> Former | None:
    """Find what was seen of former names; None where that was not read yet."""
    names = route_names(former)
    return next((each for each in situation.facts.former if route_names(each) == names), None)


def _due(situation: Situation) -> Iterator[tuple[FormerNames, datetime]]:
    drain = situation.drain_time
    for former in situation.status.former_names:
        if former.restored_at:
            yield former, former.restored_at + drain
        else:
            # First proxies learn of what the new route leads to, and then they follow that.
            yield former, former.since + drain * (2 if _turns(situation, former) else 1)


def _turns(situation: Situation, former: FormerNames) -> bool:
    """Tell whether a former route has other ways to the sides than the present one."""
    left = _seen(situation, former)
    return left is not None and left.by_subsets is not situation.facts.by_subsets


def _new(situation: Situation, former: FormerNames) -> bool:
    return former.since == situation.now and former.provider != situation.facts.provider


def _new_route_serves(situation: Situation) -> bool:
    facts = situation.facts
    serves = facts.routed is not None and facts.routed.does(situation.intended)
    return serves and not facts.refusal and not facts.taken


def _moved(before: Names, names: Names) -> str:
    ways = [_way(each) for each in (before, names)]
    return (
        f"Traffic moves from {ways[0]} to {ways[1]}; the former route goes when the new one serves"
    )


def _way(each: HasRouteNames) -> str:
    """Name a route for people."""
    by = f" by {each.provider}" if each.provider else ""
    through = f" through {', '.join(each.references)}" if each.references else ""
    return f"service {each.service}{by}{through}"
