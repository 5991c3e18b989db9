"""When each step of a run began or is due, and who is asked before it."""

from typing import Any

import pytest

from canary.api.status import Phase, Wait
from canary.api.validation import parse_canary
from canary.core import waits
from canary.views.canary import canary_view
from canary.views.schedule import ScheduledStep, schedule
from tests.builders import T0, a_run, a_status, at
from tests.views.fleet import manifest

STEPS = {"interval": "1m", "stepWeights": [10, 30, 50]}
GATE = {"name": "ask", "type": "confirm-promotion", "deadline": "2h"}


def stops(analysis: dict[str, Any], **status: Any) -> tuple[ScheduledStep, ...]:
    run = a_run(step=2, step_since=at(0), next_analysis_at=at(60))
    standing = a_status(
        **{"phase": Phase.PROGRESSING, "run": run, "step": 2, "steps": 3, "step_started_at": at(0)}
        | status,
    ).but(waiting_for=Wait(reason=waits.ANALYSIS_DUE, message="", since=T0))
    skipped = analysis.pop("skip", False)
    written = manifest("shop", standing, analysis=STEPS | analysis, skipAnalysis=skipped)
    sound = parse_canary({key: each for key, each in written.items() if key != "status"})
    return schedule(sound, canary_view(written, foresees=True))


def told(found: tuple[ScheduledStep, ...]) -> list[tuple[str, str]]:
    return [(each.station.label, each.told(T0)) for each in found]


def test_the_step_of_a_run_has_a_beginning_and_those_ahead_are_due():
    assert told(stops({})) == [
        ("10 %", ""),
        ("30 %", "since 00:00:00"),
        ("50 %", "at 00:01:00"),
        ("promote", "at 00:02:00"),
    ]


def test_past_a_gate_no_moment_is_known_and_who_is_asked_is():
    found = stops({"webhooks": [GATE]})
    assert told(found)[2:] == [("50 %", "at 00:01:00"), ("promote", "")]
    assert found[-1].asked == ("ask (a person, for 2h at most)",)


@pytest.mark.parametrize("run", [a_run(), None])
def test_what_has_no_end_that_is_known_has_no_moments_ahead(run):
    assert [each.at for each in stops({}, run=run)[2:]] == [None, None]


def test_a_promotion_under_way_is_no_step():
    assert [each.at for each in stops({}, phase=Phase.PROMOTING)] == [None] * 4


def test_without_analysis_there_is_nothing_to_foresee():
    assert [each.at for each in stops({"skip": True})] == [None] * 4
