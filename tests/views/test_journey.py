"""The way of a run: what is behind it, where it is, and what is ahead."""

import pytest

from canary.api.status import Pause, Phase
from canary.core.plan import plan
from canary.views.canary import canary_view
from canary.views.journey import Mark, journey, way
from tests.builders import T0, a_spec, a_status
from tests.views.fleet import STATUSES, manifest

PLAN = plan(a_spec(analysis={"stepWeights": [10, 50]}).analysis)
DONE, NOW, HELD, AHEAD = Mark.DONE, Mark.NOW, Mark.HELD, Mark.AHEAD


def marks(**status) -> list[Mark]:
    phase = status.pop("phase")
    view = canary_view(manifest("shop", a_status(phase, steps=2, **status)))
    return [each.mark for each in journey(PLAN, view)]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"phase": Phase.SUCCEEDED}, [AHEAD, AHEAD, AHEAD]),
        ({"phase": Phase.WAITING, "step": 0}, [AHEAD, AHEAD, AHEAD]),
        ({"phase": Phase.PROGRESSING, "step": 1, "weight": 10}, [NOW, AHEAD, AHEAD]),
        ({"phase": Phase.PROGRESSING, "step": 2, "weight": 50}, [DONE, NOW, AHEAD]),
        (
            {
                "phase": Phase.PROGRESSING,
                "step": 2,
                "weight": 50,
                "paused": Pause(by="by bob", since=T0),
            },
            [DONE, HELD, AHEAD],
        ),
        ({"phase": Phase.PROMOTING, "step": 2}, [DONE, DONE, NOW]),
    ],
)
def test_a_run_is_at_one_step_with_the_others_behind_or_ahead(status, expected):
    assert marks(**status) == expected


def test_a_run_at_a_gate_is_held_at_its_step():
    stations = journey(PLAN, canary_view(manifest("cart", STATUSES["cart"].but(step=2, steps=2))))
    assert [each.mark for each in stations] == [DONE, HELD, AHEAD]


def test_a_step_is_called_by_what_it_gives_the_canary():
    spec = a_spec(analysis={"mirror": True, "mirrorWeight": 30, "stepWeights": [10]})
    view = canary_view(manifest("shop", a_status(Phase.SUCCEEDED)))
    labels = [each.label for each in journey(plan(spec.analysis), view)]
    assert labels == ["mirror 30 %", "10 %", "promote"]


def test_a_step_has_the_name_that_the_spec_gives_it():
    spec = a_spec(analysis={"steps": [{"name": "a few", "weight": 5}]})
    view = canary_view(manifest("shop", a_status(Phase.SUCCEEDED)))
    assert [each.name for each in journey(plan(spec.analysis), view)] == ["a few", ""]


@pytest.mark.parametrize(
    ("weights", "status", "drawn"),
    [
        ([10, 50], {"step": 0, "phase": Phase.WAITING}, "steps  10 %  50 %  promote"),
        ([10, 50], {"step": 2}, "steps  10 % ✔  50 % now  promote"),
        ([10, 50], {"phase": Phase.PROMOTING}, "steps  10 % ✔  50 % ✔  promote now"),
        (
            range(5, 100, 5),
            {"step": 6, "paused": Pause(by="by bob", since=T0)},
            "steps  …  15 % ✔  20 % ✔  25 % ✔  30 % held  35 %  40 %  45 %  50 %  55 %  …  promote",
        ),
    ],
)
def test_the_way_of_a_run_is_drawn_on_a_line_and_of_a_long_one_what_is_around_it(
    weights, status, drawn
):
    made = plan(a_spec(analysis={"stepWeights": list(weights)}).analysis)
    standing = a_status(
        **{"phase": Phase.PROGRESSING, "step": 2, "steps": len(made.steps)} | status
    )
    line = way(made, canary_view(manifest("shop", standing)), T0)
    assert "".join(each if isinstance(each, str) else each.text for each in line) == drawn
