"""Managed routes: routes that their users keep, in whose rules the weights are tidegate's.

The write is made on the version that it was rendered from: everything else is as it was found.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from canary.api.canary import Canary
from canary.api.kinds import Kind, Manifest, ObjectKey
from canary.api.managed_routes import ManagedRoute
from canary.core.traffic import Seen, Traffic, together
from canary.objects.ownership import GITOPS_ANNOTATIONS
from canary.objects.places import Entry, Path
from canary.objects.render import Lacking, Render, annotations
from canary.routers import ClusterState
from canary.routers.managed_finding import (
    lacking,
    named_rules,
    of_rule,
    recorded_name,
    recorded_rule,
    shared,
)
from canary.routers.managed_record import (
    gitops_before,
    record_of,
    records_of_others,
)
from canary.routers.managed_rules import (
    Fault,
    Grammar,
    UsersRule,
    Weights,
    crowded,
    found_weights,
    inserted_name,
    is_inserted,
    matched,
    rules_of,
    split,
    unsplit,
)
from canary.routers.shares import entries, route_seen, side_services


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """A rule as it must be."""

    rule: UsersRule
    fields: Mapping[str, object]
    """What must stand in it; None takes a field away."""
    above: Manifest | None = None
    """The rule for the requests that match."""
    changed: bool = False
    """Whether it is another than its user's."""


class ManagedRoutes:
    """Writes and reads the rules of a Canary's managed routes of one kind."""

    def __init__(self, kind: Kind, grammar: Grammar) -> None:
        self._kind = kind
        self._grammar = grammar

    def keys(self, canary: Canary) -> tuple[ObjectKey, ...]:
        """Name the routes."""
        return tuple(key for key, _ in self._routes(canary))

    def render(
        self, canary: Canary, cluster: ClusterState, traffic: Traffic
    ) -> tuple[Render, ...] | Lacking:
        """Give the routes with the weights, or say what is missing in one of them."""
        traffic, renders = self._grammar.possible(traffic, cluster), []
        for key, route in self._routes(canary):
            found = cluster.existing.get(key)
            if found is None:
                return lacking(canary, key, None)
            wanted = self._wanted(canary, route, found, traffic)
            if isinstance(wanted, Fault):
                return lacking(canary, key, wanted)
            renders.append(self._render(canary, key, found, wanted, cluster.version(key.kind)))
        return tuple(renders)

    def read(self, canary: Canary, cluster: ClusterState) -> Seen | None:
        """Read what the rules of all routes do together."""
        seen: list[Seen | None] = []
        for key, route in self._routes(canary):
            found = cluster.existing.get(key) or {}
            rules = named_rules(canary, self._grammar, route, found)
            known = [] if isinstance(rules, Fault) else rules
            seen += [self._seen(canary, found, rule) for rule in known] or [None]
            seen += self._stranded(canary, found, known)
        return together(seen)

    def restore(self, canary: Canary, cluster: ClusterState) -> tuple[Render, ...]:
        """Give the routes with their users' weights, and without what was recorded in them."""
        return tuple(
            self._render(canary, key, found, {}, cluster.version(key.kind))
            for key, found in ((key, cluster.existing.get(key)) for key in self.keys(canary))
            if found is not None and record_of(canary, found).rules
        )

    def left_leading(self, canary: Canary, cluster: ClusterState) -> frozenset[str]:
        """Name the services of the sides that the routes lead to once they are given back."""
        back = {each.key: each for each in self.restore(canary, cluster)}
        namespace, services = canary.metadata.namespace, set()
        for key in self.keys(canary):
            found = cluster.existing.get(key) or {}
            left = back[key].mended(found) if key in back else found
            for rule in rules_of(self._grammar, left):
                backends = entries(rule.body, self._grammar.backends)
                services |= {self._grammar.service(namespace, each) for each in backends}
        return side_services(canary) & services

    # ------------------------------------------------------------------------------- the rules

    def _routes(self, canary: Canary) -> Iterator[tuple[ObjectKey, ManagedRoute]]:
        for route in canary.spec.managed_routes:
            if route.kind == self._kind.kind:
                namespace = canary.metadata.namespace
                yield ObjectKey(kind=self._kind, namespace=namespace, name=route.name), route

    def _wanted(
        self, canary: Canary, route: ManagedRoute, found: Manifest, traffic: Traffic
    ) -> dict[str, tuple[_Wanted, Weights]] | Fault:
        """Give each rule as it must be, with the weights that it had before."""
        rules, record = named_rules(canary, self._grammar, route, found), record_of(canary, found)
        if isinstance(rules, Fault):
            return rules
        managed = {
            name: each.canary for each in records_of_others(canary, found) for name in each.rules
        }
        wanted: dict[str, tuple[_Wanted, Weights]] = {}
        for rule in rules:
            if rule.said in managed and rule.names:
                return of_rule(rule, shared(managed[rule.said]))
            if not rule.alone:
                return of_rule(
                    rule, Fault(fault="is like another", remedy="give it a name of its own")
                )
            now = found_weights(canary, self._grammar, rule.body)
            if isinstance(now, Fault):
                return of_rule(rule, now)
            # What leads to the apex alone was written by its user since.
            fresh = canary.spec.service_name in now
            known = recorded_name(canary, self._grammar, found, rule)
            before = now if fresh else dict(record.rules.get(known, now))
            made = self._rule(canary, rule, traffic, before)
            if isinstance(made, Fault):
                return of_rule(rule, made)
            wanted[rule.said] = made, before
        above = [made.above for made, _ in wanted.values() if made.above]
        if above and (fault := crowded(self._grammar, self._beside(found, above))):
            return fault
        return wanted

    def _rule(
        self, canary: Canary, rule: UsersRule, traffic: Traffic, before: Weights
    ) -> _Wanted | Fault:
        grammar = self._grammar
        copies = none = grammar.uncopied(canary, rule.body)
        if traffic.mirror:
            asked = grammar.copies(canary, rule.body, traffic.mirror)
            if isinstance(asked, Fault):
                return asked
            copies = asked
        above, mine, weight = None, copies, traffic.weight
        if traffic.match:
            conditions = matched(grammar, rule, traffic.match)
            if isinstance(conditions, Fault):
                return conditions
            split_here = split(canary, grammar, rule.body, traffic.weight)
            named = {"name": inserted_name(canary, rule), grammar.matches: conditions}
            plain = {name: each for name, each in rule.body.items() if name not in none.fields}
            above = {**plain, **none.values, **named, grammar.backends: split_here, **copies.values}
            mine, weight = none, 0
        backends = split(canary, grammar, rule.body, weight)
        users = unsplit(canary, grammar, rule.body, before)
        fields = {grammar.backends: backends, **dict.fromkeys(mine.fields), **mine.values}
        changed = bool(above or traffic.mirror) or backends != users
        return _Wanted(rule=rule, fields=fields, above=above, changed=changed)

    def _beside(self, found: Manifest, above: list[Manifest]) -> list[Manifest]:
        """List the rules of a route with those above."""
        ours = {each["name"] for each in above}
        rules = entries(found, "spec", self._grammar.places[0])
        return [*above, *(each for each in rules if each.get("name") not in ours)]

    def _seen(self, canary: Canary, found: Manifest, rule: UsersRule) -> Seen | None:
        """Read a rule, with the one above it."""
        name = inserted_name(canary, rule)
        above = [each for each in entries(found, "spec", rule.place) if each.get("name") == name]
        return route_seen(self._grammar.seen(canary, each) for each in (*above, rule.body))

    def _stranded(
        self, canary: Canary, found: Manifest, named: Iterable[UsersRule]
    ) -> Iterator[Seen]:
        """Read the rules for requests that match whose source has gone, as far as they reach the canary."""
        above = {inserted_name(canary, rule) for rule in named}
        for rule in rules_of(self._grammar, found):
            if is_inserted(canary, rule) and rule.said not in above:
                seen = self._grammar.seen(canary, rule.body)
                if seen is not None and seen.exposes_canary():
                    yield replace(seen, matched=True)

    # ------------------------------------------------------------------------------- the object

    def _render(
        self,
        canary: Canary,
        key: ObjectKey,
        found: Manifest,
        wanted: Mapping[str, tuple[_Wanted, Weights]],
        version: str,
    ) -> Render:
        """Give a route with the rules as they are wanted, and with those no longer named as they were."""
        record, others = record_of(canary, found), list(records_of_others(canary, found))
        left = {name: before for name, before in record.rules.items() if name not in wanted}
        returned = self._returned(canary, found, left)
        made = {_identity(each.rule): each for each in returned}
        made |= {_identity(each.rule): each for each, _ in wanted.values()}
        rules: dict[str, list[Manifest]] = {}
        owns: list[Path] = []
        for rule in rules_of(self._grammar, found):
            if (each := made.get(_identity(rule))) is not None:
                rules.setdefault(rule.place, []).extend(self._written(each))
                owns += self._places(canary, each)
            elif is_inserted(canary, rule):
                # Its source is there no longer, or has another name.
                owns.append(("spec", rule.place, rule.entry))
        told = record.told
        hold = (
            any(each.changed for each in made.values())
            and not canary.spec.service.shared_with_gitops
        )
        known = next((each.told for each in others if each.told is not None), None)
        marks: Mapping[str, str] = {}
        if hold:
            marks, told = GITOPS_ANNOTATIONS, _first(told, known, gitops_before(found))
            owns += annotations(*GITOPS_ANNOTATIONS)
        elif told is not None:
            if known is None:
                marks = told
                owns += annotations(*GITOPS_ANNOTATIONS)
            told = None
        kept = replace(record, rules={name: each for name, (_, each) in wanted.items()}, told=told)
        owns += annotations(kept.annotation)
        manifest = {
            "apiVersion": key.kind.api_version(version),
            "kind": key.kind.kind,
            "metadata": {
                "name": key.name,
                "namespace": key.namespace,
                "annotations": {**marks, **({kept.annotation: kept.written} if kept.rules else {})},
            },
            "spec": rules,
        }
        return Render(key=key, manifest=manifest, owns=tuple(owns))

    def _returned(
        self, canary: Canary, found: Manifest, left: Mapping[str, Weights]
    ) -> Iterator[_Wanted]:
        """Give the rules back that are still there, and still lead to a side."""
        grammar = self._grammar
        for name, before in left.items():
            rule = recorded_rule(canary, grammar, found, name)
            if rule is not None:
                none = grammar.uncopied(canary, rule.body)
                backends = unsplit(canary, grammar, rule.body, before)
                fields = {grammar.backends: backends, **dict.fromkeys(none.fields), **none.values}
                yield _Wanted(rule=rule, fields=fields)

    @staticmethod
    def _written(each: _Wanted) -> Iterator[Manifest]:
        if each.above is not None:
            yield each.above
        identity = {each.rule.entry.field: each.rule.body.get(each.rule.entry.field)}
        yield identity | {name: value for name, value in each.fields.items() if value is not None}

    @staticmethod
    def _places(canary: Canary, each: _Wanted) -> Iterator[Path]:
        place = ("spec", each.rule.place)
        yield from ((*place, each.rule.entry, name) for name in each.fields)
        if each.rule.entry.field == "name":
            yield (*place, Entry("name", inserted_name(canary, each.rule)))


def _identity(rule: UsersRule) -> tuple[str, Entry]:
    return rule.place, rule.entry


def _first(*values: Mapping[str, str] | None) -> Mapping[str, str]:
    return next(each for each in values if each is not None)
