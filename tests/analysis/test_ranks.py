"""Shifts between samples are Kayenta's, and those of the Mann-Whitney test that scipy has."""

from math import inf, isnan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu

from analysis.ranks import mean_ratio, shift_between, superiority, without_outliers
from tests.analysis.kayenta import ESTIMATED

#: How far the search may end from what it looks for.
NEAR = 1e-4

values = st.lists(st.integers(0, 40).map(lambda each: each / 4), min_size=4, max_size=30)


@pytest.mark.parametrize("known", ESTIMATED, ids=lambda known: known.name)
def test_the_shift_is_what_kayenta_has_published(known):
    found = shift_between(known.canary, known.primary, known.confidence)
    assert found.lower == pytest.approx(known.lower, abs=1e-6)
    assert found.upper == pytest.approx(known.upper, abs=1e-6)
    assert found.estimate == pytest.approx(known.estimate, abs=1e-6 if known.exact else NEAR)


@given(values, values)
def test_the_estimate_is_a_median_of_all_differences(first, second):
    found = shift_between(first, second, 0.95).estimate
    differences = np.sort(np.subtract.outer(first, second).ravel())
    # Around the median the test tells nothing apart: one difference farther on each side.
    middle = len(differences) / 2
    low, high = (
        differences[int(middle - 1.5)],
        differences[min(int(middle + 1), len(differences) - 1)],
    )
    assert low - 2 * NEAR <= found <= high + 2 * NEAR


@given(values, values, st.sampled_from([0.8, 0.95, 0.98]))
def test_the_interval_holds_the_shifts_that_the_test_of_scipy_does_not_refuse(
    first, second, confidence
):
    found = shift_between(first, second, confidence)
    assert found.lower <= found.upper + 2 * NEAR

    def refused(shift: float) -> bool:
        moved = np.array(first) - shift
        return bool(mannwhitneyu(moved, second, method="asymptotic").pvalue < 1 - confidence)

    lowest, highest = min(first) - max(second), max(first) - min(second)
    if lowest < highest:
        assert found.lower == lowest or refused(found.lower - 0.01)
        assert found.upper == highest or refused(found.upper + 0.01)
    inside = (found.lower + found.upper) / 2
    if found.upper - found.lower > 0.1:
        assert not refused(inside)


@given(values, values)
def test_superiority_is_the_statistic_of_scipy_by_the_number_of_pairs(first, second):
    expected = mannwhitneyu(first, second).statistic / (len(first) * len(second))
    assert superiority(first, second) == pytest.approx(expected)


def test_values_that_are_all_the_same_have_no_shift():
    found = shift_between([0.0] * 4, [0.0] * 9, 0.98)
    assert (found.estimate, found.lower, found.upper) == (0, 0, 0)


def test_samples_of_one_value_each_are_set_apart_as_far_as_their_values_are():
    found = shift_between([7.0] * 5, [5.0] * 5, 0.98)
    assert found.estimate == pytest.approx(2, abs=0.001)
    assert found.lower == pytest.approx(2, abs=0.001)


def test_two_values_have_a_difference_and_no_bounds():
    found = shift_between([7.0], [5.0], 0.98)
    assert (found.estimate, found.lower, found.upper) == (2, -inf, inf)


def test_one_value_against_several_lies_between_the_differences():
    found = shift_between([7.0], [1.0, 2.0, 3.0], 0.98)
    assert (found.lower, found.upper) == (4, 6)
    assert 4 <= found.estimate <= 6


def test_means_are_compared_by_their_ratio_where_neither_is_0():
    assert mean_ratio([2, 4], [1, 1]) == 3
    assert isnan(mean_ratio([0, 0], [1]))
    assert isnan(mean_ratio([1], [0, 0]))


FEW = [1.0] * 10
MANY = [21.0, 23, 24, 25, 29, 23, 21] * 20


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        pytest.param([*FEW, 20], FEW, id="the highest of a few, which lies above their last hundredth"),
        pytest.param([*MANY, 500], MANY, id="one of many above the others"),
        pytest.param([-500, *MANY], MANY, id="one of many below the others"),
        pytest.param([*MANY, 35], [*MANY, 35], id="one within three times the distance of the quartiles"),
        pytest.param([*MANY, 500, 500, 500], [*MANY, 500, 500, 500], id="as many as a hundredth"),
        pytest.param([5.0], [5.0], id="one alone"),
        pytest.param([], [], id="none"),
    ],
)  # fmt: skip
def test_outliers_are_left_out_where_they_are_fewer_than_a_hundredth(values, kept):
    assert list(without_outliers(values, 3.0)) == kept
