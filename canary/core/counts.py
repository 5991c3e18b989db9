"""Which changes of a workload's pod counts matter: most of them are steps of one roll-out.

An update of a primary changes its counts a dozen times. What is decided hangs on whether the
workload serves, is ready, or has come to its end, and only sometimes on a number.
"""

from canary.api.canary import CanarySpec
from canary.api.status import CanaryStatus, Phase
from canary.core.facts import FULL_READINESS, Workload


def counts_matter(
    spec: CanarySpec, status: CanaryStatus, before: Workload, after: Workload
) -> bool:
    """Tell whether a decision can hang on what has changed between two counts of a workload."""
    if _outlook(spec, before) != _outlook(spec, after):
        return True
    return before.available != after.available and _by_numbers(status)


def _outlook(spec: CanarySpec, workload: Workload) -> tuple[bool, ...]:
    """Tell what decisions hang on."""
    analysis = spec.analysis
    thresholds = (
        FULL_READINESS,
        analysis.canary_ready_threshold,
        analysis.primary_ready_threshold,
    )
    ready = (workload.ready(threshold) for threshold in thresholds)
    # An apex service that selects the pods of both sides does so once the last one has its label.
    selected = workload.labelled and workload.uniform
    return (workload.serves, workload.given_up, selected, *ready)


def _by_numbers(status: CanaryStatus) -> bool:
    """Tell whether traffic is divided by what ready pods can carry."""
    moves = bool(status.canary_weight) and status.phase is not Phase.PROMOTING
    return moves or status.shares is not None
