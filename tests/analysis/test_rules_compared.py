"""What other rules make of the traffic that the sequential judge is tried with: the figures that are told of them.

A healthy service fails 5 of 1,000 requests, on both sides, and is analysed once a minute for an hour.
"""

from datetime import UTC, datetime, timedelta
from math import sqrt
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu, norm

from analysis.judges.sequential import SequentialJudge
from analysis.model import Memory, NoDataPolicy, Sample, Verdict
from analysis.ranks import mean_ratio, shift_between
from tests.cases.judges.sequential import CASE

RATE, MINUTES, RUNS = 0.005, 60, 2000
Numbers = NDArray[Any]


def drawn(requests: int, ratio: float = 1.0, runs: int = RUNS) -> tuple[Numbers, Numbers]:
    """Draw the requests and the failures of both sides: by side, minute and run."""
    chance = np.random.default_rng(7)
    sent = chance.poisson(requests, (2, MINUTES, runs))
    rates = np.array([RATE * ratio, RATE])[:, None, None]
    return sent, chance.binomial(sent, rates)


def shares(requests: int, ratio: float = 1.0, runs: int = RUNS) -> Numbers:
    """Draw the share of failures of both sides; 0 where there were no requests."""
    sent, bad = drawn(requests, ratio, runs)
    return np.divide(bad, sent, out=np.zeros(bad.shape), where=sent > 0)


def scores(requests: int) -> Numbers:
    """Give the z of the difference of both sides' shares, by all requests up to each minute."""
    sent, bad = (each.cumsum(axis=1) for each in drawn(requests))
    pooled = bad.sum(axis=0) / sent.sum(axis=0)
    error = np.sqrt(pooled * (1 - pooled) * (1 / np.maximum(sent, 1)).sum(axis=0))
    difference = bad[0] / np.maximum(sent[0], 1) - bad[1] / np.maximum(sent[1], 1)
    return np.divide(difference, error, out=np.zeros(error.shape), where=error > 0)


@pytest.mark.parametrize(
    ("requests", "five", "one"), [(12, 27, 97), (60, 99.98, 100), (600, 24, 97)]
)
def test_a_bound_of_99_percent_rolls_a_healthy_service_back(requests, five, one):
    broken = (shares(requests)[0] > 0.01).sum(axis=0)
    assert 100 * (broken >= 5).mean() == pytest.approx(five, abs=3)
    assert 100 * (broken >= 1).mean() == pytest.approx(one, abs=2)


@pytest.mark.parametrize(
    ("requests", "every_minute", "at_the_end"), [(12, 15, 4.9), (60, 24, 5.2), (600, 28, 5.0)]
)
def test_an_ordinary_test_is_honest_once_and_not_at_every_look(requests, every_minute, at_the_end):
    found = scores(requests) > norm.ppf(0.95)
    assert 100 * found.any(axis=0).mean() == pytest.approx(every_minute, abs=3)
    assert 100 * found[-1].mean() == pytest.approx(at_the_end, abs=1.5)


def test_a_hundred_looks_deceive_as_published():
    """The last row of the table of Armitage, McPherson and Rowe (1969): 37.4 % of repeated tests at 5 %."""
    steps = np.random.default_rng(8).normal(size=(100, 20_000)).cumsum(axis=0)
    z = np.abs(steps) / np.sqrt(np.arange(1, 101))[:, None]
    assert 100 * (z.max(axis=0) > norm.ppf(0.975)).mean() == pytest.approx(37.4, abs=1.2)


def found_by_kayenta(canary: Numbers, primary: Numbers) -> float:
    """Give the share of the runs that Kayenta's test fails at one of twelve looks, a longer one each."""

    def fails(run: int, minutes: int) -> bool:
        sides = (each[:minutes, run].astype(float).tolist() for each in (canary, primary))
        first, second = sides
        if sorted(first) == sorted(second):
            return False
        shift = shift_between(first, second, 0.98)
        return shift.lower > 0.25 * abs(shift.estimate) and not mean_ratio(first, second) < 1

    runs = canary.shape[1]
    found = sum(
        any(fails(run, minutes) for minutes in range(5, MINUTES + 1, 5)) for run in range(runs)
    )
    return found / runs


@pytest.mark.parametrize(
    ("requests", "ratio", "least", "most"),
    [
        pytest.param(12, 1, 0.0, 0.02, id="healthy, 12 a minute"),
        pytest.param(60, 1, 0.0, 0.05, id="healthy, 60 a minute"),
        pytest.param(600, 1, 0.0, 0.06, id="healthy, 600 a minute"),
        pytest.param(12, 4, 0.03, 0.25, id="four times, 12 a minute"),
        pytest.param(60, 2, 0.15, 0.5, id="twice, 60 a minute"),
        pytest.param(60, 4, 0.5, 1.0, id="four times, 60 a minute"),
        pytest.param(600, 2, 0.95, 1.0, id="twice, 600 a minute"),
    ],
)
def test_kayentas_test_seldom_deceives_and_sees_little_at_low_traffic(requests, ratio, least, most):
    assert least <= found_by_kayenta(*shares(requests, ratio, runs=40)) <= most


@pytest.mark.parametrize(("requests", "percent"), [(60, 18), (600, 25)])
def test_a_test_of_the_newest_points_alone_deceives_at_six_looks(requests, percent):
    """As PipeCD analyses: one-sided at 5 %, by the last five points of each side."""
    canary, primary = shares(requests, runs=1000)
    found = np.zeros(1000, dtype=bool)
    for start in range(0, 30, 5):
        sides = (each[start : start + 5] for each in (canary, primary))
        with np.errstate(invalid="ignore", divide="ignore"):
            tested = mannwhitneyu(*sides, alternative="greater", method="asymptotic", axis=0)
        found |= tested.pvalue < 0.05
    assert 100 * found.mean() == pytest.approx(percent, abs=6)


@pytest.mark.parametrize(
    ("ratio", "alpha", "power", "requests"),
    [(1.5, 0.05, 0.8, 12_287), (2, 0.05, 0.8, 3681), (2, 0.05, 0.95, 6442), (2, 0.01, 0.9, 7749), (3, 0.05, 0.8, 1223), (4, 0.05, 0.8, 677), (4, 0.01, 0.9, 1426), (10, 0.05, 0.8, 162), (10, 0.05, 0.95, 283)],
)  # fmt: skip
def test_a_test_at_a_fixed_time_needs_so_many_requests(ratio, alpha, power, requests):
    bad = RATE * ratio
    pooled = (RATE + bad) / 2
    error = norm.ppf(1 - alpha) * sqrt(2 * pooled * (1 - pooled)) + norm.ppf(power) * sqrt(
        RATE * (1 - RATE) + bad * (1 - bad)
    )
    assert (error / (bad - RATE)) ** 2 == pytest.approx(requests, rel=0.02)


@pytest.mark.parametrize(
    ("canary", "primary", "verdict", "says"),
    [
        pytest.param([100] * 7 + [1] * 3, [1] * 10, Verdict.FAIL, "proven worse than the primary", id="spinnaker 6278"),
        pytest.param([0, 1, 2, 1, 0, 0], [0] * 6, Verdict.INCONCLUSIVE, "no proof yet, evidence of harm 8.99 of 100", id="kayenta 426"),
        pytest.param([0, 3, 0, 11, 5, 0, 6, 2, 0, 0], [0] * 10, Verdict.FAIL, "proven worse than the primary", id="spinnaker 5622"),
    ],
)  # fmt: skip
def test_what_kayenta_passes_is_a_regression_here_or_not_known_yet(canary, primary, verdict, says):
    """The failures of issues that its users wrote, with a thousand requests a minute on each side."""
    metric, _ = CASE.metrics
    memory: Memory = {}
    for minute, (bad, others) in enumerate(zip(canary, primary, strict=True), 1):
        at = datetime(2026, 1, 1, tzinfo=UTC) + minute * timedelta(minutes=1)
        answers = {
            ask: Sample(value=each, at=at)
            for ask, each in zip(metric.asks, (1000, bad, 1000, others), strict=True)
        }
        found = SequentialJudge().judge(metric, answers, memory)
        memory = found.memory
    assert metric.on_inconclusive is NoDataPolicy.HOLD
    assert found.check.verdict is verdict
    assert says in found.check.message
