"""What counts as a difference, and what others added to metadata does not."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canary.api.annotations import ORIGINAL, WRITTEN
from canary.api.ownership import GITOPS_ANNOTATIONS
from canary.resources.compare import changed_fields, differs

OWNER = {"apiVersion": "tidegate.dev/v1beta1", "kind": "Canary", "name": "a", "uid": "u"}
WANTED: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "metadata": {
        "name": "app",
        "labels": {"a": "1"},
        "annotations": {"b": "2"},
        "ownerReferences": [OWNER],
    },
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "x"}},
        "template": {"env": [{"name": "A", "value": "1"}], "volumes": [], "limits": {}},
    },
}


def changed(*path: str | int, value: Any) -> dict[str, Any]:
    obj = deepcopy(WANTED)
    holder: Any = obj
    for part in path[:-1]:
        holder = holder[part]
    holder[path[-1]] = value
    return obj


def test_an_object_that_is_not_there_differs() -> None:
    assert differs(WANTED, None)
    assert not differs(WANTED, WANTED)


@pytest.mark.parametrize(
    "existing",
    [
        changed("apiVersion", value="apps/v1beta1"),
        changed("status", value={"replicas": 2}),
        changed("metadata", "resourceVersion", value="7"),
        changed("metadata", "labels", "other", value="x"),
        changed("metadata", "annotations", "other", value="x"),
        changed("metadata", "ownerReferences", value=[{"uid": "v"}, OWNER | {"controller": True}]),
    ],
    ids=[
        "version",
        "status",
        "bookkeeping",
        "a label of others",
        "an annotation of others",
        "another owner",
    ],
)
def test_what_others_added_is_no_difference(existing: dict[str, Any]) -> None:
    assert not differs(WANTED, existing)


@pytest.mark.parametrize(
    "existing",
    [
        changed("metadata", "labels", value={"a": "2"}),
        changed("metadata", "labels", value=None),
        changed("metadata", "annotations", value={}),
        changed("metadata", "ownerReferences", value=[]),
        changed("metadata", "ownerReferences", value=[OWNER, OWNER | {"uid": "other"}]),
        changed("metadata", "annotations", ORIGINAL, value="{}"),
        changed("metadata", "annotations", WRITTEN, value="{}"),
        changed("spec", value=None),
        changed("spec", "replicas", value=3),
        changed("spec", "selector", "matchLabels", value={"app": "x", "more": "y"}),
        changed("spec", "template", "env", value=[]),
        changed("spec", "template", "env", value=[{"name": "A", "value": "2"}]),
        changed("spec", "template", "env", value=[{"name": "A", "value": "1"}, {"name": "B"}]),
        changed("spec", "template", "env", value={"name": "A"}),
        changed("spec", "template", "volumes", value=[{"name": "a"}]),
        changed("spec", "strategy", value={"type": "RollingUpdate"}),
        changed("spec", "template", "env", 0, "extra", value="x"),
    ],
    ids=[
        "a label",
        "no labels",
        "an annotation",
        "no owner",
        "the mark of another Canary",
        "the mark of an adoption",
        "a record of what is ours no longer",
        "no spec",
        "a number",
        "a label more that selects",
        "an entry missing",
        "an entry changed",
        "an entry more",
        "another type",
        "entries where none belong",
        "a field more",
        "a field more in a list",
    ],
)
def test_what_is_not_as_it_must_be_is_a_difference(existing: dict[str, Any]) -> None:
    assert differs(WANTED, existing)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3)
    ),
)


@settings(deadline=None)
@given(spec=st.dictionaries(st.text(max_size=2), json_values), other=json_values)
def test_nothing_differs_from_itself_and_any_two_can_be_compared(spec: Any, other: Any) -> None:
    obj = {"metadata": {}, "spec": spec}
    assert not differs(obj, deepcopy(obj))
    grown = {"metadata": {}, "spec": {**spec, "of-others": other}}
    assert differs(obj, grown)


def test_a_mark_of_the_adoption_that_is_to_go_is_a_difference() -> None:
    annotations = {ORIGINAL: "{}", **GITOPS_ANNOTATIONS}
    marked, shared, given_back = (
        changed("metadata", "annotations", value=each)
        for each in (annotations, {ORIGINAL: "{}"}, {})
    )
    assert not differs(marked, marked)
    assert differs(shared, marked)
    assert differs(given_back, shared)


@pytest.mark.parametrize(
    ("after", "places"),
    [
        (changed("spec", "replicas", value=3), [("spec", "replicas")]),
        (
            changed("spec", "template", "env", 0, "value", value="2"),
            [("spec", "template", "env", 0, "value")],
        ),
        (changed("spec", "template", "env", value=[]), [("spec", "template", "env")]),
        (changed("spec", "template", "more", value=1), [("spec", "template", "more")]),
        (changed("spec", value={}), [("spec", each) for each in WANTED["spec"]]),
        (changed("metadata", "labels", value={"a": "2"}), [("metadata", "labels", "a")]),
        (changed("metadata", "labels", value=None), [("metadata", "labels")]),
        (changed("metadata", "ownerReferences", value=[]), [("metadata", "ownerReferences")]),
        (changed("metadata", "annotations", "other", value="x"), []),
        (changed("metadata", "resourceVersion", value="7"), []),
    ],
)
def test_what_somebody_has_changed_is_named_by_its_place(after, places) -> None:
    assert changed_fields(WANTED, after, WANTED) == tuple(places)


def test_what_was_otherwise_before_or_is_as_wanted_by_now_was_not_changed() -> None:
    more = changed("spec", "replicas", value=3)
    assert changed_fields(more, more, WANTED) == ()
    assert changed_fields(WANTED, more, more) == ()
    shorter = changed("spec", "template", "env", value=[])
    longer = changed("spec", "template", "env", 0, "value", value="2")
    assert changed_fields(shorter, longer, WANTED) == (("spec", "template", "env", 0, "value"),)
    flat = changed("spec", "template", value="none")
    assert changed_fields(flat, longer, WANTED) == (("spec", "template", "env", 0, "value"),)
