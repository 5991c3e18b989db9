"""The controller's metrics, as a table: a test holds it against the controller's own registry."""

from dataclasses import dataclass
from enum import StrEnum

_OF_CANARY = ("namespace", "name")


class Sort(StrEnum):
    """What Prometheus makes of a metric."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedMetric:
    """A metric: its name as queries spell it, without what a histogram adds to it."""

    name: str
    sort: Sort
    text: str
    labels: tuple[str, ...] = ()

    @property
    def series(self) -> tuple[str, ...]:
        """The names that its series have."""
        if self.sort is Sort.HISTOGRAM:
            return tuple(f"{self.name}_{each}" for each in ("bucket", "count", "sum"))
        return (self.name,)


def _counter(name: str, text: str, *labels: str) -> ExportedMetric:
    return ExportedMetric(
        name=f"tidegate_{name}_total", sort=Sort.COUNTER, text=text, labels=labels
    )


def _gauge(name: str, text: str, *labels: str) -> ExportedMetric:
    return ExportedMetric(name=f"tidegate_{name}", sort=Sort.GAUGE, text=text, labels=labels)


def _histogram(name: str, text: str, *labels: str) -> ExportedMetric:
    return ExportedMetric(
        name=f"tidegate_{name}_seconds", sort=Sort.HISTOGRAM, text=text, labels=labels
    )


def _of_canary(name: str, text: str, *labels: str) -> ExportedMetric:
    return _gauge(f"canary_{name}", text, *_OF_CANARY, *labels)


def _calls(
    name: str, text: str, *labels: str, of: tuple[str, ...] = ()
) -> tuple[ExportedMetric, ...]:
    """List the latency and the errors of one kind of call; `of` are labels of the errors alone."""
    return (
        _histogram(f"{name}_duration", f"{text}: how long they took.", *labels),
        _counter(
            f"{name}_errors", f"{text}: how many failed, and of what.", *of, *labels, "reason"
        ),
    )


CATALOGUE: tuple[ExportedMetric, ...] = (
    _gauge("info", "The controller that runs.", "version", "router"),
    _of_canary("phase", "1 for the phase that a Canary is in; others have no series.", "phase"),
    _of_canary(
        "weight",
        "Intended share of traffic in percent, of primary and canary; at rest it has no series.",
        "side",
    ),
    _of_canary(
        "observed_weight",
        "Share of traffic that was seen in percent, where it is measured.",
        "side",
    ),
    _of_canary("step", "The step that a run is at; 0 before the first."),
    _of_canary("steps", "The number of steps that a run has."),
    _of_canary("failed_checks", "Failed analyses of the run so far."),
    _of_canary("last_transition_timestamp_seconds", "When the phase last changed."),
    _of_canary("check_value", "The last value of a metric that is judged.", "metric"),
    _of_canary("check_bound", "Where the value of a metric must lie.", "metric", "side"),
    _of_canary(
        "check_verdict",
        "1 for the last verdict on a metric; others have no series.",
        "metric",
        "verdict",
    ),
    _of_canary(
        "evidence",
        "How many times better a canary that is worse explains what its judge has seen in the run.",
        "metric",
    ),
    _of_canary(
        "evidence_ratio",
        "Between which multiples of the primary's bad rate the canary's lies, by 95 %.",
        *("metric", "bound"),
    ),
    _of_canary(
        "info", "1; what a Canary releases, and by which router.", "target_kind", "target", "router"
    ),
    _of_canary("last_run_timestamp_seconds", "When the last run ended.", "outcome"),
    _of_canary("waiting_since_timestamp_seconds", "When the wait began.", "reason"),
    _of_canary(
        "deadline_timestamp_seconds", "When the wait ends with the run's failure.", "reason"
    ),
    _of_canary("paused", "1 while a person has paused the run."),
    _of_canary("invalid", "1 while the spec cannot be acted on."),
    _counter("canary_runs", "Runs that have ended, by how.", *_OF_CANARY, "outcome"),
    _histogram("canary_run_duration", "From a new revision to the run's end.", "outcome"),
    _histogram(
        "canary_lead_time",
        "From a commit, where the target says when it was made, to its promotion.",
    ),
    _counter(
        "commands",
        "Commands that were obeyed or refused, by verb and tool.",
        *("verb", "accepted", "tool"),
    ),
    _histogram("reconcile_lag", "How long a Canary that has something to do waits for a worker."),
    *_calls("reconcile", "Work on a Canary, with what it asks and writes"),
    *_calls("query", "Queries of metric stores", "provider", of=_OF_CANARY),
    *_calls("webhook", "Calls of hooks, retries included", "type", of=_OF_CANARY),
    *_calls("api_request", "Requests to the Kubernetes API", "verb", "resource"),
    *_calls("notification", "Attempts to deliver a notice, and edits of messages", "type", "kind"),
    _counter("notifications_given_up", "Notices that were not delivered in time.", "type"),
    _counter("run_record_lines_written", "Lines of run records that were written."),
    _counter("run_record_lines_lost", "Lines of run records that the store did not take."),
    _counter("trace_spans_dropped", "Spans that the collector of traces did not take."),
    _gauge("queue_depth", "Canaries that wait for a worker."),
    _gauge(
        "calls_waiting",
        "Queries of metric stores and calls of hooks that wait for their turn.",
        "kind",
    ),
    _gauge("leader", "1 where this process acts, 0 where it stands by."),
    _gauge("canaries_owned", "Canaries that this process acts on."),
    _gauge("members", "Processes that share the Canaries, as far as this one knows."),
    _gauge(
        "objects",
        "Objects of a kind that the controller follows, by whether they are a Canary's or another's.",
        *("kind", "owner"),
    ),
    _gauge(
        "objects_fullest_namespace",
        "Objects of a kind in the namespace that has the most of them, with those of all owners.",
        *("kind", "namespace"),
    ),
    _gauge(
        "admission_certificate_end_timestamp_seconds",
        "When the certificate of the admission webhook ends; NaN where there is none.",
    ),
)
