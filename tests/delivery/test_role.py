"""What a role is held against: requests, as an API server's audit shows them."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.delivery.role import (
    KEPT,
    Asked,
    Right,
    account,
    asked,
    missing,
    refused,
    rights,
    role_objects,
    rules_of,
    unused,
)
from tests.testbed.audit import AuditEntry
from tests.testbed.users import TIDEGATE
from tests.testbed.world import GRANTED

PODS = Right("", "pods", "list")
WATCH = PODS._replace(verb="watch")
RULES = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch"]}]


def test_a_right_that_no_request_took_is_unused() -> None:
    assert unused(RULES, [Asked(PODS, 200)]) == [WATCH]
    assert unused(RULES, [Asked(PODS, 200), Asked(WATCH, 200)]) == []


def test_a_right_that_is_kept_for_a_reason_is_not_unused() -> None:
    kept = next(iter(KEPT))
    rule = {"apiGroups": [kept.group], "resources": [kept.resource], "verbs": [kept.verb]}
    assert unused([rule], []) == []


def test_a_refused_request_used_no_right() -> None:
    requests = [Asked(PODS, 403, forbidden=True), Asked(WATCH, 401)]
    assert unused(RULES, requests) == [PODS, WATCH]
    assert refused(requests) == [PODS]
    assert missing([], requests) == []


def test_what_is_refused_for_another_reason_lacks_no_right() -> None:
    # As an event in a namespace that is being deleted
    assert refused([Asked(PODS, 403)]) == []


def test_a_request_beyond_the_rules_misses_a_right() -> None:
    deletion = PODS._replace(verb="delete")
    assert missing(RULES, [Asked(PODS, 200), Asked(deletion, 200)]) == [deletion]


@pytest.mark.parametrize(("status", "verbs"), [(200, ["patch"]), (201, ["create", "patch"])])
def test_what_an_apply_creates_takes_the_right_to_create(status: int, verbs: list[str]) -> None:
    applied = Right("apps", "deployments", "patch")
    assert [each.verb for each in missing([], [Asked(applied, status)])] == verbs


def entry(**fields: Any) -> AuditEntry:
    written: dict[str, Any] = {
        "user_agent": "tidegate/1",
        "user": account(),
        "verb": "patch",
        "group": "tidegate.dev",
        "resource": "canaries",
        "subresource": "status",
        "namespace": "shop",
        "name": "podinfo",
        "status": 200,
        "at": datetime(2026, 1, 1, tzinfo=UTC),
    }
    return AuditEntry(**(written | fields))


def test_an_audit_is_read_for_one_account_and_for_resources_only() -> None:
    entries = [
        entry(),
        entry(user="tester"),
        entry(group="", resource="/readyz", subresource="", verb="get"),
        entry(group="", resource="pods", subresource="", verb="list"),
    ]
    assert list(asked(entries, account())) == [
        Asked(Right("tidegate.dev", "canaries/status", "patch"), 200),
        Asked(PODS, 200),
    ]


def test_the_account_is_the_one_that_the_testbed_knows_tidegate_by() -> None:
    assert account() == TIDEGATE.name


def test_only_roles_that_are_bound_are_the_accounts() -> None:
    bound, people = (
        {"kind": "Role", "metadata": {"name": name}, "rules": RULES} for name in ("own", "view")
    )
    binding = {
        "kind": "RoleBinding",
        "metadata": {"name": "own"},
        "roleRef": {"kind": "Role", "name": "own"},
    }
    assert rules_of([bound, people, binding]) == RULES


@pytest.mark.delivery
def test_every_right_that_is_kept_is_one_that_the_chart_gives() -> None:
    every = rules_of(role_objects(f"routers={json.dumps(GRANTED)}"))
    assert KEPT.keys() <= rights(every)
    assert all(KEPT.values())
