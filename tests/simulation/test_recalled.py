"""What is recalled changes nothing: releases end as they do where everything is decided each time."""

import random
from datetime import timedelta

import pytest

from canary.simulation.answering import Meanings, Measurement
from canary.simulation.recalled import Recalled
from canary.simulation.release import Rehearsal, ReleaseResult, ReleaseSetting, RouterTraits
from canary.simulation.traffic import ServiceTraffic
from tests.builders import a_spec

NAME = "request-success-rate"
PROOF = {"name": NAME, "judge": "sequential"}
BOUND = {"name": NAME, "thresholdRange": {"min": 99}}
SLOW = {"name": "request-duration", "thresholdRange": {"max": 500}}
SPECS: dict[str, dict[str, object]] = {
    "a proof": {"metrics": [PROOF], "stepWeights": [20, 50]},
    "a proof that ends steps": {
        "metrics": [PROOF],
        "steps": [{"weight": 30, "duration": "20m"}],
        "advanceOnProof": True,
    },
    "a hold with an end": {
        "metrics": [
            PROOF
            | {"minRequests": 500, "onInconclusive": "hold"}
            | {"holdLimit": {"after": "9m", "then": "advance"}}
        ],
        "stepWeights": [10, 40],
    },
    "values against a bound": {"metrics": [BOUND, SLOW], "threshold": 3, "stepWeights": [20, 50]},
    "a score, a shadow and a warm-up": {
        "metrics": [
            BOUND | {"weight": 2, "warmUp": "2m"},
            SLOW,
            {"name": "queue", "query": "q", "thresholdRange": {"max": 1}, "shadow": True},
        ],
        "score": {"pass": 80, "marginal": 30},
        "threshold": 2,
        "stepWeights": [20, 50],
    },
    "values of both sides": {
        "metrics": [{"name": NAME, "judge": "sign", "judgeOptions": {"direction": "decrease"}}],
        "steps": [{"weight": 50, "duration": "15m"}],
    },
    "limits of a metric": {
        "metrics": [BOUND | {"failureLimit": 2, "consecutiveFailures": 2}],
        "stepWeights": [20, 50],
    },
    "hooks, people and mirrored requests": {
        "metrics": [BOUND],
        "webhooks": [
            {"name": "load", "type": "rollout", "url": "http://load.test"},
            {"name": "person", "type": "confirm-promotion"},
        ],
        "mirror": True,
        "stepWeights": [20, 50],
        "threshold": 2,
    },
    "the share of the requests": {"metrics": [BOUND], "verifyTraffic": {}, "stepWeights": [20]},
    "a budget": {"metrics": [PROOF | {"objective": {"target": 99}}], "stepWeights": [20]},
}
FAILING = 0.012
"""Some of these releases are promoted, and some are rolled back."""


def releases(analysis: dict[str, object], **memory: int) -> list[ReleaseResult]:
    rehearsal = Rehearsal(
        ReleaseSetting(
            spec=a_spec(analysis={"interval": "60s"} | analysis),
            router=RouterTraits(name="istio"),
            traffic=ServiceTraffic(per_minute=300, errors=0.005),
            replicas=2,
            starting=timedelta(seconds=20),
            horizon=timedelta(minutes=40),
            meanings=Meanings(said={"request-duration": Measurement(mean=450, deviation=30)}),
        ),
        **memory,
    )
    chance = random.Random(7).random
    return [rehearsal.release(FAILING, chance) for _ in range(4)]


@pytest.mark.parametrize("analysis", SPECS.values(), ids=SPECS)
def test_releases_end_as_they_do_where_nothing_is_recalled(analysis):
    assert releases(analysis) == releases(analysis, remembered=0)


def test_or_where_no_more_can_be_remembered():
    analysis = SPECS["values against a bound"]
    assert releases(analysis, remembered=9) == releases(analysis)


@pytest.mark.parametrize(
    ("spec", "fits"),
    [("a proof", True), ("the share of the requests", False), ("a budget", False)],
)
def test_what_hangs_on_numbers_of_requests_is_decided_each_time(spec, fits):
    assert Recalled.fits(a_spec(analysis=SPECS[spec])) is fits
