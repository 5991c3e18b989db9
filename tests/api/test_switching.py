"""What a Canary asks for where its router cannot split traffic: blue/green, and a warning."""

from typing import Any

import pytest

from canary.controller.reading import CanaryReader
from tests.api.examples import WEIGHTED, a_canary, patched

READER = CanaryReader("kubernetes")


def read(**analysis: Any) -> tuple[Any, list[str]]:
    """Give the analysis that is acted on, and what is warned of."""
    steps = {f"analysis/{field}": value for field, value in analysis.items()}
    manifest = patched(a_canary(), WEIGHTED | {"provider": "kubernetes"} | steps)
    assert READER.problems(manifest) == ()
    canary = READER.read(manifest).canary
    assert canary is not None
    return canary.spec.analysis, [str(each) for each in READER.warnings(manifest)]


def test_iterations_are_taken_as_they_are_written() -> None:
    analysis, warnings = read(iterations=3)
    assert (analysis.iterations, warnings) == (3, [])


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [("stepWeight", 20, "20"), ("stepWeights", [10, 50], "a list of 2")],
)
def test_steps_are_read_as_ten_analyses_without_traffic(field: str, value: Any, shown: str) -> None:
    analysis, warnings = read(**{field: value})
    assert (analysis.iterations, analysis.step_weight, analysis.step_weights) == (10, None, None)
    (warning,) = warnings
    assert warning == (
        f"spec.analysis.{field}: {shown}: kubernetes cannot send a share of the traffic: the canary "
        "passes 10 analyses without any, then gets all"
    )


def test_no_steps_at_all_are_read_as_ten_analyses_without_traffic() -> None:
    analysis, (warning,) = read()
    assert analysis.iterations == 10
    assert warning == (
        "spec.analysis.iterations: not set: kubernetes cannot send a share of the traffic: the "
        "canary passes 10 analyses without any, then gets all"
    )


def test_nothing_is_said_of_steps_where_no_analysis_is_made() -> None:
    manifest = patched(a_canary(), WEIGHTED | {"provider": "kubernetes", "skipAnalysis": True})
    assert (READER.problems(manifest), READER.warnings(manifest)) == ((), ())


@pytest.mark.parametrize("provider", ["istio", "smi"])
def test_a_router_of_shares_needs_to_be_told_the_steps(provider: str) -> None:
    manifest = patched(a_canary(), WEIGHTED | {"provider": provider})
    (problem,) = READER.problems(manifest)
    assert str(problem) == (
        "spec.analysis: an object: set exactly one of stepWeight, stepWeights, iterations and steps"
    )


def test_steps_that_cannot_be_read_are_one_problem() -> None:
    manifest = patched(a_canary(), {"provider": "istio", "analysis/stepWeight": "10"})
    (problem,) = READER.problems(manifest)
    assert problem.field == "spec.analysis.stepWeight"


def test_a_stepped_way_back_is_one_step() -> None:
    analysis, (warning,) = read(iterations=1, stepWeightPromotion=20)
    assert analysis.step_weight_promotion == 0
    assert warning == (
        "spec.analysis.stepWeightPromotion: 20: kubernetes gives the promoted primary all traffic "
        "at once"
    )


def test_a_way_back_in_parts_after_a_run_is_one_step() -> None:
    _, warnings = read(iterations=1, stepWeightRollback=20)
    assert warnings == [
        "spec.analysis.stepWeightRollback: 20: kubernetes gives the primary all traffic back at once"
    ]


def test_steps_one_by_one_are_taken_as_they_are_written() -> None:
    analysis, warnings = read(steps=[{"passes": 3}, {"weight": 100}])
    assert ([step.weight for step in analysis.steps], warnings) == ([0, 100], [])
    analysis, _ = read(steps=[{"weight": 100}], stepWeightPromotion=20)
    assert analysis.step_weight_promotion == 0


def test_a_step_with_a_share_of_the_traffic_is_refused() -> None:
    steps = {"analysis/steps": [{"passes": 3}, {"weight": 50}]}
    manifest = patched(a_canary(), WEIGHTED | {"provider": "kubernetes"} | steps)
    (problem,) = READER.problems(manifest)
    assert str(problem) == (
        "spec.analysis.steps[1].weight: 50: change it, or name another router: kubernetes cannot "
        "do this"
    )


def test_the_default_router_counts_where_none_is_named() -> None:
    manifest = a_canary()
    assert "provider" not in manifest["spec"]
    assert "kubernetes cannot send a share" in str(READER.warnings(manifest)[0])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("analysis/match", [{"headers": {"x-beta": {"exact": "1"}}}]),
        ("analysis/mirror", True),
        ("service/hosts", ["app.example.com"]),
    ],
)
def test_what_chooses_requests_is_refused(field: str, value: Any) -> None:
    manifest = patched(a_canary(), {"provider": "kubernetes", field: value})
    refused = [str(each) for each in READER.problems(manifest)]
    assert any(
        each.startswith(f"spec.{field.replace('/', '.')}: ")
        and each.endswith("remove it, or name another router: kubernetes cannot do this")
        for each in refused
    )
