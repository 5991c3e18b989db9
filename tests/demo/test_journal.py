"""What is told where there is no terminal: each change in a line."""

from datetime import timedelta

import pytest

from canary.api.status import Phase, Wait
from canary.demo.journal import lines
from canary.demo.snapshot import DemoSnapshot
from tests.demo.snapshots import CHECK, EVENTS, LOAD, NOW, SLOW, a_snapshot, progressing


def told(before: DemoSnapshot | None, after: DemoSnapshot) -> list[str]:
    place = "12:00:30  test/podinfo  "
    found = list(lines(before, after))
    assert all(each.startswith(place) for each in found)
    return [each.removeprefix(place) for each in found]


class TestLines:
    def test_the_first_snapshot_is_told_whole(self):
        assert told(None, a_snapshot(load=LOAD, events=EVENTS)) == [
            "phase Progressing",
            "weights primary 60 canary 40 (step 2 of 3)",
            "check request-success-rate 99.87 (99 ≤ value) pass, measured share of the canary 39 %",
            (
                "check request-duration 612 (value ≤ 500) fail: 612 ms is above 500 ms, "
                "measured share of the canary 39 %"
            ),
            "waiting for Analysis: next analysis",
            "event RunStarted: New revision 1-new.",
            "event StepStarted: Weight 40.",
            "event CheckFailed: Too slow.",
            "requests unanswered by any pod 1: no healthy upstream",
        ]

    def test_nothing_is_told_twice(self):
        snapshot = a_snapshot(load=LOAD, events=EVENTS)
        assert told(snapshot, snapshot) == []

    @pytest.mark.parametrize(
        ("changes", "line"),
        [
            ({"phase": Phase.PROMOTING}, "phase Promoting"),
            (
                {"canary_weight": 60, "step": 3},
                "weights primary 40 canary 60 (step 3 of 3)",
            ),
            ({"failed_checks": 2}, "failed checks 2 of 5"),
            (
                {"metrics": (CHECK.but(at=NOW + timedelta(seconds=5), value=None), SLOW)},
                "check request-success-rate no value (99 ≤ value) pass",
            ),
            (
                {"waiting_for": Wait(reason="Approval", since=NOW)},
                "waiting for Approval",
            ),
        ],
    )
    def test_a_change_is_told_in_one_line(self, changes, line):
        assert told(a_snapshot(), a_snapshot(progressing(**changes))) == [line]

    def test_a_check_that_is_made_again_is_told_again_even_with_the_same_value(self):
        again = CHECK.but(at=NOW + timedelta(seconds=5))
        assert len(told(a_snapshot(), a_snapshot(progressing(metrics=(again, SLOW))))) == 1
