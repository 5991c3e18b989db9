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


def shown(evidence: float, limit: float) -> str:
    """Show evidence beside what proves: `35 of 100`."""
    return f"{evidence_text(evidence)} of {digits(exp(limit))}"
