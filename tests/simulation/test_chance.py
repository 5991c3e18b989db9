"""What is drawn has the distribution that it should have."""

import random
from math import sqrt
from statistics import fmean, pvariance

import pytest

from canary.simulation.chance import binomial, normal, poisson

DRAWS = 4000


@pytest.mark.parametrize("mean", [0.3, 4.0, 29.0, 500.0])
def test_a_number_of_requests_has_its_mean_and_its_variance(mean: float) -> None:
    chance = random.Random(1).random
    drawn = [poisson(mean, chance) for _ in range(DRAWS)]
    assert fmean(drawn) == pytest.approx(mean, abs=4 * sqrt(mean / DRAWS))
    assert pvariance(drawn) == pytest.approx(mean, rel=0.15)


@pytest.mark.parametrize(("number", "share"), [(40, 0.01), (100, 0.2), (100, 0.9), (9000, 0.3)])
def test_a_number_of_failures_has_its_mean_and_its_variance(number: int, share: float) -> None:
    chance = random.Random(1).random
    drawn = [binomial(number, share, chance) for _ in range(DRAWS)]
    variance = number * share * (1 - share)
    assert all(0 <= each <= number for each in drawn)
    assert fmean(drawn) == pytest.approx(number * share, abs=4 * sqrt(variance / DRAWS))
    assert pvariance(drawn) == pytest.approx(variance, rel=0.15)


def test_a_measurement_has_its_mean_and_its_deviation() -> None:
    chance = random.Random(1).random
    drawn = [normal(250, 40, chance) for _ in range(DRAWS)]
    assert fmean(drawn) == pytest.approx(250, abs=3)
    assert sqrt(pvariance(drawn)) == pytest.approx(40, rel=0.05)


def test_nothing_and_everything_need_no_chance() -> None:
    def never() -> float:
        raise AssertionError("drawn")

    assert poisson(0, never) == 0
    assert [binomial(5, share, never) for share in (0, 1)] == [0, 5]
    assert binomial(0, 0.5, never) == 0


def test_the_rarest_draw_is_a_number_too() -> None:
    def almost_one() -> float:
        return 1 - 2**-53

    assert poisson(2, almost_one) < 100
    assert binomial(50, 0.01, almost_one) <= 50
