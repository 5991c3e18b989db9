"""Shares of one workload's pods: what a weight takes, what ready pods make, and what that is to people."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canary.core.ordinals import Divided, ordinals_for, share_of_ordinals, weight_reached
from canary.core.traffic import Seen, Traffic

counts = st.integers(1, 60)
weights = st.integers(0, 100)


@pytest.mark.parametrize(
    ("pods", "weight", "ordinals"),
    [
        (3, 0, 0),
        (3, 1, 1),
        (3, 33, 1),
        (3, 34, 2),
        (3, 99, 2),
        (3, 100, 3),
        (10, 10, 1),
        (10, 11, 2),
        (1, 50, 0),
        (1, 100, 1),
        (0, 50, 0),
        (0, 100, 0),
    ],
)
def test_a_weight_takes_ordinals_rounded_up_and_leaves_one_until_it_is_all(
    pods: int, weight: int, ordinals: int
):
    assert ordinals_for(pods, weight) == ordinals


@given(pods=counts, weight=weights)
def test_the_pods_of_a_weight_reach_it_once_they_are_ready_and_no_sooner(pods: int, weight: int):
    ordinals = ordinals_for(pods, weight)
    # A single pod is the primary's until the promotion.
    assert weight_reached(pods, ordinals) >= weight or (pods == 1 and weight < 100)
    if ordinals:
        assert weight_reached(pods, ordinals - 1) < weight


@given(pods=counts, one=weights, other=weights)
def test_a_greater_weight_never_takes_fewer_pods(pods: int, one: int, other: int):
    lower, higher = sorted((one, other))
    assert ordinals_for(pods, lower) <= ordinals_for(pods, higher)


def test_people_read_the_share_of_whole_pods():
    assert [share_of_ordinals(3, each) for each in range(4)] == [0, 33, 67, 100]
    assert share_of_ordinals(0, 0) == 0


def divided(ready: int = 0, there: int | None = None, *, newest: str = "b") -> Seen:
    there = ready if there is None else there
    return Divided(3, there, ready, there, "a", newest, strays=False).seen


def test_pods_of_the_newest_template_are_traffic_as_far_as_they_are_ready():
    assert divided(1) == Seen(weight=33, keeps_canary=True)
    assert divided(2) == Seen(weight=99, keeps_canary=True)
    assert divided(3).spares_primary()
    assert divided(1, there=2).carries(Traffic(weight=20))
    assert not divided(1, there=2).carries(Traffic(weight=50))


def test_a_pod_that_is_not_ready_exposes_the_canary_until_it_is_gone():
    assert divided(0, there=1).exposes_canary()
    assert not divided(0).exposes_canary()


def test_what_was_counted_before_the_newest_template_was_seen_is_not_judged():
    assert not divided(2, newest="").carries(Traffic(weight=20))
    assert divided(2, newest="").exposes_canary()


def test_where_every_pod_runs_the_same_there_is_no_canary():
    assert divided(3, newest="a") == Seen()
