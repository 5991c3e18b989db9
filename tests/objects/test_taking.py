"""Objects that are made, adopted and given back, whichever places of them are ours."""

from copy import deepcopy

from hypothesis import given
from hypothesis import strategies as st

from canary.api.annotations import ORIGINAL
from canary.api.canary import Canary
from canary.api.kinds import Kind, Manifest, ObjectKey
from canary.api.service import GitOps
from canary.objects.ownership import GITOPS_ANNOTATIONS, adopted, owned
from canary.objects.places import Path, Prefix, put
from canary.objects.render import annotations, entries, fields, labels, whole
from canary.objects.taking import adopted_as, made, released
from tests.resources.builders import a_canary

INGRESS = Kind(group="networking.k8s.io", versions=("v1",), kind="Ingress", plural="ingresses")
KEY = ObjectKey(kind=INGRESS, namespace="test", name="app")
ACTION = "alb.ingress.kubernetes.io/actions.podinfo"
FOUND: Manifest = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "Ingress",
    "metadata": {
        "name": "app",
        "namespace": "test",
        "annotations": {ACTION: "the user's", "alb.ingress.kubernetes.io/scheme": "internal"},
        "labels": {"team": "pay"},
    },
    "spec": {
        "ingressClassName": "alb",
        "rules": [{"host": "a.example.com", "http": 1}, {"host": "b.example.com"}],
    },
}


def annotating(found: Manifest, weight: int, canary: Canary | None = None) -> Manifest:
    """Write a weight into an annotation of the user's Ingress."""
    return adopted_as(
        canary or a_canary(),
        KEY,
        {},
        owns=annotations(ACTION),
        found=found,
        annotations={ACTION: str(weight)},
    ).mended(found)


def given_back(found: Manifest) -> Manifest:
    """Give the user's Ingress back."""
    return released(KEY, None, owns=annotations(ACTION), found=found).mended(found)


def test_an_annotation_of_a_users_object_is_all_that_changes_and_is_given_back() -> None:
    once = annotating(FOUND, 10)
    twice = annotating(once, 20)
    assert once["spec"] == FOUND["spec"]
    assert once["metadata"]["labels"] == FOUND["metadata"]["labels"]
    assert twice["metadata"]["annotations"][ACTION] == "20"
    assert annotating(twice, 20) == twice
    assert adopted(twice)
    assert not owned(a_canary(), twice)
    assert given_back(twice) == FOUND


def test_what_its_user_changes_meanwhile_stays() -> None:
    edited = annotating(FOUND, 10)
    edited["spec"]["rules"] = [{"host": "c.example.com"}]
    edited["metadata"]["annotations"]["alb.ingress.kubernetes.io/scheme"] = "internet-facing"
    del edited["metadata"]["labels"]
    back = given_back(annotating(edited, 60))
    assert back["spec"]["rules"] == [{"host": "c.example.com"}]
    assert back["metadata"]["annotations"] == {
        ACTION: "the user's",
        "alb.ingress.kubernetes.io/scheme": "internet-facing",
    }
    assert "labels" not in back["metadata"]


def test_an_annotation_that_was_not_there_goes() -> None:
    bare = deepcopy(FOUND)
    del bare["metadata"]["annotations"]
    assert given_back(annotating(bare, 10)) == bare


def test_what_it_told_gitops_tools_is_told_again() -> None:
    told = deepcopy(FOUND)
    told["metadata"]["annotations"] |= dict.fromkeys(GITOPS_ANNOTATIONS, "enabled")
    taken = annotating(told, 10)
    assert GITOPS_ANNOTATIONS.items() <= taken["metadata"]["annotations"].items()
    assert given_back(taken) == told
    service = a_canary().spec.service.but(gitops=GitOps.SHARED)
    sharing = a_canary().but(spec=a_canary().spec.but(service=service))
    shared = annotating(told, 10, sharing)["metadata"]["annotations"]
    assert shared.items() >= dict.fromkeys(GITOPS_ANNOTATIONS, "enabled").items()
    assert given_back(annotating(told, 10, sharing)) == told


def test_a_record_that_somebody_has_edited_gives_nothing_back_and_fails_nothing() -> None:
    taken = annotating(FOUND, 10)
    for record in ("", "[]", '{"metadata": 1}', '{"metadata": {"annotations": [1]}}'):
        taken["metadata"]["annotations"][ORIGINAL] = record
        back = given_back(taken)
        assert ACTION not in back["metadata"]["annotations"]
        assert not adopted(back)


places: st.SearchStrategy[tuple[Path, ...]] = st.lists(
    st.sampled_from(
        [
            *fields("rules", "tls"),
            *labels("team", "ours"),
            *annotations(ACTION, Prefix("nginx/")),
        ]
    ),
    unique=True,
    min_size=1,
).map(tuple)


@given(owns=places, weights=st.lists(st.integers(0, 100), min_size=1, max_size=3))
def test_whichever_places_are_taken_are_given_back(
    owns: tuple[Path, ...], weights: list[int]
) -> None:
    spec = FOUND["spec"] if any(path[0] == "spec" for path in owns) else None
    obj = FOUND
    for weight in weights:
        body = {"spec": {"rules": [{"weight": weight}]}} if spec else {}
        taken = adopted_as(
            a_canary(),
            KEY,
            body,
            owns=owns,
            found=obj,
            original=spec,
            annotations={ACTION: str(weight), "nginx/weight": str(weight)},
        )
        obj = taken.mended(obj)
        assert not taken.differs(obj)
    assert released(KEY, spec, owns=owns, found=obj).mended(obj) == FOUND


def test_an_own_object_has_our_rule_beside_those_of_others() -> None:
    body = {"spec": {"rules": [{"host": "ours.example.com"}]}}
    own = made(a_canary(), KEY, body, owns=whole(body), found=None).mended(None)
    assert owned(a_canary(), own)
    ruling = made(
        a_canary(),
        KEY,
        {"spec": {"rules": [{"host": "ours.example.com", "weight": 2}]}},
        owns=entries("spec", "rules", field="host", values=["ours.example.com"]),
        found=own,
    )
    theirs = put(own, {"spec": {"rules": [{"host": "a"}, *body["spec"]["rules"]]}}, fields("rules"))
    assert ruling.mended(theirs)["spec"]["rules"] == [
        {"host": "a"},
        {"host": "ours.example.com", "weight": 2},
    ]
