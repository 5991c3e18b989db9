"""How long a run still takes: known where it waits for nothing but analyses."""

from datetime import timedelta

import pytest

from canary.api.status import Hold, Pause, Phase, Wait
from canary.core import waits
from canary.views.remaining import UNKNOWN, Remaining, ends_told, foreseen, remaining_told
from tests.api.examples import a_canary, patched
from tests.builders import T0, a_run, a_status, at

MINUTE = timedelta(minutes=1)
PERSON = {"name": "ask", "type": "confirm-promotion"}
AT_SECOND = {"step": 2, "step_since": at(0), "next_analysis_at": at(60)}
DUE = Wait(reason=waits.ANALYSIS_DUE, message="", since=T0)


def left(analysis: dict[str, object] | None = None, **status: object) -> Remaining:
    tens = {"interval": "1m", "stepWeight": 10, "maxWeight": 30, "metrics": []}
    changes = {f"analysis/{key}": each for key, each in (tens | (analysis or {})).items()}
    standing = {"waiting_for": DUE, "run": a_run(**AT_SECOND)} | status
    at_step = a_status(Phase.PROGRESSING).but(**standing)
    return foreseen(patched(a_canary(), changes), at_step)


def test_each_step_that_is_ahead_takes_an_interval():
    assert left() == Remaining(step=at(60), run=at(120))
    assert left(waiting_for=None) == Remaining(step=at(60), run=at(120))


@pytest.mark.parametrize(
    ("step", "run", "ends"),
    [
        pytest.param({"passes": 3}, {}, at(180), id="passes"),
        pytest.param({"passes": 3}, {"passes": 2}, at(60), id="passes of which some are over"),
        pytest.param({"duration": "10m"}, {}, at(600), id="its time"),
        pytest.param({"duration": "10m"}, {"lasts_since": at(30)}, at(630), id="a pause in it"),
    ],
)
def test_a_step_lasts_until_it_has_had_its_passes_and_its_time(step, run, ends):
    plan = [{"weight": 10} | step, {"weight": 20}]
    found = left(
        {"stepWeight": None, "maxWeight": None, "steps": plan},
        run=a_run(**AT_SECOND | {"step": 1} | run),
    )
    assert found == Remaining(step=ends, run=ends + MINUTE)


@pytest.mark.parametrize(
    "steps",
    [
        [{"weight": 10}, {"weight": 20, "approval": True}],
        [{"weight": 10, "approval": True}, {"weight": 20}],
    ],
)
def test_past_a_person_the_end_of_the_step_is_all_that_is_known(steps):
    plan = {"stepWeight": None, "maxWeight": None, "steps": steps}
    assert left(plan, run=a_run(**AT_SECOND | {"step": 1})) == Remaining(step=at(60))
    assert left({"webhooks": [PERSON]}) == Remaining(step=at(60))


def test_steps_that_may_end_early_have_no_end_that_is_known():
    assert left({"advanceOnProof": True}) == UNKNOWN


@pytest.mark.parametrize(
    "status",
    [
        {"phase": Phase.PROMOTING},
        {"paused": Pause(by="alice", since=T0)},
        {"waiting_for": DUE.but(reason=waits.ANALYSIS_INCONCLUSIVE)},
        {"run": a_run(**AT_SECOND, holds=(Hold(reason=waits.TRAFFIC_GATE, since=T0),))},
        {"run": a_run()},
        {"run": a_run(**AT_SECOND | {"step": 4})},
        {"run": a_run(**AT_SECOND | {"next_analysis_at": None})},
        {"run": a_run(**AT_SECOND | {"step_since": None})},
        {"run": None},
    ],
)
def test_what_waits_for_anything_else_has_no_end_that_is_known(status):
    assert left(**status) == UNKNOWN


def test_nor_has_one_whose_spec_is_not_sound():
    assert left({"interval": "soon"}) == UNKNOWN


@pytest.mark.parametrize("asked", [False, True], ids=["to its promotion", "to a person"])
def test_nor_has_one_that_takes_thousands_of_years(asked: bool):
    steps = [{"weight": weight, "passes": 1000} for weight in range(5, 100, 5)]
    endless = {"interval": "8760h", "stepWeight": None, "maxWeight": None, "steps": steps}
    assert left(endless | ({"webhooks": [PERSON]} if asked else {})) == UNKNOWN


@pytest.mark.parametrize(
    ("step", "run", "told"),
    [
        (at(60), at(211), "about 4m left"),
        (at(60), at(180), "about 3m left"),
        (at(42), None, "about 42s left of this step"),
        (at(5400), None, "about 1h30m left of this step"),
        (at(0), None, ""),
        (None, None, ""),
    ],
)
def test_it_is_told_in_minutes_where_it_takes_any(step, run, told):
    assert remaining_told(step, run, T0) == told


@pytest.mark.parametrize(
    ("step", "run", "told"),
    [
        (at(60), at(120), "If every check passes, the promotion begins at 00:02:00."),
        (at(60), None, "If every check passes, this step ends at 00:01:00."),
        (None, None, ""),
    ],
)
def test_on_a_page_its_moment_is_told(step, run, told):
    assert ends_told(step, run, T0) == told
