"""The primary's PodDisruptionBudgets: the target's, for the primary's pods."""

from copy import deepcopy
from typing import Any

import pytest

from canary.api.kinds import Manifest
from canary.resources.budgets import label_places, primary_budgets
from tests.resources.builders import LABEL, OWNER, a_canary

PODS = {"app": "podinfo", "tier": "web"}


def a_budget(name: str = "podinfo", selector: Any = None, **spec: Any) -> Manifest:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name, "namespace": "test"},
        "spec": {"selector": selector or {"matchLabels": {"app": "podinfo"}}, **spec},
    }


def made(*budgets: Manifest, existing: Manifest | None = None) -> list[Manifest]:
    found = {} if existing is None else {existing["metadata"]["name"]: existing}
    near = (*budgets, *found.values())
    rendered = primary_budgets(a_canary(), LABEL, PODS, near, found)
    return [each.mended(found.get(each.key.name)) for each in rendered]


@pytest.mark.parametrize(
    "amount",
    [
        {"minAvailable": 1},
        {"minAvailable": "50%"},
        {"maxUnavailable": 0},
        {"maxUnavailable": "30%", "unhealthyPodEvictionPolicy": "AlwaysAllow"},
    ],
)
def test_the_primary_has_the_targets_as_it_is_given(amount: dict[str, Any]):
    source = a_budget(**amount)
    before = deepcopy(source)
    (twin,) = made(source)
    assert source == before
    assert twin["metadata"]["name"] == "podinfo-primary"
    assert twin["metadata"]["ownerReferences"] == [OWNER]
    assert twin["spec"] == {"selector": {"matchLabels": {"app": "podinfo-primary"}}, **amount}
    assert made(source, existing=twin) == [twin]


def test_a_change_of_the_targets_reaches_the_primarys():
    (twin,) = made(a_budget(minAvailable=1))
    (after,) = made(a_budget(maxUnavailable=1), existing=twin)
    assert after["spec"] == {
        "selector": {"matchLabels": {"app": "podinfo-primary"}},
        "maxUnavailable": 1,
    }


def test_a_selector_by_expressions_is_the_primarys_too():
    expression = {"key": "app", "operator": "In", "values": ["podinfo", "other"]}
    (twin,) = made(a_budget(selector={"matchExpressions": [expression]}))
    values = twin["spec"]["selector"]["matchExpressions"][0]["values"]
    assert values == ["podinfo-primary", "other"]


@pytest.mark.parametrize(
    "selector",
    [
        {"matchLabels": {"app": "podinfo", "tier": "batch"}},
        {"matchLabels": {"app": "other"}},
    ],
    ids=["other pods of the label", "another label"],
)
def test_one_of_other_pods_has_no_twin(selector: dict[str, Any]):
    assert made(a_budget(selector=selector)) == []


@pytest.mark.parametrize(
    "selector",
    [
        {"matchLabels": {"app": "podinfo-primary"}},
        {"matchLabels": {"tier": "web"}},
        {"matchExpressions": [{"key": "app", "operator": "Exists"}]},
    ],
    ids=["the primary's", "both sides by a label", "both sides by an expression"],
)
def test_where_another_one_covers_the_primary_there_is_none_beside_it(selector: dict[str, Any]):
    assert made(a_budget(), a_budget("theirs", selector=selector)) == []


def test_it_is_found_by_the_labels_that_its_pods_have():
    selector = {
        "matchLabels": {"app": "podinfo"},
        "matchExpressions": [
            {"key": "tier", "operator": "In", "values": ["web", "api"]},
            {"key": "old", "operator": "DoesNotExist"},
        ],
    }
    places = ("app=podinfo", "tier=web", "tier=api")
    assert label_places(a_budget(selector=selector)) == places
    assert label_places({"spec": {}}) == ()
