"""What Canaries know of each other: which of two that ask for the same gets it."""

from typing import Any

import pytest

from canary.api.kinds import Kind
from canary.api.status import Names
from canary.core.peers import CanaryName, Peer, cyclic, leaving_rival, rivalry
from tests.builders import a_peer, a_spec

MADE = Names(kind="Deployment", target="podinfo", primary="podinfo-primary", service="podinfo")
LATER = "2026-02-01T00:00:00Z"


def fields(own: Peer, *others: Peer) -> list[str]:
    return [problem.field for problem in rivalry(own, others)]


def own(**changes: Any) -> Peer:
    return a_peer("own", **changes)


TARGET, SERVICE = ["spec.targetRef.name"], ["spec.service.name"]
HELD = Names(kind="Deployment", target="podinfo", service="other")
HOLDS_TARGET = {"services": ("other",), "held": HELD}
ALONE = {"services": ("own",), "created": LATER}


@pytest.mark.parametrize(
    ("own", "other", "taken"),
    [
        (own(created=LATER), a_peer(), TARGET),
        (own(), a_peer(created=LATER), []),
        (own(), a_peer("earlier-by-name"), TARGET),
        (own(held=MADE, created=LATER), a_peer(), []),
        (own(), a_peer(held=MADE, created=LATER), TARGET),
        # What another is made for is its own, also where it asks for something else by now.
        (own(**ALONE), a_peer(target="moved", **HOLDS_TARGET), TARGET),
        # Before its kind was recorded, a Canary was made for the kind that it asks for.
        (own(**ALONE), a_peer(**(HOLDS_TARGET | {"held": HELD.but(kind="")})), TARGET),
        # Another kind with the same name is another target.
        (own(**ALONE), a_peer(kind="DaemonSet", services=("other",)), []),
        (own(created=LATER), a_peer(kind="DaemonSet"), SERVICE),
        (own(created=LATER, target="shop"), a_peer(), SERVICE),
        (own(target="shop", services=("podinfo", "left")), a_peer(services=("left",)), []),
        (own(target="shop", services=("left",)), a_peer(services=("new", "left")), SERVICE),
        (own(target="shop", held=MADE, created=LATER), a_peer(), []),
        (own(created=LATER), a_peer(deleting=True), []),
        # Of neither can its names be read.
        (own(target="", services=("",), created=LATER), a_peer(target="", services=("",)), []),
        (own(services=(), created=LATER, target="shop"), a_peer(), []),
    ],
)
def test_what_both_ask_for_has_the_one_that_is_made_under_it_or_the_older(own, other, taken):
    assert fields(own, other) == taken


SPLITTER, OTHER = (
    Kind(group=f"{name}.example", versions=("v1",), kind="Splitter", plural="splitters")
    for name in ("mesh", "other")
)
FAR = {"namespace": "far", "everywhere": (SPLITTER,)}


@pytest.mark.parametrize(
    ("own", "other", "taken"),
    [
        (own(everywhere=(SPLITTER,), created=LATER), a_peer(**FAR), SERVICE),
        (own(everywhere=(SPLITTER,)), a_peer(**FAR, created=LATER), []),
        (own(everywhere=(SPLITTER,)), a_peer(**FAR, created=LATER, held=MADE), SERVICE),
        (own(everywhere=(OTHER, SPLITTER), created=LATER), a_peer(**FAR), SERVICE),
        # Their routes are one thing for neither, or for one of them, or are of different kinds.
        (own(created=LATER), a_peer(namespace="far"), []),
        (own(created=LATER), a_peer(**FAR), []),
        (own(everywhere=(OTHER,), created=LATER), a_peer(**FAR), []),
        # The same target of another namespace is another one.
        (own(**ALONE, everywhere=(SPLITTER,)), a_peer(**FAR), []),
        (own(everywhere=(SPLITTER,), created=LATER), a_peer(**FAR, deleting=True), []),
        # In a file without a namespace they are taken to be in one.
        (own(namespace="", created=LATER), a_peer(namespace="far"), TARGET),
    ],
)
def test_of_another_namespace_one_is_a_rival_where_routes_of_one_name_are_one_thing(
    own, other, taken
):
    assert fields(own, other) == taken


def test_the_problem_names_the_other_namespace_and_why_that_matters():
    (problem,) = rivalry(own(everywhere=(SPLITTER,), created=LATER), [a_peer(**FAR)])
    assert str(problem) == (
        "spec.service.name: 'podinfo': name another service: each Splitter of a name is the same one "
        "in every namespace, and that of far/other has this name already"
    )


def test_the_problem_names_the_other_and_what_to_do():
    (problem,) = rivalry(own(created=LATER), [a_peer()])
    assert str(problem) == (
        "spec.targetRef.name: 'podinfo': delete one of the two Canaries: test/other has this "
        "target already"
    )


@pytest.mark.parametrize(
    ("other", "waits"),
    [
        (a_peer(deleting=True), True),
        (a_peer(), False),
        (a_peer(deleting=True, services=("other",)), True),
        (a_peer(deleting=True, services=("other",), kind="DaemonSet"), False),
        (a_peer(deleting=True, target="shop", services=("shop", "podinfo")), True),
        (a_peer(deleting=True, target="shop", services=("other",), held=HELD), True),
        (a_peer(deleting=True, target="shop", services=("shop",)), False),
    ],
)
def test_one_that_is_being_deleted_is_waited_for_until_it_has_given_back_what_it_has(other, waits):
    assert (leaving_rival(a_spec(), [other]) is other) is waits


def waiting_for(*names: str) -> dict[str, Any]:
    return {"depends_on": tuple(CanaryName("test", name) for name in names)}


def cycle(**peers: tuple[str, ...]) -> list[str]:
    """Say what is wrong with the first of these, by what they depend on."""
    known = {name: a_peer(name, **waiting_for(*others)) for name, others in peers.items()}
    first = next(iter(known.values()))
    problems = cyclic(first, lambda name: known.get(name.name))
    return [f"{problem.field}: {problem.value}" for problem in problems]


def test_a_canary_that_depends_on_itself_by_any_way_is_told_the_way():
    assert cycle(a=("a",)) == ["spec.dependsOn: test/a → test/a"]
    assert cycle(a=("b", "c"), b=(), c=("d",), d=("a",)) == [
        "spec.dependsOn: test/a → test/c → test/d → test/a"
    ]


def test_a_canary_beside_a_cycle_or_with_two_ways_to_one_depends_on_itself_by_none():
    assert cycle(a=("b",), b=("c",), c=("b",)) == []
    assert cycle(a=("b", "c"), b=("d",), c=("d",), d=(), e=("a",)) == []
    assert cycle(a=("missing",)) == []
