"""The controller's own metrics, in a registry of their own.

What is shown of each Canary is in `gauges.py`; a series of a Canary goes with it.
Long because it is one page: each metric is a few lines.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from math import nan

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import choose_encoder

from analysis.errors import FailureKind
from canary.api.annotations import VERBS
from canary.api.status import CanaryStatus, CommandRecord, Outcome, RunRecord
from canary.controller.canaries import CanaryKey, CanaryObject, CanaryRecord
from canary.controller.counters import CanaryCounters
from canary.controller.gauges import About, CanaryGauges, Place, ended_at, outcome_of
from canary.controller.listeners import Listener
from canary.controller.receivers import EVENT_TYPE, HOOK_TYPE, UNKNOWN_TYPE
from canary.controller.tallies import ObjectCollector, Tallies
from canary.notifiers import NOTIFIERS

_RUN_BUCKETS = (30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 43200, 86400)
_LEAD_BUCKETS = (300, 900, 1800, 3600, 10800, 21600, 43200, 86400, 172800, 604800, 1209600, 2592000)
_CALL_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_NOT_DELIVERED = "not-delivered"
ALERT, UPDATE = "alert", "update"
"""What a notification is: a message of its own, or an edit of the one that a run has."""
_OF_CANARY = ("namespace", "name")
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_TOOLS = frozenset({"argocd", "cli", "dashboard", "link", "slack"})
"""Tools that sign commands; what else a signature names makes no series of its own."""


class Metrics(Listener):
    """What the controller tells Prometheus."""

    def __init__(
        self,
        *,
        version: str,
        router: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        # When each series began doubles the page, and has no reader.
        disable_created_metrics()
        self._registry = CollectorRegistry()
        self._born = clock()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        Info("tidegate", "The controller that runs.", registry=self._registry).info(
            {"version": version, "router": router}
        )
        self._gauges = CanaryGauges()
        self._make_run_metrics()
        self._make_work_metrics()
        self._make_call_metrics()
        self._counters = CanaryCounters()
        self._last_runs: dict[Place, int | None] = {}
        """The hash of the last run that was seen: a number is all that is kept of it."""
        self._last_commands: dict[Place, datetime] = {}

    def _make_run_metrics(self) -> None:
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

        self._lead_time = Histogram(
            "tidegate_canary_lead_time_seconds",
            "From a commit, where the target says when it was made, to its promotion.",
            buckets=_LEAD_BUCKETS,
            registry=self._registry,
        )
        self._commands = Counter(
            "tidegate_commands",
            "Commands that were obeyed or refused, by verb and tool.",
            ("verb", "accepted", "tool"),
            registry=self._registry,
        )

    def _make_work_metrics(self) -> None:
        self._lag = Histogram(
            "tidegate_reconcile_lag_seconds",
            "How long a Canary that has something to do waits for a worker.",
            buckets=_CALL_BUCKETS,
            registry=self._registry,
        )
        self._reconciles = self._calls(
            "reconcile", "Work on a Canary, with what it asks and writes"
        )

    def _make_call_metrics(self) -> None:
        self._queries = self._calls_of_canaries("query", "Queries of metric stores", "provider")
        self._webhooks = self._calls_of_canaries(
            "webhook", "Calls of hooks, retries included", "type"
        )
        self._api = self._calls("api_request", "Requests to the Kubernetes API", "verb", "resource")
        self._notifications = self._calls(
            "notification", "Attempts to deliver a notice, and edits of messages", "type", "kind"
        )
        self._given_up = Counter(
            "tidegate_notifications_given_up",
            "Notices that were not delivered in time.",
            ("type",),
            registry=self._registry,
        )
        errors, notifiers = self._notifications[1], NOTIFIERS.names()
        for each in (EVENT_TYPE, HOOK_TYPE, UNKNOWN_TYPE, *notifiers):
            self._given_up.labels(each)
            errors.labels(each, ALERT, _NOT_DELIVERED)
        for each in notifiers:
            errors.labels(each, UPDATE, _NOT_DELIVERED)
        self._spans_dropped = Counter(
            "tidegate_trace_spans_dropped",
            "Spans that the collector of traces did not take.",
            registry=self._registry,
        )
        self._record_lines = Counter(
            "tidegate_run_record_lines_written",
            "Lines of run records that were written.",
            registry=self._registry,
        )
        self._record_lines_lost = Counter(
            "tidegate_run_record_lines_lost",
            "Lines of run records that the store did not take.",
            registry=self._registry,
        )
        self._queue_depth = Gauge(
            "tidegate_queue_depth", "Canaries that wait for a worker.", registry=self._registry
        )
        self._waiting = Gauge(
            "tidegate_calls_waiting",
            "Queries of metric stores and calls of hooks that wait for their turn.",
            ("kind",),
            registry=self._registry,
        )
        self._leader = Gauge(
            "tidegate_leader",
            "1 where this process acts, 0 where it stands by.",
            registry=self._registry,
        )
        self._owned = Gauge(
            "tidegate_canaries_owned",
            "Canaries that this process acts on.",
            registry=self._registry,
        )
        self._members = Gauge(
            "tidegate_members",
            "Processes that share the Canaries, as far as this one knows.",
            registry=self._registry,
        )
        self._objects = ObjectCollector()
        self._registry.register(self._objects)
        self._certificate = Gauge(
            "tidegate_admission_certificate_end_timestamp_seconds",
            "When the certificate of the admission webhook ends; NaN where there is none.",
            registry=self._registry,
        )
        self._certificate.set(nan)

    def _calls(self, name: str, text: str, *labels: str) -> tuple[Histogram, Counter]:
        """Make the latency histogram and the error counter of one kind of call."""
        return self._duration(name, text, *labels), self._errors(name, text, *labels)

    def _calls_of_canaries(self, name: str, text: str, label: str) -> tuple[Histogram, Counter]:
        """Do the same for calls that are made for a Canary, which errors name."""
        return self._duration(name, text, label), self._errors(name, text, *_OF_CANARY, label)

    def _duration(self, name: str, text: str, *labels: str) -> Histogram:
        return Histogram(
            f"tidegate_{name}_duration_seconds",
            f"{text}: how long they took.",
            labels,
            buckets=_CALL_BUCKETS,
            registry=self._registry,
        )

    def _errors(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(
            f"tidegate_{name}_errors",
            f"{text}: how many failed, and of what.",
            (*labels, "reason"),
            registry=self._registry,
        )

    def decided(self, record: CanaryObject) -> None:
        """Show the status of a Canary, and count the runs that have ended since the last time."""
        place = (record.key.namespace, record.key.name)
        self._gauges.show(place, record.status, _about(record))
        for outcome in Outcome if record.status.run is not None else ():
            self._counters.expect(place, (self._runs, (*place, outcome)))
        self._count_runs(place, record.status)
        if record.status.run is None:
            self._counters.expect_nothing(place)
        self._count_commands(place, record.status.commands)

    def awaiting(self, record: CanaryObject) -> None:
        """Show a Canary that is met in the middle of a run, after a restart."""
        self.decided(record)

    def forget(self, key: CanaryKey) -> None:
        """Drop every series of a Canary that is gone."""
        place = (key.namespace, key.name)
        self._gauges.forget(place)
        self._counters.forget(place)
        self._last_runs.pop(place, None)
        self._last_commands.pop(place, None)

    def reconciled(self, waited_seconds: float, worked_seconds: float, error: str = "") -> None:
        """Count a piece of work on a Canary; `error` is one word for why it is tried again."""
        self._lag.observe(waited_seconds)
        _observe(self._reconciles, (), worked_seconds, error)

    def query(self, provider: str, seconds: float, error: str = "", *, place: Place) -> None:
        """Count a query for a Canary; `error` is one word for why it failed."""
        self._observe(self._queries, provider, seconds, error, place, FailureKind)

    def webhook(self, hook_type: str, seconds: float, error: str = "", *, place: Place) -> None:
        """Count a call of a hook for a Canary; `error` is its status, or one word."""
        self._observe(self._webhooks, hook_type, seconds, error, place)

    def api_request(self, verb: str, resource: str, seconds: float, error: str = "") -> None:
        """Count a request to the Kubernetes API; `error` is its status, or one word."""
        _observe(self._api, (verb, resource), seconds, error)

    def notification(self, outcome: str, seconds: float, type_: str, kind: str = ALERT) -> None:
        """Count an attempt to tell a receiver of a type: `delivered`, `failed` or `given-up`."""
        if outcome == "given-up":
            self._given_up.labels(type_).inc()
        else:
            error = "" if outcome == "delivered" else _NOT_DELIVERED
            _observe(self._notifications, (type_, kind), seconds, error)

    def spans_dropped(self, count: int) -> None:
        """Count spans that were not sent."""
        self._spans_dropped.inc(count)

    def record_lines_written(self, count: int) -> None:
        """Count lines of run records that were written."""
        self._record_lines.inc(count)

    def record_lines_lost(self, count: int) -> None:
        """Count lines of run records that are not recorded."""
        self._record_lines_lost.inc(count)

    def queue_depth(self, depth: Callable[[], float]) -> None:
        """Ask for the depth of the queue whenever metrics are read."""
        self._queue_depth.set_function(depth)

    def waiting(self, kind: str, count: Callable[[], float]) -> None:
        """Ask how many calls of a kind (`query`, `hook`) wait whenever metrics are read."""
        self._waiting.labels(kind).set_function(count)

    def authority(
        self, acts: Callable[[], bool], owned: Callable[[], int], members: Callable[[], int]
    ) -> None:
        """Ask whether this process acts, on how many, and among how many, when metrics are read."""
        self._leader.set_function(lambda: float(acts()))
        self._owned.set_function(lambda: float(owned()))
        self._members.set_function(lambda: float(members()))

    def objects(self, tallies: Tallies) -> None:
        """Ask how many objects there are whenever metrics are read; they are counted before."""
        self._objects.tallies = tallies

    def certificate(self, end: Callable[[], float]) -> None:
        """Ask when the certificate of the admission webhook ends, when metrics are read."""
        self._certificate.set_function(end)

    def page(self, accept: str = "") -> tuple[bytes, str]:
        """Write all metrics in the format that a reader accepts; give its content type."""
        encode, content_type = choose_encoder(accept)
        # What the encoder writes ends with the mark of the page's end, where the format has one.
        return self._gauges.page() + encode(self._registry), content_type

    def _observe(
        self,
        calls: tuple[Histogram, Counter],
        label: str,
        seconds: float,
        error: str,
        place: Place,
        reasons: Iterable[str] = (),
    ) -> None:
        duration, errors = calls
        duration.labels(label).observe(seconds)
        # What comes in for a Canary that is gone makes no series, because none would be removed.
        known = place if place in self._last_runs else ("", "")
        if known == place:
            for reason in reasons:
                self._counters.expect(known, (errors, (*known, label, reason)))
        if error:
            self._counters.count(known, (errors, (*known, label, error)))

    def _count_runs(self, place: Place, status: CanaryStatus) -> None:
        """Count the runs that are newer than the last one seen; the history's newest is first."""
        history = status.history
        for run in history:
            if hash(run) == self._last_runs.get(place):
                break
            if place not in self._last_runs and (ended_at(run) or _LONG_AGO) < self._born:
                # It has ended, and was counted, in the life of an earlier process.
                break
            outcome = outcome_of(run)
            self._counters.count(place, (self._runs, (*place, outcome)))
            self._run_duration.labels(outcome).observe(run.duration_seconds)
            self._measure_lead(run, status)
        self._last_runs[place] = hash(history[0]) if history else None

    def _measure_lead(self, run: RunRecord, status: CanaryStatus) -> None:
        """Tell how long a promoted commit took, if its time is known: that of the revision at hand."""
        committed, ended = status.committed_at, ended_at(run)
        promoted = run.outcome == Outcome.PROMOTED and run.revision == status.last_applied_spec
        if promoted and committed is not None and ended is not None and ended >= committed:
            self._lead_time.observe((ended - committed).total_seconds())

    def _count_commands(self, place: Place, records: tuple[CommandRecord, ...]) -> None:
        """Count the commands that are newer than the last ones seen."""
        seen = self._last_commands.get(place, self._born)
        for record in records:
            if record.at > seen:
                tool = record.tool if record.tool in _TOOLS else "other"
                verb = record.verb if record.verb in VERBS else "other"
                self._commands.labels(verb, str(record.accepted).lower(), tool).inc()
        self._last_commands[place] = max((seen, *(record.at for record in records)))


def _about(record: CanaryObject) -> About:
    """Say what the spec asks for, where it can be read."""
    if not isinstance(record, CanaryRecord):
        return About()
    spec, metrics = (
        record.canary.spec,
        () if record.problems else record.canary.spec.analysis.metrics,
    )
    return About(
        target_kind=spec.target_ref.kind,
        target=record.target,
        router=record.provider,
        bounds={each.name: each.bounds for each in metrics},
    )


def _observe(
    calls: tuple[Histogram, Counter], labels: tuple[str, ...], seconds: float, error: str
) -> None:
    duration, errors = calls
    (duration.labels(*labels) if labels else duration).observe(seconds)
    if error:
        errors.labels(*labels, error).inc()
