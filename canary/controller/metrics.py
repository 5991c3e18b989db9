"""The controller's own metrics, in a registry of their own.

Gauges of a Canary are what its status says; a series of a Canary goes with it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.exposition import choose_encoder

from analysis.model import Verdict
from canary.api.status import CanaryStatus, Outcome, Phase, RunRecord
from canary.controller.canaries import CanaryKey, CanaryRecord

#: The phase of a Canary that nothing was decided of yet; an empty label is no label.
NEW_PHASE = "New"
_RUN_BUCKETS = (30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 43200, 86400)
_CALL_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_OF_CANARY = ("namespace", "name")

_Series = tuple[Gauge, tuple[str, ...]]


class Metrics:
    """What the controller tells Prometheus."""

    def __init__(
        self,
        *,
        version: str,
        router: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._registry = CollectorRegistry()
        self._born = clock()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        Info("tidegate", "The controller that runs.", registry=self._registry).info(
            {"version": version, "router": router}
        )
        self._make_canary_metrics()
        self._make_call_metrics()
        self._gauges: defaultdict[tuple[str, str], dict[_Series, float]] = defaultdict(dict)
        self._outcomes: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        self._last_runs: dict[tuple[str, str], RunRecord | None] = {}

    def _make_canary_metrics(self) -> None:
        self._phase = self._gauge(
            "canary_phase", "1 for the phase that a Canary is in, 0 for the others.", "phase"
        )
        self._weight = self._gauge(
            "canary_weight", "Intended share of traffic in percent, of primary and canary.", "side"
        )
        self._step = self._gauge("canary_step", "The step that a run is at; 0 before the first.")
        self._failed_checks = self._gauge(
            "canary_failed_checks", "Failed analyses of the run so far."
        )
        self._transition = self._gauge(
            "canary_last_transition_timestamp_seconds", "When the phase last changed."
        )
        self._check_value = self._gauge(
            "canary_check_value", "The last value of a metric that is judged.", "metric"
        )
        self._check_verdict = self._gauge(
            "canary_check_verdict",
            "1 for the last verdict on a metric, 0 for the others.",
            "metric",
            "verdict",
        )
        self._runs = Counter(
            "tidegate_canary_runs",
            "Runs that have ended, by how.",
            (*_OF_CANARY, "outcome"),
            registry=self._registry,
        )
        self._run_duration = Histogram(
            "tidegate_canary_run_duration_seconds",
            "From a new revision to the run's end.",
            ("outcome",),
            buckets=_RUN_BUCKETS,
            registry=self._registry,
        )

    def _make_call_metrics(self) -> None:
        self._queries = self._calls("query", "Queries of metric stores", "provider")
        self._webhooks = self._calls("webhook", "Calls of hooks, retries included", "type")
        self._api = self._calls("api_request", "Requests to the Kubernetes API", "verb", "resource")
        self._notifications = self._calls("notification", "Attempts to deliver a notice")
        self._given_up = Counter(
            "tidegate_notifications_given_up",
            "Notices that were not delivered in time.",
            registry=self._registry,
        )
        self._queue_depth = Gauge(
            "tidegate_queue_depth", "Canaries that wait for a worker.", registry=self._registry
        )
        self._leader = Gauge(
            "tidegate_leader",
            "1 where this process acts, 0 where it stands by.",
            registry=self._registry,
        )

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"tidegate_{name}", text, (*_OF_CANARY, *labels), registry=self._registry)

    def _calls(self, name: str, text: str, *labels: str) -> tuple[Histogram, Counter]:
        """Make the latency histogram and the error counter of one kind of call."""
        duration = Histogram(
            f"tidegate_{name}_duration_seconds",
            f"{text}: how long they took.",
            labels,
            buckets=_CALL_BUCKETS,
            registry=self._registry,
        )
        errors = Counter(
            f"tidegate_{name}_errors",
            f"{text}: how many failed, and of what.",
            (*labels, "reason"),
            registry=self._registry,
        )
        return duration, errors

    def canary(self, record: CanaryRecord) -> None:
        """Show the status of a Canary, and count the runs that have ended since the last time."""
        place = (record.key.namespace, record.key.name)
        wanted = dict(self._samples(place, record.status))
        shown = self._gauges[place]
        for gauge, labels in shown.keys() - wanted.keys():
            gauge.remove(*labels)
        for (gauge, labels), value in wanted.items():
            gauge.labels(*labels).set(value)
        self._gauges[place] = wanted
        self._count_runs(place, record.status.history)

    def forget(self, key: CanaryKey) -> None:
        """Drop every series of a Canary that is gone."""
        place = (key.namespace, key.name)
        for gauge, labels in self._gauges.pop(place, {}):
            gauge.remove(*labels)
        for outcome in self._outcomes.pop(place, ()):
            self._runs.remove(*place, outcome)
        self._last_runs.pop(place, None)

    def query(self, provider: str, seconds: float, error: str = "") -> None:
        """Count a query; `error` is one word for why it failed."""
        _observe(self._queries, (provider,), seconds, error)

    def webhook(self, hook_type: str, seconds: float, error: str = "") -> None:
        """Count a call of a hook; `error` is its status, or one word."""
        _observe(self._webhooks, (hook_type,), seconds, error)

    def api_request(self, verb: str, resource: str, seconds: float, error: str = "") -> None:
        """Count a request to the Kubernetes API; `error` is its status, or one word."""
        _observe(self._api, (verb, resource), seconds, error)

    def notification(self, outcome: str, seconds: float) -> None:
        """Count an attempt of the outbox: `delivered`, `failed` or `given-up`."""
        if outcome == "given-up":
            self._given_up.inc()
        else:
            _observe(
                self._notifications, (), seconds, "" if outcome == "delivered" else "not-delivered"
            )

    def queue_depth(self, depth: Callable[[], float]) -> None:
        """Ask for the depth of the queue whenever metrics are read."""
        self._queue_depth.set_function(depth)

    def leader(self, acts: Callable[[], bool]) -> None:
        """Ask whether this process acts whenever metrics are read."""
        self._leader.set_function(lambda: float(acts()))

    def page(self, accept: str = "") -> tuple[bytes, str]:
        """Write all metrics in the format that a reader accepts; give its content type."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type

    def _samples(
        self, place: tuple[str, str], status: CanaryStatus
    ) -> Iterator[tuple[_Series, float]]:
        for phase in Phase:
            label = phase.value or NEW_PHASE
            yield (self._phase, (*place, label)), float(phase is status.phase)
        yield (self._weight, (*place, "primary")), float(status.weights.primary)
        yield (self._weight, (*place, "canary")), float(status.weights.canary)
        yield (self._step, place), float(status.step)
        yield (self._failed_checks, place), float(status.failed_checks)
        if status.last_transition_time is not None:
            yield (self._transition, place), status.last_transition_time.timestamp()
        for metric in status.metrics:
            if metric.value is not None:
                yield (self._check_value, (*place, metric.name)), metric.value
            for verdict in Verdict:
                series = (self._check_verdict, (*place, metric.name, verdict.value))
                yield series, float(verdict.value == metric.verdict)

    def _count_runs(self, place: tuple[str, str], history: tuple[RunRecord, ...]) -> None:
        """Count the runs that are newer than the last one seen; the history's newest is first."""
        for run in history:
            if run == self._last_runs.get(place):
                break
            if place not in self._last_runs and self._ended(run) < self._born:
                # It has ended, and was counted, in the life of an earlier process.
                break
            outcome = run.outcome if run.outcome in set(Outcome) else "Unknown"
            self._outcomes[place].add(outcome)
            self._runs.labels(*place, outcome).inc()
            self._run_duration.labels(outcome).observe(run.duration_seconds)
        self._last_runs[place] = history[0] if history else None

    def _ended(self, run: RunRecord) -> datetime:
        if run.started_at is None:
            return datetime.min.replace(tzinfo=UTC)
        return run.started_at + timedelta(seconds=run.duration_seconds)


def _observe(
    calls: tuple[Histogram, Counter], labels: tuple[str, ...], seconds: float, error: str
) -> None:
    duration, errors = calls
    (duration.labels(*labels) if labels else duration).observe(seconds)
    if error:
        errors.labels(*labels, error).inc()
