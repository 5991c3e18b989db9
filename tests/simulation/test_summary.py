"""What many releases come to."""

from datetime import timedelta

import pytest

from canary.simulation.release import ReleaseResult
from canary.simulation.summary import Distribution, Proportion, ends_of, summarised


def result(outcome: str, minutes: int, hurt: int = 0, reason: str = "") -> ReleaseResult:
    return ReleaseResult(outcome=outcome, reason=reason, took=timedelta(minutes=minutes), hurt=hurt)


def test_releases_are_counted_by_their_ends() -> None:
    summary = summarised(
        "as often",
        0.01,
        [
            result("Promoted", 30),
            *(result("RolledBack", each, each, "ChecksFailed") for each in range(1, 11)),
            result("", 60, reason="TrafficGate"),
        ],
    )
    counts = (summary.promoted, summary.rolled_back, summary.unfinished)
    assert [(each.count, each.of) for each in counts] == [(1, 12), (10, 12), (1, 12)]
    assert summary.detected == Distribution(mean=330, median=300, ninety=540, most=600)
    assert summary.took == Distribution(mean=1800, median=1800, ninety=1800, most=1800)
    assert summary.reasons == (("ChecksFailed", 10), ("TrafficGate", 1))


def test_without_a_rollback_there_is_no_time_to_one() -> None:
    assert summarised("as often", 0.0, [result("Promoted", 1)]).detected is None


def test_ends_say_which_share_of_the_releases_had_ended_by_when() -> None:
    ends = ends_of(
        "twice as often",
        [
            result("RolledBack", 5),
            result("RolledBack", 2),
            result("RolledBack", 2),
            result("", 60),
            result("Promoted", 30),
        ],
    )
    assert list(ends.shares(ends.rolled_back)) == [(0, 0), (120, 0.4), (300, 0.6)]
    assert list(ends.shares(ends.promoted)) == [(0, 0), (1800, 0.2)]
    assert list(ends.shares(())) == [(0, 0)]


@pytest.mark.parametrize(
    ("count", "of", "interval"),
    [(0, 0, (0.0, 1.0)), (0, 100, (0.0, 0.037)), (5, 100, (0.0215, 0.1118)), (9, 9, (0.7008, 1))],
)
def test_a_proportion_says_how_sure_it_is(
    count: int, of: int, interval: tuple[float, float]
) -> None:
    """The published examples of Wilson's interval, by R's `prop.test` without correction."""
    proportion = Proportion(count=count, of=of)
    assert proportion.interval == pytest.approx(interval, abs=5e-4)
    assert proportion.share == (count / of if of else 0)
