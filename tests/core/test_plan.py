"""Plans: every shorthand of a spec comes to steps."""

import pytest

from canary.api.traffic import HttpMatch
from canary.core.plan import Gate, Plan, Step, plan
from tests.builders import a_spec

MATCH = [{"headers": {"x-insider": {"exact": "yes"}}}]


def a_match() -> tuple[HttpMatch, ...]:
    return a_spec(analysis={"iterations": 1, "match": MATCH}).analysis.match


def planned(**analysis: object) -> Plan:
    return plan(a_spec(analysis=analysis).analysis)


@pytest.mark.parametrize(
    ("analysis", "weights"),
    [
        ({"stepWeight": 20, "maxWeight": 50}, (20, 40, 60)),
        ({"stepWeight": 30, "maxWeight": 100}, (30, 60, 90, 100)),
        ({"stepWeights": [1, 5, 80]}, (1, 5, 80)),
        ({"stepWeights": None, "stepWeight": None, "maxWeight": 100}, (100,)),
        ({"stepWeights": [5, 50], "mirror": True}, (0, 5, 50)),
        ({"iterations": 3}, (0, 100)),
        ({"iterations": 3, "match": MATCH}, (100,)),
    ],
    ids=[
        "steps may overshoot the maximum",
        "steps end at 100",
        "weights are taken as listed",
        "nothing is one step",
        "mirroring comes first",
        "blue/green switches at the end",
        "A/B gives all that match",
    ],
)
def test_a_spec_comes_to_steps_of_weights(analysis, weights):
    assert planned(**analysis).weights == weights


def test_weights_wait_for_one_pass_each_and_ask_before_each_step_and_the_promotion():
    steps = planned(stepWeights=[10, 50])
    assert steps.steps == (Step(weight=10), Step(weight=50))
    assert {(step.passes, step.gate) for step in steps.steps} == {(1, Gate.TRAFFIC)}
    assert steps.gates == (Gate.TRAFFIC, Gate.PROMOTION)


def test_weights_with_a_match_are_those_of_the_requests_that_match():
    assert all(step.matched for step in planned(stepWeights=[10, 50], match=MATCH).steps)


def test_ab_testing_asks_for_nothing_but_the_promotion():
    ab = planned(iterations=5, match=MATCH)
    assert ab.steps == (Step(weight=100, match=a_match(), passes=5, gate=None),)
    assert ab.gates == (Gate.PROMOTION,)


@pytest.mark.parametrize(
    ("mirroring", "mirror"),
    [({}, 0), ({"mirror": True}, 100), ({"mirror": True, "mirrorWeight": 25}, 25)],
    ids=["without a mirror", "mirroring all", "mirroring a share"],
)
def test_blue_green_stays_without_traffic_and_asks_before_the_switch(mirroring, mirror):
    blue_green = planned(iterations=5, **mirroring)
    assert blue_green.steps == (
        Step(mirror=mirror, passes=5, gate=None),
        Step(weight=100, gate=Gate.PROMOTION),
    )
    assert blue_green.gates == ()


def test_a_step_that_mirrors_comes_before_the_weights_and_asks_nothing():
    assert planned(stepWeights=[10], mirror=True, mirrorWeight=30).steps[0] == Step(
        mirror=30, gate=None
    )


def test_steps_are_counted_from_one():
    steps = planned(stepWeights=[10, 50])
    assert [steps.step(number) for number in range(4)] == [
        None,
        Step(weight=10),
        Step(weight=50),
        None,
    ]


@pytest.mark.parametrize(
    ("analysis", "weight", "matched", "number"),
    [
        ({"stepWeights": [10, 50]}, 0, False, 0),
        ({"stepWeights": [10, 50]}, 30, False, 1),
        ({"stepWeights": [10, 50]}, 50, False, 2),
        ({"stepWeights": [10, 50]}, 100, True, 0),
        ({"stepWeights": [10, 50], "match": MATCH}, 10, False, 1),
        ({"iterations": 3}, 100, True, 1),
        ({"iterations": 3}, 100, False, 2),
        ({"iterations": 3, "match": MATCH}, 60, False, 0),
    ],
    ids=[
        "before the first step",
        "between two steps",
        "at a step",
        "what some had is not given to all",
        "some are fewer than all",
        "what some had leaves blue/green before its switch",
        "all traffic is that of the switch",
        "A/B begins again below its weight",
    ],
)
def test_a_run_finds_its_place_in_another_plan_by_its_traffic(analysis, weight, matched, number):
    assert planned(**analysis).place(weight, matched=matched) == number


def test_the_way_back_is_one_step_or_as_many_as_are_asked_for():
    assert planned(stepWeights=[50]).back(50) == 0
    assert planned(stepWeights=[50], stepWeightPromotion=20).back(50) == 30
    assert planned(stepWeights=[50], stepWeightPromotion=20).back(10) == 0


def test_another_plan_has_another_digest():
    digests = {
        planned(**analysis).digest
        for analysis in (
            {"stepWeights": [10, 50]},
            {"stepWeights": [10, 60]},
            {"stepWeights": [10, 50], "match": MATCH},
            {"stepWeights": [10, 50], "mirror": True},
            {"iterations": 3},
            {"iterations": 4},
        )
    }
    assert len(digests) == 6
    assert planned(stepWeights=[10, 50]).digest == planned(stepWeights=[10, 50]).digest
