"""Evidence from counts: exact where it can be computed otherwise, honest however often it is read.

The figures are those of simulations of the same tests that were made apart from this code.
"""

from math import exp, inf, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import betaln
from scipy.stats import beta, betabinom, binom

from analysis.evidence import BothCounts, Comparison, Count, above, against, better_than, worse_than

RUNS, MINUTES, RATE = 2000, 60, 0.005
HARM = worse_than(1.0)
Numbers = NDArray[np.float64]


def evidence(comparison: Comparison, canary: Count, primary: Count, clustering=0.0) -> float:
    """Give the evidence of one block, as it is and not as a logarithm."""
    return exp(against(comparison.add(comparison.start, canary, primary, clustering)))


def simulated(
    comparison: Comparison, requests: Numbers, other: Numbers, bad: Numbers, others_bad: Numbers
) -> Numbers:
    """Give the logarithm of the evidence after each block: rows are blocks, columns are runs.

    The numbers of requests are one for each block.
    """
    sums = np.zeros((bad.shape[1], len(comparison.alternatives)))
    seen = np.empty(bad.shape)
    for block in range(len(bad)):
        steps = np.array(comparison.steps(requests[block] / other[block]))
        sums += np.outer(bad[block], steps[:, 0]) + np.outer(others_bad[block], steps[:, 1])
        highest = sums.max(axis=1)
        seen[block] = highest + np.log(np.exp(sums - highest[:, None]).mean(axis=1))
    return seen


def looked_at(
    requests,
    ratio=1.0,
    *,
    other=None,
    rates=RATE,
    blocks=MINUTES,
    comparison=HARM,
    runs=RUNS,
    seed=1,
) -> Numbers:
    """Simulate runs with so many requests a block, a row or one number, and give their evidence."""
    chance = np.random.default_rng(seed)
    canary = np.broadcast_to(np.asarray(requests), (blocks,)).astype(int)
    primary = canary if other is None else np.broadcast_to(np.asarray(other), (blocks,)).astype(int)
    rates = np.broadcast_to(np.asarray(rates), (blocks, runs))
    bad = chance.binomial(canary[:, None], np.minimum(rates * ratio, 1))
    others = chance.binomial(primary[:, None], rates)
    return simulated(comparison, canary, primary, bad, others)


def share_above(seen: Numbers, alpha: float) -> float:
    """Give the share of the runs that ever reach the limit."""
    return float((seen.max(axis=0) >= log(1 / alpha)).mean())


def tolerated(alpha: float, runs=RUNS) -> float:
    """Give alpha with three standard errors."""
    return float(alpha + 3 * (alpha * (1 - alpha) / runs) ** 0.5)


def requests_until_proof(
    comparison: Comparison, ratio: float, limit: float, runs=RUNS, rate=RATE
) -> Numbers:
    """Simulate until each run has its proof, bad request by bad request; give the canary's requests.

    A bad request is the canary's with the odds of the ratio, and so many requests lie between two.
    """
    chance = np.random.default_rng(2)
    steps = np.array(comparison.steps(1.0))
    sums, spent = np.zeros((runs, len(steps))), np.zeros(runs)
    done = np.full(runs, np.nan)
    while (left := np.flatnonzero(np.isnan(done))).size:
        own = chance.random(left.size) < ratio / (1 + ratio)
        sums[left] += np.where(own[:, None], steps[:, 0], steps[:, 1])
        spent[left] += chance.geometric(rate * (1 + ratio), left.size)
        highest = sums[left].max(axis=1)
        found = highest + np.log(np.exp(sums[left] - highest[:, None]).mean(axis=1)) >= log(limit)
        done[left[found]] = spent[left[found]]
    return done


# ------------------------------------------------------------------------------- exact values


@pytest.mark.parametrize(
    ("canary", "primary", "low", "high"),
    [
        pytest.param(Count(1000, 10), Count(1000, 10), 0.42, 2.36, id="as bad, with few requests"),
        pytest.param(Count(100_000, 1000), Count(100_000, 1000), 0.916, 1.09, id="as bad, with many"),
        pytest.param(Count(1000, 40), Count(9000, 90), 2.80, 5.80, id="four times as bad"),
        pytest.param(Count(1000, 0), Count(1000, 0), 0.02, 50.3, id="nothing bad on either side"),
        pytest.param(Count(1e300, 1e300), Count(1e300, 0), 1e6, 1e6, id="all bad, beyond measure"),
    ],
)  # fmt: skip
def test_the_ratio_of_two_rates_lies_between_bounds(canary, primary, low, high):
    found = BothCounts(canary=canary, primary=primary, seconds=60).ratio
    assert found == pytest.approx((low, high), rel=0.02)


@pytest.mark.parametrize(
    ("canary", "primary"),
    [
        pytest.param(Count(0, 0), Count(100, 5), id="none of the canary"),
        pytest.param(Count(100, 5), Count(0, 0), id="none of the primary"),
        pytest.param(Count(5, 6), Count(100, 5), id="more bad ones than there were"),
    ],
)
def test_without_requests_of_both_sides_there_is_no_ratio(canary, primary):
    assert BothCounts(canary=canary, primary=primary, seconds=60).ratio is None


@pytest.mark.parametrize(
    ("canary", "primary", "value"),
    [
        pytest.param(Count(100, 6), Count(100, 0), 29.6, id="six against none is the first proof at 5 %"),
        pytest.param(Count(100, 8), Count(100, 0), 100.7, id="eight against none is the first proof at 1 %"),
        pytest.param(Count(5, 2), Count(95, 0), 61.9, id="two against none with a share of 5 %"),
        pytest.param(Count(5, 3), Count(95, 3), 70.3, id="three against three with a share of 5 %"),
        pytest.param(Count(100, 0), Count(100, 0), 1, id="no bad request is no evidence"),
        pytest.param(Count(0, 0), Count(100, 5), 1, id="no requests on one side are no evidence"),
        pytest.param(Count(100, 5), Count(0, 0), 1, id="none on the other side are none either"),
    ],
)  # fmt: skip
def test_evidence_of_harm(canary, primary, value):
    assert evidence(HARM, canary, primary) == pytest.approx(value, abs=0.1)


def test_a_single_bad_request_proves_nothing_whatever_the_shares_of_the_sides_are():
    odds = np.logspace(-4, 4, 50)
    assert max(evidence(HARM, Count(each, 1), Count(1, 0)) for each in odds) < 20


@given(bad=st.integers(0, 40), others=st.integers(0, 40), share=st.floats(0.01, 0.99))
@pytest.mark.parametrize("comparison", [HARM, worse_than(1.2), better_than(2.0)])
def test_evidence_is_the_mean_of_likelihood_ratios(comparison, bad, others, share):
    def likelihood(ratio: float) -> float:
        own = ratio * share / (ratio * share + 1 - share)
        return float(binom.pmf(bad, bad + others, own))

    expected = np.mean([likelihood(ratio) for ratio in comparison.alternatives]) / likelihood(
        comparison.null
    )
    found = evidence(comparison, Count(share, bad), Count(1 - share, others))
    assert found == pytest.approx(expected, rel=1e-6)


@given(bad=st.integers(0, 30), others=st.integers(0, 30), clustering=st.floats(0.001, 0.5))
def test_clustered_evidence_is_that_of_beta_binomial_distributions(bad, others, clustering):
    size = (1 - clustering) / clustering

    def likelihood(ratio: float) -> float:
        own = ratio / (ratio + 3)
        return float(betabinom.pmf(bad, bad + others, size * own, size * (1 - own)))

    expected = np.mean([likelihood(ratio) for ratio in HARM.alternatives]) / likelihood(1.0)
    found = evidence(HARM, Count(10, bad), Count(30, others), clustering)
    assert found == pytest.approx(expected, rel=1e-6)


@given(
    rate=st.sampled_from([0.0001, 0.0144, 0.05, 0.5]),
    requests=st.integers(1, 20_000),
    share=st.floats(0, 1),
)
def test_evidence_against_a_rate_is_the_mean_over_all_higher_rates(rate, requests, share):
    bad = round(requests * share)
    if bad / requests <= rate:
        expected = 0.0
    else:
        good = requests - bad
        expected = (
            betaln(1 + bad, 1 + good)
            + beta.logsf(rate, 1 + bad, 1 + good)
            - np.log1p(-rate)
            - bad * log(rate)
            - good * np.log1p(-rate)
        )
    assert above(rate, Count(requests, bad)) == pytest.approx(expected, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(
    ("bad", "requests"), [(2, 2), (3, 4), (8, 20)], ids=["all", "half and more", "two of five"]
)
def test_an_outright_failure_is_proven_after_a_few_requests(bad, requests):
    assert above(0.0144, Count(requests, bad)) >= log(100)


def test_where_nothing_may_fail_one_failure_is_a_proof():
    assert above(0.0, Count(10, 1)) == inf
    assert above(0.0, Count(10, 0)) == 0
    assert above(0.5, Count(0.4, 1)) == 0


def test_the_highest_rate_that_goes_with_a_count():
    assert Count(0, 0).highest_rate == 1
    assert Count(1000, 0).highest_rate == pytest.approx(0.0038, abs=0.0001)
    assert Count(1000, 100).highest_rate == pytest.approx(0.1202, abs=0.0001)
    assert Count(0, 0).rate == 0
    assert Count(3, 1) + Count(1, 1) == Count(4, 2)


# --------------------------------------------------------------------- what simulations have shown


@pytest.mark.parametrize(("requests", "shown"), [(12, 0.015), (60, 0.028), (600, 0.019)])
def test_a_healthy_service_is_rolled_back_no_more_often_than_alpha_at_a_look_a_minute(
    requests, shown
):
    seen = looked_at(requests)
    assert share_above(seen, 0.05) <= tolerated(0.05)
    assert share_above(seen, 0.05) == pytest.approx(shown, abs=0.015)
    assert share_above(seen, 0.01) <= tolerated(0.01)


@pytest.mark.parametrize("requests", [60, 600])
def test_incidents_of_both_sides_make_no_false_rollbacks(requests):
    incidents = np.exp(np.random.default_rng(3).normal(0, 0.8, (MINUTES, RUNS)))
    seen = looked_at(requests, rates=np.minimum(RATE * incidents, 1))
    assert share_above(seen, 0.05) <= tolerated(0.05)


def test_weights_that_move_make_no_false_rollbacks():
    weights = np.repeat([0.05, 0.1, 0.2, 0.4, 0.6, 0.8], MINUTES // 6)
    seen = looked_at(600 * weights, other=600 * (1 - weights))
    assert share_above(seen, 0.05) <= tolerated(0.05)


def test_bursts_make_no_false_rollbacks_where_their_clustering_is_known():
    runs, chance = 200, np.random.default_rng(4)
    # Rates of each side and minute on their own: half of the bursts' variance is the sides'.
    rates = RATE * chance.gamma(1.0, 1.0, (2, MINUTES, runs))
    bad = chance.binomial(600, rates)

    def rolled_back(run: int, clustering: float) -> bool:
        sums = HARM.start
        for minute in range(MINUTES):
            sides = (Count(600, float(bad[side, minute, run])) for side in (0, 1))
            sums = HARM.add(sums, *sides, clustering)
            if against(sums) >= log(20):
                return True
        return False

    ignored = sum(rolled_back(run, 0.0) for run in range(runs)) / runs
    known = sum(rolled_back(run, 0.5) for run in range(runs)) / runs
    assert ignored > 0.2
    assert known <= tolerated(0.05, runs)


@pytest.mark.parametrize(
    ("requests", "ratio", "detected", "minute"),
    [
        (12, 4, 0.57, 31),
        (12, 10, 1.0, 13),
        (60, 2, 0.43, 28),
        (60, 4, 1.0, 11),
        (60, 10, 1.0, 3),
        (600, 2, 1.0, 9),
        (600, 4, 1.0, 2),
    ],
)
def test_a_regression_is_found_within_an_hour_as_often_as_was_shown(
    requests, ratio, detected, minute
):
    seen = looked_at(requests, ratio)
    assert share_above(seen, 0.05) >= detected - 0.05
    first = np.where(seen >= log(20), np.arange(1, MINUTES + 1)[:, None], np.inf).min(axis=0)
    assert np.median(first[first < np.inf]) <= minute * 1.1 + 1


@pytest.mark.parametrize(
    ("ratio", "alpha", "shown"),
    [(1.5, 0.05, 18746), (2, 0.05, 5089), (3, 0.05, 1513), (4, 0.05, 816), (10, 0.05, 183), (1.5, 0.01, 25847), (2, 0.01, 7365), (3, 0.01, 2247), (4, 0.01, 1197), (10, 0.01, 272)],
)  # fmt: skip
def test_requests_until_a_regression_is_found(ratio, alpha, shown):
    mean = requests_until_proof(HARM, ratio, 1 / alpha, runs=1000).mean()
    assert mean <= shown * 1.1
    if (ratio, alpha) == (4, 0.05):
        assert mean <= 900


@pytest.mark.parametrize(
    ("rate", "ratio", "alpha", "shown"),
    [(0.05, 2, 0.05, 524), (0.05, 2, 0.01, 743), (0.01, 5, 0.05, 265), (0.01, 5, 0.01, 390), (0.001, 10, 0.05, 866), (0.001, 10, 0.01, 1264)],
)  # fmt: skip
def test_requests_until_a_regression_is_found_at_other_rates(rate, ratio, alpha, shown):
    mean = requests_until_proof(HARM, ratio, 1 / alpha, runs=1000, rate=rate).mean()
    assert mean <= shown * 1.1


@pytest.mark.parametrize(
    ("most", "ratio", "shown"),
    [
        (2, 1.0, 6854),
        (2, 0.5, 2191),
        (3, 1.0, 2887),
        (4, 1.0, 1807),
        (3, 0.5, 1402),
        (4, 0.5, 1070),
    ],
)
def test_requests_until_a_canary_is_proven_harmless(most, ratio, shown):
    mean = requests_until_proof(better_than(most), ratio, 20, runs=1000).mean()
    assert mean <= shown * 1.1


def test_what_is_as_bad_as_the_ratio_is_seldom_proven_harmless():
    seen = looked_at(600, 2.0, comparison=better_than(2.0))
    assert share_above(seen, 0.05) <= tolerated(0.05)


@pytest.mark.parametrize(("ratio", "bad"), [(2, 103), (3, 44), (4, 30), (5, 24), (10, 15)])
def test_the_bad_requests_that_a_proof_needs_can_be_foreseen(ratio, bad):
    """(ln(1 / alpha) + 1.2) / D, with D the information of one bad request: within 15 %."""
    share = ratio / (1 + ratio)
    information = share * log(2 * share) + (1 - share) * log(2 * (1 - share))
    assert (log(100) + 1.2) / information == pytest.approx(bad, abs=0.6)
    seen = requests_until_proof(HARM, ratio, 100, runs=500).mean() * RATE * (1 + ratio)
    assert seen == pytest.approx(bad, rel=0.15)


def test_many_looks_at_an_ordinary_test_deceive_as_published():
    """Repeated two-sided tests at 5 %: the table of Armitage, McPherson and Rowe (1969)."""
    looks = {1: 5.0, 2: 8.3, 5: 14.2, 10: 19.3, 20: 24.8, 50: 32.0}
    steps = np.random.default_rng(5).normal(size=(max(looks), 20_000)).cumsum(axis=0)
    z = np.abs(steps) / np.sqrt(np.arange(1, max(looks) + 1))[:, None]
    for count, percent in looks.items():
        deceived = 100 * (z[:count].max(axis=0) > 1.959964).mean()
        assert deceived == pytest.approx(percent, abs=1.2)


def test_the_simulation_adds_up_what_the_judge_does():
    seen = looked_at(60, 4, runs=1)[:, 0]
    chance = np.random.default_rng(1)
    bad, others = (chance.binomial(60, rate, (MINUTES, 1))[:, 0] for rate in (RATE * 4, RATE))
    sums = HARM.start
    for block in range(MINUTES):
        sums = HARM.add(sums, Count(60, float(bad[block])), Count(60, float(others[block])))
        assert against(sums) == pytest.approx(seen[block])
