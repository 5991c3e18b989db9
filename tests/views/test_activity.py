"""Activity: how the runs of a fleet ended, week by week."""

from datetime import timedelta

from canary.api.status import Outcome, RunRecord
from canary.views.activity import WEEKS, RunEnd, by_week, run_ends
from canary.views.blocks import Styled
from canary.views.canary import canary_view
from tests.builders import T0, a_status
from tests.views.fleet import NOW, manifest


def ended(days_ago: float, outcome: Outcome, minutes: int = 10) -> RunEnd:
    moment = NOW - timedelta(days=days_ago)
    return RunEnd(moment.timestamp(), outcome, 60 * minutes)


def test_a_run_ends_so_long_after_it_began_and_one_without_a_beginning_is_left_out():
    runs = (
        RunRecord(revision="2", outcome=Outcome.PROMOTED, started_at=T0, duration_seconds=720),
        RunRecord(revision="1", outcome=Outcome.ROLLED_BACK, duration_seconds=720),
    )
    view = canary_view(manifest("shop", a_status().but(history=runs)))
    assert run_ends(view) == (RunEnd(T0.timestamp() + 720, "Promoted", 720),)


def test_runs_are_counted_in_the_week_in_which_they_ended():
    # NOW is a Thursday.
    rows = by_week(
        (
            ended(0, Outcome.PROMOTED, 10),
            ended(1, Outcome.PROMOTED, 20),
            ended(2, Outcome.ROLLED_BACK, 90),
            ended(6, Outcome.PROMOTION_FAILED, 5),
            ended(6, Outcome.SUPERSEDED, 3),
            ended(20, Outcome.PROMOTED),
            ended(7 * WEEKS, Outcome.PROMOTED),
        ),
        NOW,
    )
    assert rows.rows[:3] == (
        ("2025-12-29", "3", "2", Styled("1", "red"), "0", "20m"),
        ("2025-12-22", "2", "0", Styled("1", "red"), "1", "3m"),
        ("2025-12-15", "0", "0", "0", "0", "–"),
    )
    assert [row[1] for row in rows.rows] == ["3", "2", "0", "1"]


def test_a_fleet_without_runs_has_no_week():
    assert by_week((), NOW).rows == ()
