"""Rules of a route that its user keeps: how each kind of route writes them, and the split of one.

Of a rule its backends' weights are tidegate's, the copies of its requests, and the rule above it for
the requests that match. All else is its user's, and is read from the object as it is now.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import ClassVar, Protocol

from canary.api.canary import Canary
from canary.api.kinds import Manifest
from canary.api.traffic import HttpMatch
from canary.core.traffic import Seen, Traffic
from canary.objects.places import Entry, as_text
from canary.routers import ClusterState
from canary.routers.shares import entries, sides

UNNAMED = "without a name"

Weights = dict[str, object]
"""The weights that a rule had before tidegate, by service: that of the apex, or those of both sides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Why a rule cannot be used, and what its user can do."""

    fault: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UsersRule:
    """A rule of a route as it is."""

    place: str
    """The list of the spec in which it stands."""
    names: tuple[str, ...]
    """What a Canary may call it by."""
    entry: Entry
    """What tells it apart in that list."""
    body: Manifest
    alone: bool
    """Whether that tells it apart from all others."""

    @property
    def said(self) -> str:
        """What people call it."""
        return next(iter(self.names), UNNAMED)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleCopies:
    """How the requests of a rule are copied to the canary: fields of the rule, and what stands in them."""

    fields: tuple[str, ...] = ()
    """Those that are tidegate's; what is no value is taken away."""
    values: Manifest = field(default_factory=dict)


class Grammar(Protocol):
    """How a kind of route writes its rules."""

    places: ClassVar[tuple[str, ...]]
    """The lists of rules in a spec; those of the first have names and conditions on requests."""
    backends: ClassVar[str]
    matches: ClassVar[str]
    most_rules: ClassVar[int]
    most_matches: ClassVar[int]
    """The most conditions of all rules; 0 for no limit, as of rules."""
    required: ClassVar[frozenset[tuple[str, ...]]]
    """The fields that it writes and that not every installed CRD has."""

    def possible(self, traffic: Traffic, cluster: ClusterState) -> Traffic:
        """Leave out what the installed CRD cannot say."""

    def names(self, place: str, rule: Manifest) -> Iterable[str]:
        """Give what a Canary may call a rule by."""

    def service(self, namespace: str, backend: Manifest) -> str:
        """Name the service in a namespace that a backend leads to; empty where it is another."""

    def leading(self, backend: Manifest, service: str) -> Manifest:
        """Give a backend as it leads to another service."""

    def condition(self, match: HttpMatch) -> Manifest:
        """Write a condition on requests, without what holds for all."""

    def both(self, one: Manifest, other: Manifest) -> Manifest | None:
        """Write that two conditions hold; None where no single condition says so."""

    def copies(self, canary: Canary, rule: Manifest, percent: int) -> RuleCopies | Fault:
        """Give how requests of a rule are copied to the canary."""

    def uncopied(self, canary: Canary, rule: Manifest) -> RuleCopies:
        """Give a rule without such copies; no fields where there are none."""

    def seen(self, canary: Canary, rule: Manifest) -> Seen | None:
        """Read what a rule does; None where it leads to neither side."""


def rules_of(grammar: Grammar, found: Manifest) -> Iterator[UsersRule]:
    """Go through the rules of a route."""
    for place in grammar.places:
        bodies = entries(found, "spec", place)
        for body in bodies:
            field = "name" if body.get("name") else grammar.matches
            entry = Entry(field, as_text(body.get(field)))
            yield UsersRule(
                place=place,
                names=tuple(grammar.names(place, body)),
                entry=entry,
                body=body,
                alone=sum(map(entry.is_, bodies)) == 1,
            )


def found_weights(canary: Canary, grammar: Grammar, rule: Manifest) -> Weights | Fault:
    """Read the weights of a rule, by service: that of the apex alone, or those of both sides."""
    spec, namespace = canary.spec, canary.metadata.namespace
    backends = entries(rule, grammar.backends)
    services = [grammar.service(namespace, each) for each in backends]
    both = [spec.canary_service_name, spec.primary_service_name]
    if services == [spec.service_name] or sorted(services) == both:
        return {name: each.get("weight") for name, each in zip(services, backends, strict=True)}
    remedy = f"have it lead to Service {spec.service_name} alone, or to {both[1]} and {both[0]}"
    others = [name or "another service" for name in services if name not in both]
    leads = f"leads to {' and '.join(others)}" if others else "leads to one side alone"
    return Fault(fault=leads if services else "leads to no Service", remedy=remedy)


def split(canary: Canary, grammar: Grammar, rule: Manifest, weight: int) -> list[Manifest]:
    """Give the backends of a rule with both sides; whatever else they say stays."""
    namespace, shares = canary.metadata.namespace, dict(sides(canary, weight))
    backends = entries(rule, grammar.backends)
    if len(backends) == 1:
        (backend,) = backends
        return [
            grammar.leading(backend, service) | {"weight": share}
            for service, share in shares.items()
        ]
    return [each | {"weight": shares[grammar.service(namespace, each)]} for each in backends]


def unsplit(canary: Canary, grammar: Grammar, rule: Manifest, before: Weights) -> list[Manifest]:
    """Give the backends of a rule as they were before tidegate; whatever else they say stays."""
    spec, namespace = canary.spec, canary.metadata.namespace
    backends = list(entries(rule, grammar.backends))
    if spec.service_name in before:
        primary = [
            each
            for each in backends
            if grammar.service(namespace, each) in {spec.primary_service_name, spec.service_name}
        ]
        backends = [grammar.leading(each, spec.service_name) for each in primary]
    return [_weighted(each, before.get(grammar.service(namespace, each))) for each in backends]


def _weighted(backend: Manifest, weight: object) -> Manifest:
    rest = {name: value for name, value in backend.items() if name != "weight"}
    return rest if weight is None else rest | {"weight": weight}


def matched(
    grammar: Grammar, rule: UsersRule, asked: Sequence[HttpMatch]
) -> list[Manifest] | Fault:
    """Give the conditions of which one holds where one of a rule's and one of those asked hold."""
    pairs = product(map(grammar.condition, asked), entries(rule.body, grammar.matches) or ({},))
    conditions = [grammar.both(theirs, ours) for ours, theirs in pairs]
    if rule.place != grammar.places[0] or rule.entry.field != "name":
        return Fault(
            fault="has no name", remedy="give it one: a rule for requests that match needs it"
        )
    if None in conditions:
        return Fault(
            fault="has a condition on the same field as match, and the two cannot be merged",
            remedy="change one of them",
        )
    return [each for each in conditions if each is not None]


def inserted_name(canary: Canary, rule: UsersRule) -> str:
    """Name the rule above another, for the requests that match."""
    return f"{rule.said}.tidegate.{canary.metadata.name}"


def is_inserted(canary: Canary, rule: UsersRule) -> bool:
    """Tell whether a rule is one above another."""
    return rule.said.endswith(f".tidegate.{canary.metadata.name}")


def crowded(grammar: Grammar, rules: Sequence[Manifest]) -> Fault | None:
    """Tell of more rules, or conditions, than a route may have."""
    conditions = sum(len(entries(each, grammar.matches)) for each in rules)
    for most, number, what in (
        (grammar.most_rules, len(rules), "rules"),
        (grammar.most_matches, conditions, "conditions"),
    ):
        if most and number > most:
            return Fault(
                fault=f"would have {number} {what} with those for the requests that match, and may "
                f"have {most}",
                remedy="remove some, or write fewer conditions in match",
            )
    return None
