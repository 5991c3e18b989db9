"""How much bad requests come together is found again where it is known."""

import numpy as np
import pytest

from analysis.clustering import allowance, clustering_of
from analysis.evidence import Count


def drawn(
    clustering: float, *, share: float, blocks: int = 2000, bad: int = 8
) -> list[tuple[Count, Count]]:
    """Draw blocks in which the share of the bad requests that falls on the first half varies so much."""
    chance = np.random.default_rng(3)
    if clustering:
        size = (1 - clustering) / clustering
        shares = chance.beta(size * share, size * (1 - share), blocks)
    else:
        shares = np.full(blocks, share)
    ones = chance.binomial(bad, shares)
    requests = 1000 * share, 1000 * (1 - share)
    return [(Count(requests[0], float(one)), Count(requests[1], float(bad - one))) for one in ones]


@pytest.mark.parametrize("share", [0.5, 0.2])
@pytest.mark.parametrize("clustering", [0.0, 0.02, 0.1, 0.4])
def test_what_is_measured_is_what_was_drawn(clustering, share):
    measured = clustering_of(drawn(clustering, share=share, blocks=20_000))
    assert measured == pytest.approx(clustering, abs=0.015)


def test_what_chance_puts_apart_is_seldom_taken_for_bursts():
    blocks = drawn(0.0, share=0.3, blocks=120 * 200, bad=4)
    found = [clustering_of(blocks[n : n + 120]) for n in range(0, len(blocks), 120)]
    assert sum(each is not None and each > 0 for each in found) <= 15


def test_bursts_that_hit_one_half_at_a_time_are_as_much_as_there_can_be():
    burst = [(Count(100, 9.0 * (n % 2)), Count(100, 9.0 * (1 - n % 2))) for n in range(120)]
    assert clustering_of(burst) == 1.0


def test_blocks_with_one_bad_request_or_none_or_of_one_half_alone_say_nothing():
    silent = [
        (Count(100, 1), Count(100, 0)),
        (Count(100, 0), Count(100, 0)),
        (Count(0, 0), Count(100, 9)),
    ]
    assert clustering_of(silent * 100) is None
    assert clustering_of(drawn(0.1, share=0.5, blocks=29)) is None
    assert clustering_of([*drawn(0.1, share=0.5, blocks=30), *silent * 10]) == clustering_of(
        drawn(0.1, share=0.5, blocks=30)
    )


def test_more_is_allowed_for_than_was_measured():
    assert allowance(0.0) == 0.005
    assert allowance(0.02) == 0.035
    assert allowance(1.0) == 0.99
