"""What a Canary's metrics will show little of is a warning at the field that makes it so."""

from typing import Any

import pytest

from canary.core.cautions import little_seen
from tests.builders import a_spec

RANKS: dict[str, Any] = {"name": "memory", "query": "q", "judge": "mann-whitney"}


def warned(analysis: dict[str, Any], **spec: object) -> list[str]:
    read = a_spec(analysis={"interval": "1m", "metrics": [], **analysis}, **spec)
    return [each.field.removeprefix("spec.analysis.") for each in little_seen(read)]


@pytest.mark.parametrize(
    ("analysis", "fields"),
    [
        pytest.param(
            {"stepWeight": 10, "maxWeight": 50, "metrics": [RANKS]},
            ["metrics[0].onInconclusive"],
            id="an analysis for each weight",
        ),
        pytest.param(
            {"iterations": 10, "metrics": [RANKS]}, ["metrics[0].warmUp"], id="an analysis a pass"
        ),
        pytest.param(
            {
                "steps": [{"weight": 10, "duration": "20m", "metrics": [RANKS]}],
                "metrics": [RANKS | {"name": "cpu"}],
            },
            [],
            id="steps that last",
        ),
        pytest.param(
            {
                "steps": [
                    {"weight": 10, "duration": "20m"},
                    {"weight": 50, "duration": "15m", "metrics": [RANKS]},
                ],
            },
            ["steps[1].metrics[0].warmUp"],
            id="a metric of one step",
        ),
        pytest.param(
            {"stepWeight": 10, "maxWeight": 50, "metrics": [RANKS | {"shadow": True}]},
            [],
            id="a shadow",
        ),
        pytest.param(
            {"stepWeight": 10, "maxWeight": 50, "metrics": [{"name": "x", "query": "q"}]},
            [],
            id="a judge that says nothing",
        ),
    ],
)
def test_a_metric_that_will_show_little_is_named_with_its_field(
    analysis: dict[str, Any], fields: list[str]
) -> None:
    assert warned(analysis) == fields


def test_steps_that_may_end_early_have_an_analysis_each() -> None:
    steps = [{"weight": 10, "duration": "20m"}, {"weight": 50, "duration": "20m"}]
    analysis = {"steps": steps, "metrics": [RANKS]}
    assert warned(analysis) == []
    assert warned(analysis | {"advanceOnProof": True}) == ["metrics[0].onInconclusive"]


def test_a_canary_that_is_not_judged_has_no_warning() -> None:
    analysis = {"stepWeight": 10, "maxWeight": 50, "metrics": [RANKS]}
    assert warned(analysis, skipAnalysis=True) == []
