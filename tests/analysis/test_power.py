"""What is foreseen of a comparison is what simulations of it show."""

from dataclasses import replace
from math import log

import numpy as np
import pytest

from analysis.evidence import worse_than
from analysis.judges import smallest_seen as foreseen
from analysis.model import Bounds
from analysis.power import Exposure, smallest_seen
from tests.cases.judges.sequential import CASE

RUNS, RATE, LIMIT = 300, 0.005, log(100)


def bad_until_proof(ratio: float, odds: float, null: float = 1.0) -> float:
    """Simulate until each run has its proof; give the mean number of bad requests of both sides."""
    comparison = worse_than(null)
    chance = np.random.default_rng(6)
    steps = np.array(comparison.steps(odds))
    sums, spent, left = np.zeros((RUNS, len(steps))), np.zeros(RUNS), np.arange(RUNS)
    while left.size:
        own = chance.random(left.size) < ratio * odds / (1 + ratio * odds)
        sums[left] += np.where(own[:, None], steps[:, 0], steps[:, 1])
        spent[left] += 1
        highest = sums[left].max(axis=1)
        evidence = highest + np.log(np.exp(sums[left] - highest[:, None]).mean(axis=1))
        left = left[evidence < LIMIT]
    return float(spent.mean())


@pytest.mark.parametrize(
    ("ratio", "odds", "null"),
    [(1.5, 1, 1), (2, 1 / 9, 1), (4, 1, 1), (4, 1 / 19, 1), (10, 1 / 4, 1), (10, 1 / 19, 1), (3, 1, 1.2)],
)  # fmt: skip
def test_the_regression_that_is_foreseen_is_proven_by_so_many_requests(ratio, odds, null):
    canary = bad_until_proof(ratio, odds, null) / (RATE * (ratio + 1 / odds))
    exposure = Exposure(canary=canary, primary=canary / odds)
    assert smallest_seen([exposure], RATE, LIMIT, null) == pytest.approx(ratio, rel=0.15)


def test_steps_add_up_to_what_their_requests_come_to_together():
    step = Exposure(canary=1000, primary=9000)
    whole = Exposure(canary=3000, primary=27_000)
    assert smallest_seen([step] * 3, RATE, LIMIT) == smallest_seen([whole], RATE, LIMIT)
    one, three = (smallest_seen([step] * count, RATE, LIMIT) for count in (1, 3))
    assert one is not None
    assert three is not None
    assert three < one


@pytest.mark.parametrize(
    ("exposure", "rate"),
    [
        pytest.param(Exposure(canary=0, primary=1000), 0.5, id="no requests of the canary"),
        pytest.param(Exposure(canary=1000, primary=0), 0.5, id="none of the primary"),
        pytest.param(Exposure(canary=10, primary=90), 0.001, id="too few"),
        pytest.param(Exposure(canary=1000, primary=9000), 0.0, id="none is bad"),
        pytest.param(Exposure(canary=1000, primary=9000), 1.0, id="all are bad"),
    ],
)
def test_where_no_regression_shows_none_is_foreseen(exposure, rate):
    assert smallest_seen([exposure], rate, LIMIT) is None


def test_no_canary_is_worse_than_one_that_fails_always():
    assert smallest_seen([Exposure(canary=1e9, primary=1e9)], 0.9, LIMIT, null=1.2) is None


def test_a_judge_foresees_by_what_its_metric_says():
    metric, limited = CASE.metrics
    exposure = [Exposure(canary=1000, primary=9000)]
    of_one, of_two = (foreseen(each, exposure, RATE) for each in (metric, replace(metric, peers=2)))
    assert of_one == smallest_seen(exposure, RATE, log(100))
    assert of_two == smallest_seen(exposure, RATE, log(200))
    # A bound of its own is a second way to be wrong.
    assert limited.threshold_range != Bounds()
    assert foreseen(limited, exposure, RATE) == of_two


@pytest.mark.parametrize("judge", ["threshold", "unknown"])
def test_a_judge_that_compares_nothing_foresees_nothing(judge):
    metric = replace(CASE.metrics[0], judge=judge)
    assert foreseen(metric, [Exposure(canary=1000, primary=9000)], RATE) is None
