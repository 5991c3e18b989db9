"""Owners of objects in another cluster: marked there, and known here as if they were here."""

from typing import Any

import pytest

from canary.api.annotations import ORIGINAL, OWNER
from canary.api.canary import Canary
from canary.api.kinds import Manifest, ObjectKey
from canary.errors import Contested
from canary.objects.marking import Home, OwnerMark, contested, received, sent
from canary.objects.ownership import (
    CanaryOwner,
    canary_owners,
    own_metadata,
    owned,
    owner_reference,
)
from canary.objects.taking import adopted_as, made, released
from canary.resources.rival_routes import VIRTUAL_SERVICE

HOME = Home("eu-1", "1b2c")
MARK = "eu-1/1b2c/shop/cart/u1"
OTHERS = "us-1/9f8e/shop/cart/u7"
CART = CanaryOwner("tidegate.dev", "cart", "u1")
CANARY = Canary.model_validate(
    {
        "apiVersion": "tidegate.dev/v1beta1",
        "kind": "Canary",
        "metadata": {"name": "cart", "namespace": "shop", "uid": "u1"},
        "spec": {
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "cart"},
            "service": {"port": 80},
            "analysis": {"stepWeight": 10},
        },
    }
)
KEY = ObjectKey(kind=VIRTUAL_SERVICE, namespace="shop", name="cart")
OWNS = (("spec", "http"),)
CONFIG_MAP_OWNER = {"apiVersion": "v1", "kind": "ConfigMap", "name": "base", "uid": "c"}
THERE = owner_reference(CANARY) | {"uid": "u9"}


def a_route(**metadata: Any) -> Manifest:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "cart", "namespace": "shop", "resourceVersion": "7"} | metadata,
        "spec": {"http": []},
    }


def own() -> Manifest:
    return made(CANARY, KEY, {"spec": {"http": [1]}}, owns=OWNS, found=None).mended(None)


def adopted(found: Manifest) -> Manifest:
    render = adopted_as(CANARY, KEY, {"spec": {"http": [1]}}, owns=OWNS, found=found, original={})
    return render.mended(found)


def test_what_is_made_for_a_canary_has_a_mark_there_and_no_owner():
    there = sent(own(), HOME, CART)
    assert there["metadata"]["annotations"][OWNER] == MARK
    assert "ownerReferences" not in there["metadata"]
    assert there["spec"] == own()["spec"]


def test_what_comes_back_is_as_it_was_sent():
    here = own()
    here["metadata"]["annotations"] = {"team": "shop"}
    assert received(sent(here, HOME, CART), HOME) == here


def test_other_owners_stay_and_of_two_controllers_there_is_one():
    controller = CONFIG_MAP_OWNER | {"controller": True}
    for other in (CONFIG_MAP_OWNER, controller):
        found = own_metadata(CANARY, "cart", existing=a_route(ownerReferences=[other]))
        there = sent(a_route(**found), HOME, CART)
        assert there["metadata"]["ownerReferences"] == [other]
        assert received(there, HOME)["metadata"]["ownerReferences"] == found["ownerReferences"]


def test_what_is_adopted_is_marked_by_the_write_that_takes_it_and_by_all_that_follow():
    there = sent(adopted(a_route()), HOME, CART)
    assert there["metadata"]["annotations"][OWNER] == MARK
    here = received(there, HOME)
    assert not contested(here)
    assert not canary_owners(here)
    assert sent(here, HOME, CART)["metadata"]["annotations"] == there["metadata"]["annotations"]


def test_what_is_given_back_loses_its_mark_in_that_write():
    here = received(sent(adopted(a_route()), HOME, CART), HOME)
    render = released(KEY, {"http": []}, owns=OWNS, found=here)
    there = sent(render.mended(here), HOME, CART)
    assert "annotations" not in there["metadata"]
    assert there["spec"] == a_route()["spec"]


def test_what_nobody_has_taken_is_as_it_is():
    free = a_route(annotations={"team": "shop"}, ownerReferences=[CONFIG_MAP_OWNER])
    assert received(free, HOME) == free
    assert sent(free, HOME, CART) == free


@pytest.mark.parametrize(
    ("metadata", "whose"),
    [
        pytest.param({"annotations": {OWNER: OTHERS}}, "belongs to Canary shop/cart of cluster us-1: delete that Canary, or let one of the two have another route", id="of another cluster"),
        pytest.param({"annotations": {OWNER: "eu-1/77/shop/cart/u1"}}, "of cluster eu-1", id="of another cluster of the same name"),
        pytest.param({"annotations": {OWNER: "eu-1/1b2c/pay/cart/u1"}}, "Canary pay/cart of cluster eu-1", id="of another namespace"),
        pytest.param({"annotations": {OWNER: OTHERS, ORIGINAL: "{}"}}, "of cluster us-1", id="adopted by another cluster"),
        pytest.param({"annotations": {OWNER: "me"}}, "that names no owner: correct or remove it", id="no mark"),
        pytest.param({"annotations": {OWNER: "eu-1/1b2c/shop/\x1b[31m/u1"}}, "that names no owner", id="a mark that would paint a terminal"),
        pytest.param({"annotations": {OWNER: "eu-1/1b2c/shop//u1"}}, "that names no owner", id="a mark with a gap"),
        pytest.param({"ownerReferences": [THERE]}, "Canary shop/cart of the cluster that the route is in", id="of a Canary there"),
        pytest.param({"annotations": {ORIGINAL: "{}"}}, "Canary shop/cart of the cluster that the route is in", id="adopted by a Canary there"),
        pytest.param({"annotations": {OWNER: MARK}, "ownerReferences": [THERE]}, "of cluster eu-1", id="of two"),
    ],
)  # fmt: skip
def test_what_is_another_owners_is_known_and_never_sent(metadata, whose):
    here = received(a_route(**metadata), HOME)
    assert whose in contested(here)
    assert contested(here).startswith(
        ("VirtualService shop/cart belongs", "VirtualService shop/cart has")
    )
    assert not owned(CANARY, here) or not here["metadata"].get("ownerReferences")
    with pytest.raises(Contested, match="VirtualService shop/cart"):
        sent(here, HOME, CART)
    with pytest.raises(Contested, match="VirtualService shop/cart"):
        sent(adopted(here), HOME, CART)


def test_a_canary_that_was_here_before_under_the_name_is_known_as_one_that_is_gone():
    there = sent(own(), HOME, CART)
    there["metadata"]["annotations"][OWNER] = "eu-0/1b2c/shop/cart/u0"
    assert canary_owners(received(there, HOME)) == (CanaryOwner("tidegate.dev", "cart", "u0"),)


def test_a_mark_is_read_as_it_is_written():
    mark = OwnerMark("eu-1", "1b2c", "shop", "cart", "u1")
    assert (mark.text, OwnerMark.read(MARK)) == (MARK, mark)
    assert mark.of(HOME)
    assert mark.of(Home("renamed", "1b2c"))
    assert not mark.of(Home("eu-1", "other"))
