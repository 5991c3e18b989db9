"""The gauges of the Canaries: made of what their statuses say, at the moment they are read.

Nothing but a few numbers is kept of each Canary; a series of a Canary goes with it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from analysis.model import Verdict
from canary.api.status import CanaryStatus, Phase

#: The phase of a Canary that nothing was decided of yet; an empty label is no label.
NEW_PHASE = "New"
_OF_CANARY = ("namespace", "name")

Place = tuple[str, str]
"""A Canary's namespace and name."""


class _Check(NamedTuple):
    metric: str
    verdict: str
    value: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """What is kept of a status."""

    phase: Phase
    primary_weight: int
    canary_weight: int
    step: int
    failed_checks: int
    transition: float | None
    checks: tuple[_Check, ...]


class CanaryGauges(Collector):
    """The gauges of all Canaries that are shown."""

    def __init__(self) -> None:
        self._shown: dict[Place, _Shown] = {}

    def show(self, place: Place, status: CanaryStatus) -> None:
        """Show a status from now on."""
        moment = status.last_transition_time
        self._shown[place] = _Shown(
            phase=status.phase,
            primary_weight=status.weights.primary,
            canary_weight=status.weights.canary,
            step=status.step,
            failed_checks=status.failed_checks,
            transition=None if moment is None else moment.timestamp(),
            checks=tuple(_Check(each.name, each.verdict, each.value) for each in status.metrics),
        )

    def forget(self, place: Place) -> None:
        """Show a Canary no more."""
        self._shown.pop(place, None)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Give every series, as the registry asks for them."""
        phase = _family("phase", "1 for the phase that a Canary is in, 0 for the others.", "phase")
        weight = _family(
            "weight", "Intended share of traffic in percent, of primary and canary.", "side"
        )
        step = _family("step", "The step that a run is at; 0 before the first.")
        failed_checks = _family("failed_checks", "Failed analyses of the run so far.")
        transition = _family("last_transition_timestamp_seconds", "When the phase last changed.")
        check_value = _family("check_value", "The last value of a metric that is judged.", "metric")
        check_verdict = _family(
            "check_verdict",
            "1 for the last verdict on a metric, 0 for the others.",
            "metric",
            "verdict",
        )
        for place, shown in self._shown.items():
            for each in Phase:
                phase.add_metric((*place, each.value or NEW_PHASE), float(each is shown.phase))
            weight.add_metric((*place, "primary"), shown.primary_weight)
            weight.add_metric((*place, "canary"), shown.canary_weight)
            step.add_metric(place, shown.step)
            failed_checks.add_metric(place, shown.failed_checks)
            if shown.transition is not None:
                transition.add_metric(place, shown.transition)
            for check in shown.checks:
                if check.value is not None:
                    check_value.add_metric((*place, check.metric), check.value)
                for verdict in Verdict:
                    labels = (*place, check.metric, verdict.value)
                    check_verdict.add_metric(labels, float(verdict.value == check.verdict))
        yield from (phase, weight, step, failed_checks, transition, check_value, check_verdict)


def _family(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"tidegate_canary_{name}", text, labels=(*_OF_CANARY, *labels))
