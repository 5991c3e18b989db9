"""Why whoever routes by an object refuses it, read from what is said in its status."""

from typing import Any

import pytest

from canary.api.annotations import ACCEPTANCE
from canary.routers.parents import pending, refusal

GATEWAY = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "public"}
ELSEWHERE = GATEWAY | {"namespace": "infra"}
SERVICE = {"group": "", "kind": "Service", "name": "podinfo", "port": 9898}
CONTROLLER = "example.com/gateway"


def a_condition(type_: str = "Accepted", **fields: Any) -> dict[str, Any]:
    said = {"status": "False", "reason": "NoMatchingParent", "message": "no such listener"}
    return {"type": type_, "observedGeneration": 4} | said | fields


def a_parent(*conditions: object, ref: object = GATEWAY) -> dict[str, Any]:
    return {"parentRef": ref, "controllerName": CONTROLLER, "conditions": list(conditions)}


def a_route(*parents: object) -> dict[str, Any]:
    return {
        "kind": "HTTPRoute",
        "metadata": {"name": "podinfo", "namespace": "test", "generation": 4},
        "spec": {"parentRefs": [GATEWAY, SERVICE]},
        "status": {"parents": list(parents)},
    }


WORDS = f"{CONTROLLER} reports Accepted=False for parent public: "
REFUSED = {
    "by the one parent that says so": (a_route(a_parent(a_condition())), f"{WORDS}NoMatching"),
    "where another condition holds": (
        a_route(a_parent(a_condition("ResolvedRefs", status="True"), a_condition())),
        WORDS,
    ),
    "for a backend that is none": (
        a_route(a_parent(a_condition("ResolvedRefs", reason="InvalidKind"))),
        "reports ResolvedRefs=False for parent public: InvalidKind: no such listener",
    ),
    "as some of its rules are left out": (
        a_route(
            a_parent(a_condition("PartiallyInvalid", status="True", reason="UnsupportedValue"))
        ),
        "reports PartiallyInvalid=True for parent public: UnsupportedValue: no such listener",
    ),
    "as no proxy took it": (
        a_route(a_parent(a_condition("Programmed", reason="Invalid"))),
        "reports Programmed=False for parent public: Invalid: no such listener",
    ),
    "where another parent takes it": (
        a_route(a_parent(a_condition(status="True"), ref=SERVICE), a_parent(a_condition())),
        WORDS,
    ),
    "by who does not say of which generation": (
        a_route(a_parent(a_condition(observedGeneration=None))),
        WORDS,
    ),
    "where the namespace of the parent is filled in": (
        a_route(a_parent(a_condition(), ref=GATEWAY | {"namespace": "test"})),
        WORDS,
    ),
    "by a parent of another namespace": (
        a_route(a_parent(a_condition(), ref=ELSEWHERE)) | {"spec": {"parentRefs": [ELSEWHERE]}},
        f"{CONTROLLER} reports Accepted=False for parent infra/public: NoMatching",
    ),
}
TAKEN = {
    "as it is new, and nobody has looked": {"metadata": {"generation": 1}, "spec": {}},
    "as nobody is there to look": a_route(),
    "as it is accepted": a_route(a_parent(a_condition(status="True"))),
    "as it is not known yet": a_route(a_parent(a_condition(status="Unknown"))),
    "as the word is about an earlier generation": a_route(
        a_parent(a_condition(observedGeneration=3))
    ),
    "as the parent is none any more": a_route(
        a_parent(a_condition(), ref=GATEWAY | {"name": "old"})
    ),
    "as the parent was one of that name in another namespace": a_route(
        a_parent(a_condition(), ref=ELSEWHERE)
    ),
    "as all of its rules are valid": a_route(a_parent(a_condition("PartiallyInvalid"))),
    "as another condition has another meaning": a_route(a_parent(a_condition("Overlapping"))),
    "as no proxy has had the time to take it": a_route(
        a_parent(a_condition("Programmed", reason="Pending"))
    ),
    "as what is said makes no sense": a_route("no", {"parentRef": 7}, a_parent("no", 7)),
    "as it is of another kind": {"metadata": {"generation": 1}, "status": {"parents": "none"}},
}


@pytest.mark.parametrize(("route", "words"), REFUSED.values(), ids=REFUSED)
def test_a_route_is_refused(route, words):
    assert words in refusal(route)


@pytest.mark.parametrize("route", TAKEN.values(), ids=TAKEN)
def test_a_route_is_not_refused(route):
    assert refusal(route) == ""


def test_what_two_say_alike_is_told_once_and_what_they_say_apart_together():
    same, other = a_condition(), a_condition(message="no hosts in common")
    said = refusal(a_route(a_parent(same), a_parent(same), a_parent(other, ref=SERVICE)))
    assert said == (
        f"{WORDS}NoMatchingParent: no such listener; {CONTROLLER} reports Accepted=False for "
        "parent podinfo: NoMatchingParent: no hosts in common"
    )


def test_where_one_parent_is_enough_a_route_is_refused_that_all_reject() -> None:
    rejected = a_parent(a_condition()), a_parent(a_condition(), ref=SERVICE)
    enough = {"annotations": {ACCEPTANCE: "Any"}}
    for parents, refused in ((rejected, True), (rejected[:1], False)):
        route = a_route(*parents)
        assert refusal(route)
        any_ = route | {"metadata": route["metadata"] | enough}
        assert bool(refusal(any_)) is refused


def test_parents_of_one_name_in_two_namespaces_are_two() -> None:
    enough = {"annotations": {ACCEPTANCE: "Any"}}
    said = a_parent(a_condition(), ref=ELSEWHERE), a_parent(a_condition(status="True"))
    route = a_route(*said) | {"spec": {"parentRefs": [ELSEWHERE, GATEWAY]}}
    assert "for parent infra/public" in refusal(route)
    assert refusal(route | {"metadata": route["metadata"] | enough}) == ""


EARLIER, TAKEN = a_condition(observedGeneration=3), a_condition(status="True")
UNSURE = a_condition(observedGeneration=None)
PENDING = {
    "the only one that speaks speaks of an earlier one": (a_route(a_parent(EARLIER)), True),
    "one has taken it, and another not yet": (
        a_route(a_parent(TAKEN), a_parent(EARLIER, ref=SERVICE)),
        True,
    ),
    "all have": (a_route(a_parent(TAKEN), a_parent(TAKEN, ref=SERVICE)), False),
    "it was rejected as it is": (a_route(a_parent(a_condition())), False),
    "nobody has spoken": (a_route(), False),
    "who speaks does not say of which": (a_route(a_parent(UNSURE)), False),
    "another condition is older": (
        a_route(a_parent(TAKEN, a_condition("Programmed", observedGeneration=3))),
        False,
    ),
    "a former parent is behind": (a_route(a_parent(EARLIER, ref=ELSEWHERE)), False),
}


@pytest.mark.parametrize(("route", "waits"), PENDING.values(), ids=PENDING)
def test_a_route_is_taken_when_those_that_speak_do_so_of_its_generation(
    route: dict[str, Any], waits: bool
) -> None:
    assert pending(route) is waits


def test_where_one_parent_is_enough_one_that_has_taken_the_route_is() -> None:
    half = a_route(a_parent(TAKEN), a_parent(EARLIER, ref=SERVICE))
    half["metadata"]["annotations"] = {ACCEPTANCE: "Any"}
    assert not pending(half)
    none = a_route(a_parent(EARLIER), a_parent(EARLIER, ref=SERVICE))
    none["metadata"]["annotations"] = {ACCEPTANCE: "Any"}
    assert pending(none)
