"""Words that the judges share: how a message names its metric, and what the store remarked."""

from collections.abc import Iterable

from analysis.model import Metric, Outcome, Sample


def sentence(metric: Metric, claim: str) -> str:
    """Say a claim of a metric, whose name is read as words."""
    name = metric.name.replace("-", " ").replace("_", " ")
    return f"{name} {claim}"


def remarks(outcomes: Iterable[Outcome]) -> str:
    """Tell what the store remarked on its answers, each remark once, to be put behind a claim."""
    told_once = dict.fromkeys(
        remark for each in outcomes if isinstance(each, Sample) for remark in each.warnings
    )
    return "".join(f"; warning: {remark}" for remark in told_once)
