"""The units of metrics: those of built-in ones, where the value is shown as it was measured."""

import pytest

from canary.views.units import units, with_unit


@pytest.mark.parametrize(
    ("metric", "known"),
    [
        ({"name": "request-duration"}, {"request-duration": "ms"}),
        ({"name": "request-success-rate", "judge": "threshold"}, {"request-success-rate": "%"}),
        ({"name": "request-duration", "judge": "sequential"}, {}),
        ({"name": "request-duration", "query": "vector(1)"}, {}),
        ({"name": "request-duration", "templateRef": {"name": "own"}}, {}),
        ({"name": "errors"}, {}),
        ("broken", {}),
    ],
)
def test_a_metric_has_the_unit_that_is_known_of_it(metric, known):
    assert units({"spec": {"analysis": {"metrics": [metric]}}}) == known
    assert units({"spec": {"analysis": {"steps": [{"metrics": [metric]}, None]}}}) == known


def test_a_value_is_written_with_its_unit():
    assert [with_unit(612, "ms"), with_unit(0.5, ""), with_unit(None, "ms")] == [
        *("612 ms", "0.5", "–")
    ]
