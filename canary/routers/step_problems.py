"""What of the steps of a plan a router cannot do: shares of some requests, and those of a baseline."""

from collections.abc import Iterator

from canary.api.canary import Canary
from canary.api.metrics import CompareWith
from canary.api.shown import Description
from canary.core.baseline import part_for_baseline
from canary.core.plan import plan
from canary.core.weights import FULL
from canary.errors import Problem


def baseline_problems(canary: Canary, name: str, *, able: bool) -> Iterator[Problem]:
    """Name the metrics that need a baseline, where it would have no requests, or others than the canary."""
    analysis = canary.spec.analysis
    steps = plan(analysis).steps
    said = ""
    if not able:
        said = f"{name} leads requests to no third side"
    elif analysis.session_affinity is not None:
        said = (
            "sessionAffinity keeps clients on the other sides, so that a baseline has new ones only"
        )
    elif any(step.mirror for step in steps):
        said = "of mirrored requests a baseline gets no copy"
    elif not any(part_for_baseline(step.weight) for step in steps):
        said = "no step gives the canary a weight from 1 to 98, and a baseline as much"
    if not said:
        return
    for place, metric in analysis.placed_metrics():
        if metric.compare_with is CompareWith.BASELINE:
            remedy = f"write primary, or remove it: {said}"
            yield Problem(f"{place}.compareWith", str(metric.compare_with), remedy)


def shares_of_matched(canary: Canary, name: str) -> Iterator[Problem]:
    """Name what asks for a share of the requests that match, where all of them go to one side."""
    analysis = canary.spec.analysis
    shared = any(step.match and 0 < step.weight < FULL for step in plan(analysis).steps)
    if analysis.steps or not analysis.match:
        return
    whole = f"{name} sends all requests that match to the canary, or none"
    if shared:
        remedy = f"set iterations and remove the weights: {whole}"
        yield Problem("spec.analysis.match", Description("a list"), remedy)
    for way in () if shared else ("Promotion", "Rollback", "Restart"):
        if part := getattr(analysis, f"step_weight_{way.lower()}"):
            yield Problem(f"spec.analysis.stepWeight{way}", part, f"remove it: {whole}")
