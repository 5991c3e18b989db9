"""The gauges of the Canaries: made of what their statuses say, when these change.

A Canary at rest has the few series that people look for in a fleet, and no weights: a page of ten
thousand is read every few seconds. A run has all. A series of a Canary goes with it.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from math import floor
from types import MappingProxyType

from prometheus_client.utils import floatToGoString

from analysis.judges import counted, harm
from analysis.model import Bounds, Verdict
from canary.api.status import INVALID_STATE, CanaryStatus, Outcome, Phase, RunRecord
from canary.core.verified import SHARE
from canary.core.weights import FULL

#: The phase of a Canary that nothing was decided of yet; an empty label is no label.
NEW_PHASE = "New"
_LONGEST_WHOLE = 1e15
"""Whole numbers from here on are shorter with an exponent."""
_VERDICTS = frozenset(each.value for each in Verdict)
"""A status that was edited by hand makes no others."""

Place = tuple[str, str]
"""A Canary's namespace and name."""
Sample = tuple[Sequence[str], float]
"""The labels of a series, beside those that name the Canary, and its value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What the spec of a Canary says of it; empty where it cannot be read."""

    target_kind: str = ""
    target: str = ""
    router: str = ""
    bounds: Mapping[str, Bounds] = field(default_factory=lambda: MappingProxyType({}))
    """Where the value of each metric must lie, by the metric's name."""


class CanaryGauges:
    """The gauges of all Canaries that are shown."""

    def __init__(self) -> None:
        self._phase = CanaryGauge(
            "phase", "1 for the phase that a Canary is in; others have no series.", "phase"
        )
        self._weight = CanaryGauge(
            "weight",
            "Intended share of traffic in percent, of primary and canary; at rest it has no series.",
            "side",
        )
        self._observed = CanaryGauge(
            "observed_weight",
            "Share of traffic that was seen in percent, where it is measured.",
            "side",
        )
        self._transition = CanaryGauge(
            "last_transition_timestamp_seconds", "When the phase last changed."
        )
        self._info = CanaryGauge(
            "info",
            "1; what a Canary releases, and by which router.",
            *("target_kind", "target", "router"),
        )
        self._last_run = CanaryGauge(
            "last_run_timestamp_seconds", "When the last run ended.", "outcome"
        )
        self._step = CanaryGauge("step", "The step that a run is at; 0 before the first.")
        self._steps = CanaryGauge("steps", "The number of steps that a run has.")
        self._failed_checks = CanaryGauge("failed_checks", "Failed analyses of the run so far.")
        self._check_value = CanaryGauge(
            "check_value", "The last value of a metric that is judged.", "metric"
        )
        self._check_bound = CanaryGauge(
            "check_bound", "Where the value of a metric must lie.", "metric", "side"
        )
        self._check_verdict = CanaryGauge(
            "check_verdict",
            "1 for the last verdict on a metric; others have no series.",
            *("metric", "verdict"),
        )
        self._evidence = CanaryGauge(
            "evidence",
            "How many times better a canary that is worse explains what its judge has seen in the run.",
            "metric",
        )
        self._evidence_ratio = CanaryGauge(
            "evidence_ratio",
            "Between which multiples of the primary's bad rate the canary's lies, by 95 %.",
            *("metric", "bound"),
        )
        self._since = CanaryGauge(
            "waiting_since_timestamp_seconds", "When the wait began.", "reason"
        )
        self._deadline = CanaryGauge(
            "deadline_timestamp_seconds", "When the wait ends with the run's failure.", "reason"
        )
        self._paused = CanaryGauge("paused", "1 while a person has paused the run.")
        self._invalid = CanaryGauge("invalid", "1 while the spec cannot be acted on.")
        self.gauges = tuple(each for each in vars(self).values() if isinstance(each, CanaryGauge))

    def show(self, place: Place, status: CanaryStatus, about: About) -> None:
        """Show a status from now on."""
        self._phase.show(place, _one(status.phase.value or NEW_PHASE))
        self._weight.show(place, _intended(status))
        seen = _observed(status)
        self._observed.show(place, () if seen is None else _shares(FULL - seen, seen))
        moment = status.last_transition_time
        self._transition.show(place, () if moment is None else _plain(_seconds(moment)))
        named = (about.target_kind, about.target, about.router)
        self._info.show(place, _one(*named) if about.target else ())
        self._last_run.show(place, _last_run(status))
        self._show_run(place, status)
        self._show_checks(place, status, about)
        self._show_evidence(place, status)
        self._show_needs(place, status)

    def forget(self, place: Place) -> None:
        """Show a Canary no more."""
        for each in self.gauges:
            each.show(place, ())

    def page(self) -> bytes:
        """Write every series, in the text that both formats of Prometheus have in common."""
        return b"".join(each.page() for each in self.gauges)

    def _show_run(self, place: Place, status: CanaryStatus) -> None:
        """Show how far a run is; a Canary at rest has no series of this."""
        running = status.run is not None
        self._step.show(place, _plain(status.step) if running or status.step else ())
        self._steps.show(place, _plain(status.steps) if running and status.steps else ())
        failed = running or status.failed_checks
        self._failed_checks.show(place, _plain(status.failed_checks) if failed else ())

    def _show_checks(self, place: Place, status: CanaryStatus, about: About) -> None:
        """Show the checks of a run, and of one that has failed: its last came with its end."""
        running = status.run is not None
        checks = status.metrics if running or status.phase is Phase.FAILED else ()
        self._check_value.show(
            place, [((each.name,), each.value) for each in checks if each.value is not None]
        )
        self._check_verdict.show(
            place,
            [
                ((each.name, each.verdict), 1)
                for each in checks
                # Nothing is to follow from a shadow, an alert included.
                if each.verdict in _VERDICTS and not each.shadow
            ],
        )
        self._check_bound.show(
            place,
            [
                ((each.name, side), value)
                for each in (checks if running else ())
                if (bounds := about.bounds.get(each.name)) is not None
                for side, value in (("min", bounds.min), ("max", bounds.max))
                if value is not None
            ],
        )

    def _show_evidence(self, place: Place, status: CanaryStatus) -> None:
        """Show what judges have kept of a run under way; nothing once it has ended."""
        kept = [
            (each.name, each.judge, each.memory)
            for each in (status.metrics if status.run is not None else ())
            if each.judge and each.memory
        ]
        found = [(name, harm(judge, memory)) for name, judge, memory in kept]
        self._evidence.show(place, [((name,), value) for name, value in found if value is not None])
        both = [(name, counted(judge, memory)) for name, judge, memory in kept]
        self._evidence_ratio.show(
            place,
            [
                ((name, bound), value)
                for name, counts in both
                if counts is not None and (ratio := counts.ratio) is not None
                for bound, value in zip(("low", "high"), ratio, strict=True)
            ],
        )

    def _show_needs(self, place: Place, status: CanaryStatus) -> None:
        """Show what a Canary waits for, and what a person must see to: series of those alone."""
        wait = status.waiting_for
        since = wait and _stamped(wait.reason, wait.since)
        deadline = wait and wait.deadline and _stamped(wait.reason, wait.deadline)
        self._since.show(place, since or ())
        self._deadline.show(place, deadline or ())
        self._paused.show(place, _plain(1) if status.paused is not None else ())
        self._invalid.show(place, _plain(1) if status.state == INVALID_STATE else ())


class CanaryGauge:
    """A gauge of Canaries: the lines of each are kept as the page has them.

    A page of ten thousand Canaries that rest is then put together, and not written.
    """

    def __init__(self, name: str, text: str, *labels: str) -> None:
        self.name = f"tidegate_canary_{name}"
        self.text = text
        self.labels = ("namespace", "name", *labels)
        self._lines: dict[Place, bytes] = {}

    def show(self, place: Place, samples: Sequence[Sample]) -> None:
        """Show these samples of a Canary, and no others of it."""
        if samples:
            self._lines[place] = "".join([self._line(place, *each) for each in samples]).encode()
        else:
            self._lines.pop(place, None)

    def page(self) -> bytes:
        """Write the series of all Canaries; what is shown may change meanwhile in another thread."""
        head = f"# HELP {self.name} {self.text}\n# TYPE {self.name} gauge\n"
        return head.encode() + b"".join(self._lines.values())

    def _line(self, place: Place, labels: Sequence[str], value: float) -> str:
        labelled = _labelled(self.labels, place, tuple(labels))
        return f"{self.name}{{{labelled}}} {_number(value)}\n"


@lru_cache(maxsize=1024)
def _labelled(names: tuple[str, ...], place: Place, labels: tuple[str, ...]) -> str:
    """Write labels; all that is said of a Canary while it runs has few of them."""
    pairs = zip(names, (*place, *labels), strict=True)
    return ",".join(f'{name}="{_escaped(label)}"' for name, label in pairs)


def _number(value: float) -> str:
    """Write a value as short as Prometheus reads it."""
    if abs(value) < _LONGEST_WHOLE and value == int(value):
        return str(int(value))
    return str(floatToGoString(value))


def _escaped(label: str) -> str:
    return label.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _plain(value: float) -> Sequence[Sample]:
    return (((), value),)


def _one(*labels: str) -> Sequence[Sample]:
    return ((labels, 1),)


def _shares(primary: float, canary: float) -> Sequence[Sample]:
    return ((("primary",), primary), (("canary",), canary))


def _stamped(label: str, moment: datetime) -> Sequence[Sample]:
    return (((label,), _seconds(moment)),)


def _seconds(moment: datetime) -> float:
    """Give a moment as a value: to the second, since a page is read less often, and never later."""
    return floor(moment.timestamp())


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


def _last_run(status: CanaryStatus) -> Sequence[Sample]:
    last = status.history[0] if status.history else None
    ended = ended_at(last) if last else None
    return _stamped(outcome_of(last), ended) if last and ended else ()


def _intended(status: CanaryStatus) -> Sequence[Sample]:
    """Give the shares of a run, and of what has not yet given all back to the primary."""
    weights = status.weights
    at_rest = status.run is None and not weights.canary
    return () if at_rest else _shares(weights.primary, weights.canary)


def _observed(status: CanaryStatus) -> float | None:
    """Give the canary's share as pods make it, or as a run that verifies it has counted it."""
    if status.shares is not None:
        return status.shares.seen
    counted = (each.value for each in status.metrics if each.name == SHARE)
    return next(counted, None) if status.run is not None else None
