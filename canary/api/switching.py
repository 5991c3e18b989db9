"""What a Canary asks for where its router can switch traffic, and send no share of it: blue/green.

The canary passes its analyses before any client reaches it, and then gets all traffic at once.
"""

from canary.api.analysis_spec import Analysis
from canary.api.canary import Canary, CanarySpec
from canary.api.shown import shown
from canary.errors import SpecWarning

ITERATIONS = 10
"""Analyses that must pass where a Canary does not say how many; the peer's number."""

_INSTEAD = "cannot send a share of the traffic: the canary passes {} without any, then gets all"


def switching(canary: Canary, router: str) -> tuple[Canary, tuple[SpecWarning, ...]]:
    """Read a Canary as blue/green, whatever steps it asks for; `router` is its name for people."""
    analysis = canary.spec.analysis
    unsaid = not (canary.spec.skip_analysis or says_steps(analysis))
    read = switched(canary.spec)
    number = read.analysis.iterations or 0
    counted = f"{number} analys{'is' if number == 1 else 'es'}"
    instead = f"{router} {_INSTEAD.format(counted)}"
    back = f"{router} gives the primary all traffic back at once"
    asked = {
        "stepWeight": (analysis.step_weight, instead),
        "stepWeights": (analysis.step_weights, instead),
        "stepWeightPromotion": (
            analysis.step_weight_promotion,
            f"{router} gives the promoted primary all traffic at once",
        ),
        "stepWeightRollback": (analysis.step_weight_rollback, back),
        "stepWeightRestart": (analysis.step_weight_restart, back),
    }
    warnings = [
        SpecWarning(f"spec.analysis.{field}", shown(value), effect)
        for field, (value, effect) in asked.items()
        if value
    ]
    if unsaid:
        warnings.append(SpecWarning("spec.analysis.iterations", None, instead))
    return canary.but(spec=read), tuple(warnings)


def says_steps(analysis: Analysis) -> bool:
    """Tell whether a Canary says by which steps traffic moves, or how many analyses must pass."""
    styles = (analysis.step_weight, analysis.step_weights, analysis.iterations, analysis.steps)
    return any(styles)


def switched(spec: CanarySpec) -> CanarySpec:
    """Read a spec as blue/green; steps one by one say themselves what they want."""
    if spec.analysis.steps:
        return spec.but(analysis=spec.analysis.but(step_weight_promotion=0))
    analysis = spec.analysis.but(
        iterations=spec.analysis.iterations or ITERATIONS,
        step_weight=None,
        step_weights=None,
        max_weight=Analysis.model_fields["max_weight"].default,
        step_weight_promotion=0,
    )
    return spec.but(analysis=analysis)
