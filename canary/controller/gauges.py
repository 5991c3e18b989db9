"""The gauges of the Canaries: made of what their statuses say, at the moment they are read.

Nothing but a few numbers is kept of each Canary; a series of a Canary goes with it.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from analysis.model import Bounds, Verdict
from canary.api.status import INVALID_STATE, CanaryStatus, Outcome, Phase, RunRecord, Wait
from canary.core.verified import SHARE
from canary.core.weights import FULL

#: The phase of a Canary that nothing was decided of yet; an empty label is no label.
NEW_PHASE = "New"
_OF_CANARY = ("namespace", "name")
_VERDICTS = frozenset(each.value for each in Verdict)
"""A status that was edited by hand makes no others."""

Place = tuple[str, str]
"""A Canary's namespace and name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What the spec of a Canary says of it; empty where it cannot be read."""

    target_kind: str = ""
    target: str = ""
    router: str = ""
    bounds: Mapping[str, Bounds] = field(default_factory=lambda: MappingProxyType({}))
    """Where the value of each metric must lie, by the metric's name; kept during a run alone."""


class _Check(NamedTuple):
    metric: str
    verdict: str | None
    """None for a shadow: nothing is to follow from it, an alert included."""
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
    steps: int
    wait: Wait | None
    running: bool
    paused: bool
    invalid: bool
    last_run: tuple[str, float] | None
    """The outcome of the last run, and when it ended."""
    observed: float | None
    """The canary's share of the traffic that was seen; None where none is measured."""
    about: About


class CanaryGauges(Collector):
    """The gauges of all Canaries that are shown."""

    def __init__(self) -> None:
        self._shown: dict[Place, _Shown] = {}

    def show(self, place: Place, status: CanaryStatus, about: About) -> None:
        """Show a status from now on."""
        moment = status.last_transition_time
        self._shown[place] = _Shown(
            phase=status.phase,
            primary_weight=status.weights.primary,
            canary_weight=status.weights.canary,
            step=status.step,
            failed_checks=status.failed_checks,
            transition=None if moment is None else moment.timestamp(),
            checks=tuple(
                _Check(each.name, None if each.shadow else each.verdict, each.value)
                for each in status.metrics
            ),
            steps=status.steps,
            wait=status.waiting_for,
            running=status.run is not None,
            paused=status.paused is not None,
            invalid=status.state == INVALID_STATE,
            last_run=_last_run(status),
            observed=_observed(status),
            about=about if status.run else replace(about, bounds=MappingProxyType({})),
        )

    def forget(self, place: Place) -> None:
        """Show a Canary no more."""
        self._shown.pop(place, None)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Give every series, as the registry asks for them."""
        phase = _family(
            "phase", "1 for the phase that a Canary is in; others have no series.", "phase"
        )
        weight = _family(
            "weight", "Intended share of traffic in percent, of primary and canary.", "side"
        )
        observed = _family(
            "observed_weight",
            "Share of traffic that was seen in percent, where it is measured.",
            "side",
        )
        step = _family("step", "The step that a run is at; 0 before the first.")
        failed_checks = _family("failed_checks", "Failed analyses of the run so far.")
        transition = _family("last_transition_timestamp_seconds", "When the phase last changed.")
        check_value = _family("check_value", "The last value of a metric that is judged.", "metric")
        check_verdict = _family(
            "check_verdict",
            "1 for the last verdict on a metric; others have no series.",
            "metric",
            "verdict",
        )
        for place, shown in self._shown.items():
            phase.add_metric((*place, shown.phase.value or NEW_PHASE), 1)
            weight.add_metric((*place, "primary"), shown.primary_weight)
            weight.add_metric((*place, "canary"), shown.canary_weight)
            if shown.observed is not None:
                observed.add_metric((*place, "primary"), FULL - shown.observed)
                observed.add_metric((*place, "canary"), shown.observed)
            if shown.running or shown.step:
                step.add_metric(place, shown.step)
            if shown.running or shown.failed_checks:
                failed_checks.add_metric(place, shown.failed_checks)
            if shown.transition is not None:
                transition.add_metric(place, shown.transition)
            for check in shown.checks:
                if check.value is not None:
                    check_value.add_metric((*place, check.metric), check.value)
                if check.verdict in _VERDICTS:
                    check_verdict.add_metric((*place, check.metric, check.verdict), 1)
        yield from (phase, weight, observed, step, failed_checks, transition)
        yield from (check_value, check_verdict)
        yield from self._of_specs()
        yield from self._of_needs()

    def _of_specs(self) -> Iterator[GaugeMetricFamily]:
        """Give what a spec asks for, and how its last run ended."""
        info = _family(
            "info",
            "1; what a Canary releases, and by which router.",
            "target_kind",
            "target",
            "router",
        )
        steps = _family("steps", "The number of steps that a run has.")
        bound = _family("check_bound", "Where the value of a metric must lie.", "metric", "side")
        last_run = _family("last_run_timestamp_seconds", "When the last run ended.", "outcome")
        for place, shown in self._shown.items():
            about = shown.about
            if about.target:
                info.add_metric((*place, about.target_kind, about.target, about.router), 1)
            if shown.steps:
                steps.add_metric(place, shown.steps)
            if shown.last_run is not None:
                outcome, ended = shown.last_run
                last_run.add_metric((*place, outcome), ended)
            for name, _, _ in shown.checks:
                bounds = about.bounds.get(name, Bounds())
                for side, value in (("min", bounds.min), ("max", bounds.max)):
                    if value is not None:
                        bound.add_metric((*place, name, side), value)
        yield from (info, steps, bound, last_run)

    def _of_needs(self) -> Iterator[GaugeMetricFamily]:
        """Give what a Canary waits for, and what a person must see to: series of those alone."""
        since = _family("waiting_since_timestamp_seconds", "When the wait began.", "reason")
        deadline = _family(
            "deadline_timestamp_seconds", "When the wait ends with the run's failure.", "reason"
        )
        paused = _family("paused", "1 while a person has paused the run.")
        invalid = _family("invalid", "1 while the spec cannot be acted on.")
        for place, shown in self._shown.items():
            if shown.wait is not None:
                labels = (*place, shown.wait.reason)
                since.add_metric(labels, shown.wait.since.timestamp())
                if shown.wait.deadline is not None:
                    deadline.add_metric(labels, shown.wait.deadline.timestamp())
            if shown.paused:
                paused.add_metric(place, 1)
            if shown.invalid:
                invalid.add_metric(place, 1)
        yield from (since, deadline, paused, invalid)


def outcome_of(run: RunRecord) -> str:
    """Name how a run ended, as a label: a status that was edited by hand makes no new ones."""
    return run.outcome if run.outcome in set(Outcome) else "Unknown"


def ended_at(run: RunRecord) -> datetime | None:
    """Say when a run ended; None where its record does not tell."""
    if run.started_at is None:
        return None
    with suppress(OverflowError):
        return run.started_at + timedelta(seconds=run.duration_seconds)
    return None


def _last_run(status: CanaryStatus) -> tuple[str, float] | None:
    last = status.history[0] if status.history else None
    ended = ended_at(last) if last else None
    return (outcome_of(last), ended.timestamp()) if last and ended else None


def _observed(status: CanaryStatus) -> float | None:
    """Give the canary's share as pods make it, or as a run that verifies it has counted it."""
    if status.shares is not None:
        return status.shares.seen
    counted = (each.value for each in status.metrics if each.name == SHARE)
    return next(counted, None) if status.run is not None else None


def _family(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"tidegate_canary_{name}", text, labels=(*_OF_CANARY, *labels))
