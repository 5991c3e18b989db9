"""What the sequential judge says in words."""

from math import exp

from analysis.model import Metric
from analysis.tally import Tally, digits, evidence_text


def told(metric: Metric, tally: Tally) -> str:
    """Tell what was counted: `98 % of 1,200 requests, of the primary's 99.5 % of 24,000`."""
    good = f" {metric.good}" if metric.good else ""
    canary, primary = (
        f"{100 * (1 - each.rate):.4g} % of {each.requests:,.0f}"
        for each in (tally.canary, tally.primary)
    )
    return f"{canary} requests{good}, of the {metric.control}'s {primary}"


def told_alike(metric: Metric, tally: Tally, limit: float) -> str:
    """Tell that two sides differ which run the same, so that nothing is said of the canary."""
    second = f"{100 * (1 - tally.second.rate):.4g} % of {tally.second.requests:,.0f}"
    return (
        f"nothing is said of it, because the {metric.control} is proven to differ from the "
        f"{metric.second}, which runs the same and has {second} "
        f"(evidence {shown(tally.evidence_of_difference, limit)})"
    )


def shown(evidence: float, limit: float) -> str:
    """Show evidence beside what proves: `35 of 100`."""
    return f"{evidence_text(evidence)} of {digits(exp(limit))}"
