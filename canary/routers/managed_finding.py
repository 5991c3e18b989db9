"""Finding the rules of a route that a Canary manages, and saying what is wrong with them."""

from collections.abc import Iterable
from dataclasses import replace

from canary.api.canary import Canary
from canary.api.kinds import Manifest, ObjectKey
from canary.api.managed_routes import ManagedRoute
from canary.objects.render import Lacking
from canary.routers.managed_record import record_of
from canary.routers.managed_rules import (
    UNNAMED,
    Fault,
    Grammar,
    UsersRule,
    found_weights,
    is_inserted,
    rules_of,
)
from canary.routers.shares import entries


def named_rules(
    canary: Canary, grammar: Grammar, route: ManagedRoute, found: Manifest
) -> list[UsersRule] | Fault:
    """Find the rules that a Canary names, or has recorded, or the only one that leads to the app."""
    recorded = [name for name in record_of(canary, found).rules if name != UNNAMED]
    names = [rule.said for rule in route.rules] or recorded
    rules = list(rules_of(grammar, found))
    if not names:
        return _only(canary, grammar, rules)
    named = []
    for name in names:
        fits = [rule for rule in rules if name in rule.names]
        if len(fits) != 1:
            return Fault(
                fault=f"has {'several rules' if fits else 'no rule'} {name}",
                remedy="name a rule that is there once in spec.managedRoutes",
            )
        named.append(called(fits[0], name))
    return named


def recorded_rule(canary: Canary, grammar: Grammar, found: Manifest, name: str) -> UsersRule | None:
    """Find the rule that was recorded by a name, and still leads to a side; None where there is none."""
    leading = leading_rules(canary, grammar, rules_of(grammar, found))
    fits = [rule for rule in leading if rule.alone and name in _names(rule)]
    if len(fits) == 1:
        return called(fits[0], name)
    return _renamed(canary, grammar, found).get(name)


def recorded_name(canary: Canary, grammar: Grammar, found: Manifest, rule: UsersRule) -> str:
    """Give the name by which a rule was recorded, which it may have no longer."""
    formers = _renamed(canary, grammar, found).items()
    return next((name for name, each in formers if each.entry == rule.entry), rule.said)


def _renamed(canary: Canary, grammar: Grammar, found: Manifest) -> dict[str, UsersRule]:
    """Find the rule that has another name by now than it was recorded by.

    It is known by what is left over: the only record without a rule, and the only rule without a
    record that leads to both sides.
    """
    record, rules = record_of(canary, found).rules, list(rules_of(grammar, found))
    there = {name for rule in rules for name in _names(rule)}
    gone = [name for name in record if name not in there]
    new = [
        rule
        for rule in leading_rules(canary, grammar, rules)
        if rule.alone
        and record.keys().isdisjoint(_names(rule))
        and len(entries(rule.body, grammar.backends)) > 1
    ]
    return {gone[0]: new[0]} if len(gone) == len(new) == 1 else {}


def _names(rule: UsersRule) -> tuple[str, ...]:
    return rule.names or (UNNAMED,)


def _only(canary: Canary, grammar: Grammar, rules: list[UsersRule]) -> list[UsersRule] | Fault:
    leading = leading_rules(canary, grammar, rules)
    if len(leading) == 1:
        return leading
    apex = canary.spec.service_name
    if not leading:
        return Fault(
            fault=f"has no rule that leads to Service {apex} alone",
            remedy=f"have one lead to Service {apex}, or to {apex}-primary and {apex}-canary",
        )
    return Fault(
        fault=f"has several rules that lead to the app: {', '.join(each.said for each in leading)}",
        remedy="name those that tidegate is to split in spec.managedRoutes[].rules",
    )


def leading_rules(canary: Canary, grammar: Grammar, rules: Iterable[UsersRule]) -> list[UsersRule]:
    """Pick the rules that lead to the app, without those that were inserted."""
    return [
        rule
        for rule in rules
        if not is_inserted(canary, rule)
        and not isinstance(found_weights(canary, grammar, rule.body), Fault)
    ]


def called(rule: UsersRule, name: str) -> UsersRule:
    """Have a rule be called by one of its names."""
    return replace(rule, names=(name,)) if rule.names else rule


def shared(other: str) -> Fault:
    """Say that another Canary manages a rule."""
    return Fault(
        fault=f"is managed by Canary {other}",
        remedy=f"name it in one Canary; if {other} is gone, remove its annotation from the route",
    )


def of_rule(rule: UsersRule, fault: Fault) -> Fault:
    """Say of which rule a fault is."""
    return replace(fault, fault=f"has a rule {rule.said} that {fault.fault}")


def lacking(canary: Canary, key: ObjectKey, fault: Fault | None) -> Lacking:
    """Say that a route is missing, or what is wrong with it."""
    apex = canary.spec.service_name
    remedy = f"create it with a rule that leads to Service {apex}, or change spec.managedRoutes"
    missing = Lacking(kind=key.kind, namespace=key.namespace, name=key.name, remedy=remedy)
    return missing if fault is None else replace(missing, fault=fault.fault, remedy=fault.remedy)
