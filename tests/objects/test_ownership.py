"""What marks objects as ours, and how those that were found are given back."""

import json
from typing import Any

import pytest

from canary.api.annotations import ORIGINAL, PEER_ORIGINAL, WRITTEN
from canary.api.canary import Canary
from canary.api.kinds import SERVICE, Manifest, ObjectKey
from canary.objects.adoption import (
    ADOPTION,
    RELEASE,
    adoption_marks,
    metadata_before,
    original_spec,
)
from canary.objects.ownership import (
    GITOPS_ANNOTATIONS,
    LAST_APPLIED,
    adopted,
    left_behind,
    of_any_canary,
    ours,
    ours_or_ownerless,
    own_metadata,
    owned,
    owner_reference,
    ownerless,
    owners,
    refers_to_canary,
    written_metadata,
)
from canary.objects.places import put

CANARY = Canary.model_validate(
    {
        "apiVersion": "flagger.app/v1beta1",
        "kind": "Canary",
        "metadata": {"name": "app", "namespace": "test", "uid": "u1"},
        "spec": {
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "app"},
            "service": {"port": 80},
            "analysis": {"stepWeight": 10},
        },
    }
)
USERS, OURS = {"by": "user"}, {"by": "tidegate"}


def an_object(spec: Any = None, **metadata: Any) -> Manifest:
    return {"metadata": {"name": "app", "namespace": "test"} | metadata, "spec": spec or USERS}


def taken_over(spec: Manifest) -> bool:
    return spec.get("by") == "tidegate"


def adopted_metadata(existing: Manifest, original: Manifest, *, shared: bool = False) -> Manifest:
    """Give the metadata of an object as it is adopted."""
    wanted = {"metadata": {"annotations": adoption_marks(existing, original, shared=shared)}}
    found = {"metadata": written_metadata(existing)}
    metadata: Manifest = put(found, wanted, ADOPTION)["metadata"]
    return metadata


def released_metadata(existing: Manifest) -> Manifest:
    """Give the metadata of an object as it is given back."""
    wanted = {"metadata": metadata_before(existing)}
    metadata: Manifest = put({"metadata": written_metadata(existing)}, wanted, RELEASE)["metadata"]
    return metadata


def test_an_owner_is_named_in_the_api_group_that_it_is_served_in() -> None:
    reference = owner_reference(CANARY)
    assert reference["apiVersion"] == "flagger.app/v1beta1"
    assert refers_to_canary(reference)
    assert not refers_to_canary({"kind": "Deployment", "apiVersion": "apps/v1"})
    assert not refers_to_canary({"kind": "Canary", "apiVersion": "example.com/v1"})


def test_an_object_is_owned_by_identity_and_not_by_name() -> None:
    assert owned(CANARY, an_object(ownerReferences=[owner_reference(CANARY)]))
    again = owner_reference(CANARY) | {"uid": "u2"}
    assert not owned(CANARY, an_object(ownerReferences=[again]))
    assert not owned(CANARY, an_object())


def test_an_object_of_tidegate_that_has_lost_its_owner_is_still_its_canarys_own() -> None:
    lost = an_object(labels={"app.kubernetes.io/managed-by": "tidegate"})
    assert owned(CANARY, lost)
    assert ownerless(owners(lost))
    assert ours_or_ownerless(CANARY, owners(lost))
    assert of_any_canary(owners(lost))
    assert not ours(CANARY, owners(lost))
    kept = an_object(ownerReferences=[owner_reference(CANARY)], labels=lost["metadata"]["labels"])
    assert not ownerless(owners(kept))
    assert of_any_canary(owners(kept))
    assert not of_any_canary(owners(an_object()))
    assert not ours_or_ownerless(CANARY, owners(an_object()))
    adopted_before = an_object(
        labels=lost["metadata"]["labels"], annotations={ORIGINAL: '{"by":"user"}'}
    )
    assert not owned(CANARY, adopted_before)


def test_what_is_left_behind_keeps_its_other_owners_and_is_its_canarys_own_as_before() -> None:
    other = owner_reference(CANARY) | {"name": "other", "uid": "u2", "controller": False}
    former = owner_reference(CANARY) | {"uid": "u0", "controller": False}
    labels = {"app.kubernetes.io/managed-by": "tidegate"}
    found = {"apiVersion": "v1", "kind": "Service"} | an_object(
        labels=labels, ownerReferences=[former, other, owner_reference(CANARY)]
    )
    key = ObjectKey(kind=SERVICE, namespace="test", name="app")
    render = left_behind(CANARY, key, found)
    assert render.differs(found)
    mended = render.mended(found)
    assert mended == found | {"metadata": found["metadata"] | {"ownerReferences": [other]}}
    assert not left_behind(CANARY, key, mended).differs(mended)
    found["metadata"]["ownerReferences"] = [former]
    alone = left_behind(CANARY, key, found).mended(found)
    assert ours_or_ownerless(CANARY, owners(alone))


def test_there_is_one_controller_only() -> None:
    other = {"kind": "App", "uid": "u9", "controller": True}
    metadata = own_metadata(CANARY, "app", existing=an_object(ownerReferences=[other]))
    assert metadata["ownerReferences"] == [other, owner_reference(CANARY, controller=False)]
    shared = own_metadata(CANARY, "app", controller=False)
    assert shared["ownerReferences"] == [owner_reference(CANARY, controller=False)]


def test_own_metadata_keeps_finalizers_and_nothing_of_the_api_server() -> None:
    existing = an_object(finalizers=["a/b"], resourceVersion="7", ownerReferences=None)
    assert own_metadata(CANARY, "app", labels={"a": "1"}, existing=existing) == {
        "name": "app",
        "namespace": "test",
        "labels": {"a": "1", "app.kubernetes.io/managed-by": "tidegate"},
        "annotations": {WRITTEN: '{"labels":["a"]}'},
        "ownerReferences": [owner_reference(CANARY)],
        "finalizers": ["a/b"],
    }


def test_the_reference_to_a_canary_of_the_same_name_that_is_gone_is_replaced() -> None:
    gone = owner_reference(CANARY) | {"uid": "u2"}
    neighbour = owner_reference(CANARY) | {"uid": "u3", "name": "another"}
    metadata = own_metadata(CANARY, "app", existing=an_object(ownerReferences=[gone, neighbour]))
    references = [neighbour, owner_reference(CANARY, controller=False)]
    assert metadata["ownerReferences"] == references
    assert owners({"metadata": metadata}) == ("Canary another", "Canary app")
    assert ours(CANARY, owners({"metadata": metadata}))


def test_the_owners_of_an_object_are_named_for_people() -> None:
    reference = {"kind": "Canary", "apiVersion": "example.com/v1", "name": "app"}
    found = an_object(ownerReferences=[reference], labels={"app.kubernetes.io/managed-by": "Helm"})
    assert owners(found) == ("Canary.example.com/v1 app", "Helm")
    assert not ours(CANARY, owners(found))
    assert owners(an_object()) == ()


def test_own_metadata_takes_back_what_it_gave_and_leaves_what_others_wrote() -> None:
    given = own_metadata(CANARY, "app", labels={"a": "1"}, annotations={"b": "2"})
    given["labels"]["theirs"] = given["annotations"]["theirs"] = "3"
    after = own_metadata(CANARY, "app", existing={"metadata": given})
    assert after["labels"] == {"theirs": "3", "app.kubernetes.io/managed-by": "tidegate"}
    assert after["annotations"] == {"theirs": "3"}


WHOLE = {"apiVersion": "v1", "kind": "Thing", "metadata": {}, "spec": {"by": "kubectl"}}


@pytest.mark.parametrize(
    ("spec", "annotations", "original"),
    [
        (USERS, None, USERS),
        (USERS, {ORIGINAL: '{"by":"older"}'}, USERS),
        (OURS, {ORIGINAL: '{"by":"older"}', PEER_ORIGINAL: '{"by":"peer"}'}, {"by": "older"}),
        (OURS, {PEER_ORIGINAL: '{"by":"peer"}', LAST_APPLIED: json.dumps(WHOLE)}, {"by": "peer"}),
        (OURS, {LAST_APPLIED: json.dumps(WHOLE)}, {"by": "kubectl"}),
        (OURS, {ORIGINAL: "{}"}, {}),
        (OURS, {ORIGINAL: "not json"}, OURS),
        (OURS, {ORIGINAL: '["a list"]'}, OURS),
        (OURS, {ORIGINAL: "[" * 100_000}, OURS),
        (OURS, None, OURS),
    ],
    ids=[
        "what its owner wrote is what its owner wants",
        "what its owner wrote later replaces what was kept",
        "ours comes first",
        "then the peer's",
        "then kubectl's",
        "an empty spec is one",
        "text is skipped",
        "a list is skipped",
        "a trap is skipped",
        "nothing is known",
    ],
)
def test_the_original_spec_is_found(
    spec: Manifest, annotations: dict[str, str] | None, original: Manifest
) -> None:
    existing = an_object(spec, annotations=annotations)
    assert original_spec(existing, taken_over=taken_over) == original


def test_an_adoption_leaves_no_trace() -> None:
    found = an_object(annotations={"note": "1"}, labels={"a": "b"}, resourceVersion="7")
    metadata = adopted_metadata(found, USERS)
    assert json.loads(metadata["annotations"][ORIGINAL]) == USERS
    assert adopted({"metadata": metadata})
    released = released_metadata({"metadata": metadata})
    assert released == {
        "name": "app",
        "namespace": "test",
        "annotations": {"note": "1"},
        "labels": {"a": "b"},
    }
    assert not adopted({"metadata": released})
    bare = adopted_metadata(an_object(), USERS)
    assert "annotations" not in released_metadata({"metadata": bare})


def test_what_was_adopted_is_left_alone_by_gitops_tools_until_it_is_released() -> None:
    adopted = adopted_metadata(an_object(), USERS)
    assert adopted["annotations"].items() >= GITOPS_ANNOTATIONS.items()
    again = adopted_metadata({"metadata": adopted}, USERS)
    assert again == adopted
    assert "annotations" not in released_metadata({"metadata": again})


def test_what_its_owner_told_gitops_tools_before_comes_back_with_the_release() -> None:
    (key, *_) = GITOPS_ANNOTATIONS
    adopted = adopted_metadata(an_object(annotations={key: "enabled"}), USERS)
    assert adopted["annotations"].items() >= GITOPS_ANNOTATIONS.items()
    existing = {"metadata": adopted_metadata({"metadata": adopted}, USERS), "spec": OURS}
    assert existing["metadata"] == adopted
    assert original_spec(existing, taken_over=taken_over) == USERS
    assert released_metadata(existing)["annotations"] == {key: "enabled"}


def test_what_is_shared_keeps_what_its_owner_tells_gitops_tools() -> None:
    (key, other) = GITOPS_ANNOTATIONS
    found = an_object(annotations={key: "enabled"})
    shared = adopted_metadata(found, USERS, shared=True)["annotations"]
    assert shared[key] == "enabled"
    assert other not in shared


@pytest.mark.parametrize("record", ["[]", '{"metadata": 1}', '{"metadata": {"annotations": []}}'])
def test_a_record_that_was_edited_says_nothing_of_gitops_tools(record: str) -> None:
    metadata = {"name": "app", "annotations": {ORIGINAL: record, **GITOPS_ANNOTATIONS}}
    assert "annotations" not in released_metadata({"metadata": metadata})
