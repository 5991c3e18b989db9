"""S11: no role of the chart lets its holder gain more rights than it has."""

import json
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

from canary.routers import ROUTERS
from tests.delivery.helm import OPTIONS, render

pytestmark = pytest.mark.delivery

#: Verbs that make more of a right than it is.
MAKING_MORE = ("escalate", "bind", "impersonate", "*")
#: What is written or read to act as somebody else, or past everybody.
CLOSED = {
    "*",
    *("pods/exec", "pods/attach", "pods/portforward", "pods/ephemeralcontainers", "nodes/proxy"),
    *("serviceaccounts/token", "certificatesigningrequests", "certificatesigningrequests/approval"),
    *("mutatingwebhookconfigurations", "validatingwebhookconfigurations"),
    *("validatingadmissionpolicies", "validatingadmissionpolicybindings"),
    *("roles", "rolebindings", "clusterroles", "clusterrolebindings"),
}
EVERY_ROUTER = f"routers={json.dumps(sorted(ROUTERS.names()))}"
VALUES = {
    f"{option}, {secrets} Secrets": (*flags, EVERY_ROUTER, f'secrets="{secrets}"')
    for (option, flags), secrets in product(OPTIONS.items(), ("tracked", "named", "none"))
}


def rules(*values: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give the rules of every role, with its name."""
    for each in render(*values):
        if each["kind"] in {"Role", "ClusterRole"}:
            yield from ((each["metadata"]["name"], rule) for rule in each.get("rules") or ())


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_no_rule_makes_more_of_a_right_or_opens_what_is_closed(values: tuple[str, ...]) -> None:
    found = list(rules(*values))
    assert found
    for name, rule in found:
        where = (name, rule)
        assert not {*rule["verbs"]} & {*MAKING_MORE}, where
        assert not {*rule.get("resources", ())} & CLOSED, where
        assert "*" not in rule.get("apiGroups", ()), where


def test_who_may_be_impersonated_is_listed_and_by_the_dashboard_alone() -> None:
    values = {
        "enabled": True,
        "auth": "proxy-user",
        "proxy": {"secretName": "proxy"},
        "impersonation": {"users": ["alice"]},
    }
    acting = [
        (name, rule)
        for name, rule in rules(f"dashboard={json.dumps(values)}")
        if any(verb.startswith("impersonate") for verb in rule["verbs"])
    ]
    assert acting
    for name, rule in acting:
        assert name.endswith("-dashboard-impersonation")
        named = {*rule["resources"]} & {"users", "groups"}
        assert not named or rule["resourceNames"], rule
