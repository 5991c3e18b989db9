"""A merge patch without what is there already does the same as the whole of it."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from canary.api.patches import difference
from canary.api.status import CanaryStatus, Phase, read_status, write_status
from tests.core.stored import merged
from tests.sampling import examples

KEYS = st.sampled_from("abc")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from(["", "x"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


@given(wanted=st.dictionaries(KEYS, VALUES), stored=VALUES)
@settings(max_examples=examples(150))
def test_a_difference_leaves_an_object_as_the_whole_patch_does(wanted: Any, stored: Any) -> None:
    patch = difference(wanted, stored)
    assert merged(stored, patch) == merged(stored, wanted)
    assert difference(wanted, merged(stored, patch)) == {}


def test_only_what_a_decision_has_changed_is_in_the_patch_of_a_status() -> None:
    before = CanaryStatus(phase=Phase.PROGRESSING, canary_weight=20, tracked_configs={"a": "1"})
    stored = merged({}, write_status(before))
    after = before.but(canary_weight=40, tracked_configs={})
    patch = difference(write_status(after, before=before), stored)
    assert patch == {"canaryWeight": 40, "trackedConfigs": {"a": None}}


def test_what_was_read_leniently_is_written_again() -> None:
    stored = merged({}, write_status(CanaryStatus())) | {"canaryWeight": "many", "run": "none"}
    before = read_status(stored)
    patch = difference(write_status(before.but(phase=Phase.FAILED), before=before), stored)
    assert patch == {"phase": "Failed", "canaryWeight": 0, "run": None}


def test_true_is_not_the_number_one() -> None:
    assert difference({"step": 1}, {"step": True}) == {"step": 1}
