"""Which Canaries name which FleetPlan, and which namespaces of the hub are named no more."""

import pytest

from canary.controller.canaries import CanaryKey
from canary.controller.planned import Planned

CART = CanaryKey("tidegate.dev", "shop", "cart")
FORMER = CanaryKey("flagger.app", "shop", "cart")
TILL = CanaryKey("tidegate.dev", "shop", "till")


@pytest.fixture
def planned() -> Planned:
    planned = Planned()
    planned.name(CART, "releases/shop")
    planned.name(FORMER, "releases/shop")
    planned.name(TILL, "releases/till")
    return planned


@pytest.mark.parametrize(
    ("plan", "canary", "found"),
    [
        ("releases/shop", "", {CART, FORMER}),
        ("releases/shop", "shop/cart", {CART, FORMER}),
        ("releases/shop", "shop/till", set()),
        ("releases/till", "", {TILL}),
        ("releases/none", "", set()),
        ("", "shop/cart", {CART, FORMER}),
        ("", "", {CART, FORMER, TILL}),
    ],
    ids=["a plan", "one of it", "another's", "another", "unknown", "any plan", "all"],
)
def test_a_plan_finds_the_canaries_that_name_it(
    planned: Planned, plan: str, canary: str, found: set[CanaryKey]
) -> None:
    assert {*planned.of(plan, canary)} == found


def test_a_canary_is_of_the_plan_that_it_names_now(planned: Planned) -> None:
    planned.name(TILL, "releases/shop")
    assert {*planned.of("releases/shop", "")} == {CART, FORMER, TILL}
    assert not planned.of("releases/till", "")
    planned.name(TILL, "")
    assert {*planned.of("releases/shop", "")} == {CART, FORMER}
    planned.name(TILL, "")
    assert {*planned.of("", "")} == {CART, FORMER}


def test_a_namespace_of_plans_is_left_with_the_last_canary_that_names_one_there(
    planned: Planned,
) -> None:
    left: list[str] = []
    planned.on_left(left.append)
    planned.name(CART, "releases/shop")
    planned.name(CART, "releases/other")
    planned.name(TILL, "elsewhere/till")
    planned.name(FORMER, "")
    assert left == []
    planned.name(CART, "elsewhere/till")
    assert left == ["releases"]
    planned.name(TILL, "")
    planned.name(CART, "")
    assert left == ["releases", "elsewhere"]


def test_nobody_need_be_told_of_a_namespace_that_is_left(planned: Planned) -> None:
    for key in (CART, FORMER, TILL):
        planned.name(key, "")
    assert not planned.of("", "")
