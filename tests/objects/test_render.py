"""What counts as a difference, what is written to mend it, and what is given back."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from canary.api.annotations import ORIGINAL, WRITTEN
from canary.api.kinds import DEPLOYMENT, Kind, Manifest, ObjectKey
from canary.objects.adoption import ADOPTION
from canary.objects.ownership import GITOPS_ANNOTATIONS
from canary.objects.places import Entry, Path, Place, Prefix, as_text, at, differences, put
from canary.objects.render import (
    Lacking,
    Render,
    annotations,
    entries,
    fields,
    labels,
    whole,
    written,
)

KEY = ObjectKey(kind=DEPLOYMENT, namespace="test", name="app")
OWNER = {"apiVersion": "tidegate.dev/v1beta1", "kind": "Canary", "name": "a", "uid": "u"}
WANTED: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
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
RENDER = Render(
    key=KEY,
    manifest=WANTED,
    owns=(
        *entries("metadata", "ownerReferences", field="uid", values=["u", "former"]),
        *labels("a"),
        *annotations("b", WRITTEN, ORIGINAL),
        *whole(WANTED),
    ),
)


def changed(*path: str | int, value: Any) -> dict[str, Any]:
    obj = deepcopy(WANTED)
    holder: Any = obj
    for part in path[:-1]:
        holder = holder[part]
    holder[path[-1]] = value
    return obj


def test_an_object_that_is_not_there_differs_and_is_made_as_wanted() -> None:
    assert RENDER.differs(None)
    assert RENDER.mended(None) == WANTED
    assert not RENDER.differs(WANTED)


@pytest.mark.parametrize(
    "existing",
    [
        changed("apiVersion", value="apps/v1beta1"),
        changed("status", value={"replicas": 2}),
        changed("metadata", "resourceVersion", value="7"),
        changed("metadata", "labels", "other", value="x"),
        changed("metadata", "annotations", "other", value="x"),
        changed("metadata", "ownerReferences", value=[{"uid": "v"}, OWNER]),
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
    assert not RENDER.differs(existing)


@pytest.mark.parametrize(
    "existing",
    [
        changed("metadata", "labels", value={"a": "2"}),
        changed("metadata", "labels", value=None),
        changed("metadata", "annotations", value={}),
        changed("metadata", "ownerReferences", value=[]),
        changed("metadata", "ownerReferences", value=[OWNER | {"controller": True}]),
        changed("metadata", "ownerReferences", value=[OWNER, OWNER | {"uid": "former"}]),
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
        "an owner with more rights",
        "the mark of an earlier Canary",
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
def test_what_is_not_as_it_must_be_is_a_difference_and_is_mended(existing: dict[str, Any]) -> None:
    assert RENDER.differs(existing)
    mended = RENDER.mended(existing)
    assert not RENDER.differs(mended)
    assert mended == WANTED


def test_a_mark_of_the_adoption_that_must_go_is_a_difference() -> None:
    marks = {ORIGINAL: "{}", **GITOPS_ANNOTATIONS}
    marked, shared, given_back = (
        changed("metadata", "annotations", value=each) for each in (marks, {ORIGINAL: "{}"}, {})
    )

    def wanting(manifest: Manifest) -> Render:
        return Render(key=KEY, manifest=manifest, owns=ADOPTION)

    assert not wanting(marked).differs(marked)
    assert wanting(shared).differs(marked)
    assert wanting(given_back).differs(shared)


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
    assert RENDER.changes(WANTED, after) == tuple(places)


def test_what_was_otherwise_before_or_is_as_wanted_by_now_was_not_changed() -> None:
    more = changed("spec", "replicas", value=3)
    assert RENDER.changes(more, more) == ()
    assert Render(key=KEY, manifest=more, owns=RENDER.owns).changes(WANTED, more) == ()
    shorter = changed("spec", "template", "env", value=[])
    longer = changed("spec", "template", "env", 0, "value", value="2")
    assert RENDER.changes(shorter, longer) == (("spec", "template", "env", 0, "value"),)
    flat = changed("spec", "template", value="none")
    assert RENDER.changes(flat, longer) == (("spec", "template", "env", 0, "value"),)


def test_what_is_lacking_is_named_with_its_remedy() -> None:
    ingress = Kind(group="networking.k8s.io", versions=("v1",), kind="Ingress", plural="ingresses")
    lacking = Lacking(kind=ingress, namespace="test", name="app", remedy="create it")
    assert str(lacking) == "Ingress test/app does not exist: create it"


# ------------------------------------------------------------------------------------------ laws

names = st.sampled_from(["a", "b", "x/one", "x/two"])
leaves = st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["", "1"])
rules = st.lists(
    st.fixed_dictionaries({"name": names}, optional={"to": leaves}),
    min_size=1,
    max_size=3,
    unique_by=lambda rule: rule["name"],
)
#: Something that the API server keeps: it stores no null, and leaves out what is empty.
somethings = st.integers(0, 3) | st.sampled_from(["", "1"])
texts = st.dictionaries(names, st.sampled_from(["1", "2"]), min_size=1)
objects = st.fixed_dictionaries(
    {"apiVersion": st.just("apps/v1"), "kind": st.just("Deployment")},
    optional={
        "metadata": st.fixed_dictionaries(
            {"name": st.just("app")}, optional={"labels": texts, "annotations": texts}
        ),
        "spec": st.dictionaries(names, somethings | texts, min_size=1)
        | st.fixed_dictionaries({"rules": rules}),
    },
)
owned = st.lists(
    st.sampled_from(
        [
            *fields("a", "b"),
            *labels("a"),
            *labels(Prefix("x/")),
            *annotations("b", Prefix("x/")),
            *entries("spec", "rules", field="name", values=["a"]),
            ("spec", "b", "a"),
        ]
    ),
    unique=True,
    max_size=5,
).map(tuple)

anything = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["spec", "rules", "metadata", "labels", "name"]), inner)
    ),
    max_leaves=12,
)


def meets(path: Path, place: Place) -> bool:
    """Tell whether a path leads to a place, to something in it, or to what it is in."""
    return all(
        isinstance(part, str) and part.startswith(step.text)
        if isinstance(step, Prefix)
        else step == part
        for step, part in zip(path, place, strict=False)
    )


def in_order(obj: Manifest) -> Manifest:
    """Sort the rules of an object: an entry that was taken away comes back as the last."""
    found = at(obj, ("spec", "rules"))
    ordered = sorted(found, key=lambda rule: rule["name"]) if found else found
    return obj | ({"spec": {"rules": ordered}} if found else {})


def holds(found: Manifest, path: Path) -> bool:
    """Tell whether a place can be in an object: a schema has no text where others have fields."""
    above = (at(found, path[:length]) for length in range(1, len(path)))
    return all(isinstance(each, dict | list | None) for each in above)


def disjoint(owns: tuple[Path, ...]) -> tuple[Path, ...]:
    """Leave out what is part of what is owned already."""
    return tuple(
        each
        for each in owns
        if not any(other != each and each[: len(other)] == other for other in owns)
    )


class TestLaws:
    @given(found=objects, wanted=objects, owns=owned)
    def test_a_mended_object_differs_in_nothing_and_is_mended_but_once(
        self, found: Manifest, wanted: Manifest, owns: tuple[Path, ...]
    ) -> None:
        render = Render(key=KEY, manifest=wanted, owns=owns)
        mended = render.mended(found)
        assert not render.differs(mended)
        assert render.mended(mended) == mended
        assert render.differs(found) == (mended != found)

    @given(found=objects, wanted=objects, owns=owned)
    def test_what_is_of_others_survives(
        self, found: Manifest, wanted: Manifest, owns: tuple[Path, ...]
    ) -> None:
        mended = Render(key=KEY, manifest=wanted, owns=owns).mended(found)
        for holder in (("metadata", "labels"), ("metadata", "annotations"), ("spec",)):
            for name, value in (at(found, holder) or {}).items():
                place = (*holder, name)
                if not any(meets(path, place) for path in owns):
                    assert at(mended, place) == value
        for rule in at(found, ("spec", "rules")) or ():
            assert rule["name"] == "a" or rule in at(mended, ("spec", "rules"))

    @given(found=objects, wanted=objects, owns=owned.map(disjoint))
    def test_what_is_given_back_is_as_it_was(
        self, found: Manifest, wanted: Manifest, owns: tuple[Path, ...]
    ) -> None:
        assume(all(holds(found, path) for path in owns))
        render = Render(key=KEY, manifest=wanted, owns=owns)
        mended = render.mended(found)
        assert in_order(render.restores(found).mended(mended)) == in_order(found)
        # Even where others have changed what is theirs meanwhile.
        mended.setdefault("metadata", {}).setdefault("labels", {})["theirs"] = "new"
        back = render.restores(found).mended(mended)
        assert back["metadata"]["labels"].pop("theirs") == "new"

    @given(found=anything, wanted=objects, owns=owned)
    def test_whatever_stands_somewhere_can_be_compared_and_mended(
        self, found: Any, wanted: Manifest, owns: tuple[Path, ...]
    ) -> None:
        edited = found if isinstance(found, dict) else {"spec": found}
        before = deepcopy(edited)
        render = Render(key=KEY, manifest=wanted, owns=owns)
        mended = render.mended(edited)
        assert edited == before
        assert render.differs(edited) == any(True for _ in differences(edited, wanted, owns))
        assert not render.differs(mended)

    @given(found=objects, wanted=objects, owns=owned)
    def test_every_difference_is_at_a_place_where_the_two_differ(
        self, found: Manifest, wanted: Manifest, owns: tuple[Path, ...]
    ) -> None:
        for place in Render(key=KEY, manifest=wanted, owns=owns).changes({}, found):
            assert at(found, place) != at(wanted, place)


def test_an_entry_takes_the_place_of_the_one_that_it_replaces() -> None:
    found = {"spec": {"rules": [{"name": "a", "to": 1}, {"name": "b"}, "none"]}}
    render = Render(
        key=KEY,
        manifest={"spec": {"rules": [{"name": "a", "to": 2}, {"name": "c"}]}},
        owns=entries("spec", "rules", field="name", values=["a", "c"]),
    )
    assert render.mended(found)["spec"]["rules"] == [
        {"name": "a", "to": 2},
        {"name": "b"},
        "none",
        {"name": "c"},
    ]
    assert render.changes({}, found) == (("spec", "rules"),)
    gone = Render(key=KEY, manifest={}, owns=render.owns)
    assert gone.mended({"spec": {"rules": [{"name": "a"}]}}) == {}
    assert Entry("name", "a").of("text") == []


def test_what_is_copied_is_what_people_write() -> None:
    found = changed("status", value={"replicas": 1})
    found["metadata"] |= {"uid": "1", "finalizers": ["f"], "managedFields": []}
    expected = deepcopy(WANTED)
    expected["metadata"]["finalizers"] = ["f"]
    assert written(found) == expected


RULES = [{"name": "static", "to": ["s"]}, {"name": "api", "to": ["a"], "kept": 1}, {"to": ["x"]}]
TO_OF_API = (("spec", "rules", Entry("name", "api"), "to"),)


def test_what_lies_inside_an_entry_of_a_list_is_put_and_compared_by_itself() -> None:
    found, wanted = {"spec": {"rules": RULES}}, {"spec": {"rules": [{"name": "api", "to": ["b"]}]}}
    assert list(differences(found, wanted, TO_OF_API)) == [("spec", "rules", 1, "to", 0)]
    mended = put(found, wanted, TO_OF_API)
    assert mended["spec"]["rules"] == [RULES[0], RULES[1] | {"to": ["b"]}, RULES[2]]
    assert list(differences(mended, wanted, TO_OF_API)) == []
    # It is never made where it is gone, and nothing is taken away that is wanted nowhere.
    assert put({"spec": {"rules": RULES[:1]}}, wanted, TO_OF_API) == {"spec": {"rules": RULES[:1]}}
    assert put(found, {}, TO_OF_API) == found
    emptied = put(found, {"spec": {"rules": [{"name": "api"}]}}, TO_OF_API)
    assert emptied["spec"]["rules"][1] == {"name": "api", "kept": 1}


def test_a_new_entry_stands_before_the_one_that_it_precedes() -> None:
    new = {"name": "new"}
    for wanted, index in (([new, {"name": "api"}], 1), ([new, {"name": "gone"}], 3), ([new], 3)):
        mended = put(
            {"spec": {"rules": RULES}},
            {"spec": {"rules": wanted}},
            (("spec", "rules", Entry("name", "new")),),
        )
        assert mended["spec"]["rules"].index(new) == index


def test_an_entry_may_be_known_by_a_value_that_is_no_text() -> None:
    rules = [{"match": [{"port": 1}], "to": [1]}, {"match": [{"port": 2}], "to": [2]}]
    place = ("rules", Entry("match", as_text([{"port": 2}])), "to")
    wanted = {"rules": [{"match": [{"port": 2}], "to": [3]}]}
    assert put({"rules": rules}, wanted, (place,))["rules"] == [rules[0], rules[1] | {"to": [3]}]


@pytest.mark.parametrize(
    ("sent", "came_back", "lost"),
    [
        ({"a": {"b": 1}}, {"a": {"b": 1}}, []),
        ({"a": {"b": 1}}, {"a": {}}, [("spec", "a", "b")]),
        ({"a": {"b": 1}}, {}, [("spec", "a")]),
        ({"a": {"b": 1}}, None, [("spec", "a")]),
        ({"a": {"b": 1}}, {"a": {"b": 2, "c": 3}}, []),
        ({"a": {"b": 1}}, {"a": "1"}, []),
        ({"a": {"b": 0, "c": [], "d": "", "e": {"f": None}}}, {}, []),
        ({"a": [{"b": 1}, {"c": 1}]}, {"a": [{"b": 1}, {}]}, [("spec", "a", 1, "c")]),
        ({"a": [{"b": 1}]}, {"a": [{"b": 1}, {"d": 1}]}, []),
        ({"a": [1]}, {"a": {"b": 1}}, []),
        ({"a": 1, "other": 1}, {"a": 1}, []),
        (
            {"rules": [{"name": "x", "b": 1}, {"name": "y", "b": 1}]},
            {"rules": [{"name": "y"}, {"name": "x"}]},
            [("spec", "rules", 1, "b")],
        ),
        ({"rules": [{"name": "x"}]}, {"rules": [{"b": 1}]}, [("spec", "rules", "name")]),
        ({"rules": [{"name": "y"}]}, {"rules": []}, []),
        (
            {"in": [{"id": "x", "deep": {"b": 1, "c": 1}}]},
            {"in": [{"id": "x", "deep": {"c": 1}}]},
            [("spec", "in", 0, "deep", "b")],
        ),
        (
            {"in": [{"id": "x", "deep": {"b": 1}}]},
            {"in": [{"id": "x"}]},
            [("spec", "in", 0, "deep", "b")],
        ),
    ],
)
def test_a_field_that_was_sent_and_is_missing_in_what_comes_back_is_lost(
    sent: Any, came_back: Any, lost: list[Place]
) -> None:
    inside = ("spec", "in", Entry("id", "x"), "deep", "b")
    render = Render(
        key=KEY,
        manifest={"metadata": {"labels": {"a": "1"}}, "spec": sent},
        owns=(
            ("metadata", "labels", "a"),
            ("spec", "a"),
            *entries("spec", "rules", field="name", values=["x"]),
            inside,
        ),
    )
    assert list(render.dropped(render.manifest, {"spec": came_back})) == lost
