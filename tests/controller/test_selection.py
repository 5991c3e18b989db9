"""Which Canaries a controller takes by their labels: how a selector reads, and which two meet."""

import pytest

from canary.settings import InvalidSettings, Settings
from canary.settings.selection import LabelSelection, selector_problem

NONE: dict[str, str] = {}
ONE, TWO = {"tier": "one"}, {"tier": "two"}


@pytest.mark.parametrize(
    ("written", "taken", "left"),
    [
        ("", (NONE, ONE), ()),
        ("tier=one", (ONE,), (NONE, TWO)),
        ("tier == one", (ONE,), (NONE, TWO)),
        ("tier!=one", (NONE, TWO), (ONE,)),
        ("tier in (one, three)", (ONE,), (NONE, TWO)),
        ("tier notin (one,three)", (NONE, TWO), (ONE,)),
        ("tier", (ONE, TWO), (NONE,)),
        ("!tier", (NONE,), (ONE,)),
        ("tier in (one, two), tier!=two", (ONE,), (NONE, TWO)),
        ("tier!=one,tier!=two", (NONE, {"tier": "3"}), (ONE, TWO)),
        ("tier!=two,tier in (one,two)", (ONE,), (NONE, TWO)),
        ("tier=one,team=web", (ONE | {"team": "web"},), (ONE, {"team": "web"})),
        ("example.com/tier=", ({"example.com/tier": ""},), (NONE,)),
        ("in in (in)", ({"in": "in"},), (NONE,)),
    ],
)
def test_a_selector_takes_the_labels_that_kubectl_would_take_by_it(written, taken, left):
    selection = LabelSelection.read(written)
    assert [each for each in taken if not selection.takes(each)] == []
    assert [each for each in left if selection.takes(each)] == []


@pytest.mark.parametrize(
    "written",
    ["tier=one,", ",", "tier=one two", "tier in one", "tier in (a b)", "tier in (a", "=one", "a)b",
     "tier>1", "tier in (é)"],
)  # fmt: skip
def test_what_is_no_selector_is_refused_with_what_to_write(written):
    with pytest.raises(InvalidSettings) as refused:
        Settings.read({}, {"selector": written})
    (problem,) = refused.value.problems
    assert (problem.field, problem.value) == ("--selector", written)
    assert "write conditions on labels, separated by commas: tier=one, tier!=one" in str(problem)


@pytest.mark.parametrize("written", ["tier=one,tier=two", "tier,!tier", "tier in (a),tier!=a"])
def test_conditions_that_no_canary_could_meet_are_refused(written):
    assert selector_problem(written) == (
        "take a condition on tier out: together they take no Canary"
    )


def test_a_selector_that_is_too_long_is_refused():
    assert selector_problem(f"tier={'a' * 60}" + ",!b" * 2000) == "write 4096 characters at most"


@pytest.mark.parametrize(
    ("one", "other", "meets"),
    [
        ("", "", True),
        ("", "tier=one", True),
        ("tier=one", "tier=two", False),
        ("tier=one", "tier!=one", False),
        ("tier!=one", "tier!=two", True),
        ("tier", "!tier", False),
        ("!tier", "tier!=one", True),
        ("tier in (a,b)", "tier in (b,c)", True),
        ("tier in (a,b)", "tier notin (a,b,c)", False),
        ("tier=one", "team=web", True),
        ("team=web,tier=one", "tier=two", False),
    ],
)
def test_two_selectors_meet_where_any_labels_at_all_are_taken_by_both(one, other, meets):
    first, second = LabelSelection.read(one), LabelSelection.read(other)
    assert (first.meets(second), second.meets(first)) == (meets, meets)
