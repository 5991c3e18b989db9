"""Calls for a run as spans: timed here, made by `canary/tracing`, and sent where there is a collector."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from analysis.engine import Asker, CheckResumer
from analysis.model import Ask, Metric, Outcome, QueryFailure, Started
from analysis.resuming import Resumed
from canary.api.people import Webhook
from canary.controller.about import about
from canary.controller.canaries import CanaryObject
from canary.core.needs import AskHooks
from canary.hooks import HookResult
from canary.tracing.calls import TracedCall, named_query
from canary.tracing.context import (
    RUN,
    RunTrace,
    step_part,
    trace_of,
    trace_of_number,
)
from canary.tracing.span import RunSpan

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TracedHook:
    """A call of a hook; without a collector, or a run, it is no span."""

    hook: Webhook
    call: TracedCall | None
    calls: "Calls"

    @property
    def traceparent(self) -> str:
        """The header by which its receiver adds to the run's trace.

        Empty where no span is sent: receivers would take its flag for a wish not to trace either.
        """
        return self.call.context.traceparent if self.call else ""

    def end(self, result: HookResult) -> None:
        """Tell that the call was answered."""
        if self.call is not None:
            self.calls.put(
                self.call.hook(
                    self.hook,
                    status=result.status,
                    passed=result.passed,
                    message=result.message,
                    end=self.calls.clock(),
                )
            )


@dataclass(frozen=True, slots=True)
class _Queries:
    """Asks as another does, for one Canary; what is not answered is logged."""

    asker: Asker
    record: CanaryObject
    calls: "Calls"

    async def ask(self, metric: Metric, at: datetime, ask: Ask | None = None) -> Outcome:
        """Answer a question of a metric about a moment.

        Raises:
            Busy: too many queries wait for its store; this one was not put.
        """
        began = self.calls.clock()
        outcome = await self.asker.ask(metric, at, ask)
        self.calls.answered(self.record, metric, ask or metric.asks[0], outcome, began)
        return outcome


@dataclass(frozen=True, slots=True)
class _Checks:
    """Goes on with checks as another does, for one Canary; what is not answered is logged."""

    checker: CheckResumer
    record: CanaryObject
    calls: "Calls"

    def resumes(self, metric: Metric) -> bool:
        """Tell whether what a metric asks takes its store long."""
        return self.checker.resumes(metric)

    async def resume(self, metric: Metric, at: datetime, started: Started) -> Resumed:
        """Start a check where it has no handle yet, or else ask what has come of it.

        Raises:
            Busy: too many queries wait for its store; this one was not put.
        """
        began = self.calls.clock()
        resumed = await self.checker.resume(metric, at, started)
        self.calls.answered(self.record, metric, metric.asks[0], resumed.outcome, began)
        return resumed


@dataclass(frozen=True, slots=True)
class Calls:
    """Makes spans of calls. Without `send` there is no collector, and all goes on untraced.

    `hear` gets each question that was answered, the answer, and how many seconds that took.
    """

    send: Callable[[RunSpan], None] | None = None
    hear: Callable[[CanaryObject, Metric, Ask, Outcome, float], None] | None = None
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def put(self, span: RunSpan) -> None:
        """Send a span, where there is a collector."""
        if self.send is not None:
            self.send(span)

    def asked(self, record: CanaryObject, need: AskHooks, hook: Webhook) -> TracedHook:
        """Begin the call of a hook that a decision waits for; its run may not be written yet."""
        status, run = record.status, need.subject.run
        known = status.run is not None and run is not None and status.run.id == run.id
        trace = trace_of(record.uid, run) if run else None
        return self._hook(hook, trace, step_part(status) if known else RUN, need.key)

    def told(self, record: CanaryObject, hook: Webhook, notice: str, run: int) -> TracedHook:
        """Begin the call of a hook that hears of a notice; it may come after the end of its run."""
        return self._hook(hook, trace_of_number(record.uid, record.status, run), RUN, notice)

    def queries(self, asker: Asker, record: CanaryObject) -> Asker:
        """Have the questions of the analysis that is due told."""
        return _Queries(asker, record, self)

    def checks(self, checker: CheckResumer, record: CanaryObject) -> CheckResumer:
        """Have what the analysis that is due starts, or polls, told."""
        return _Checks(checker, record, self)

    def answered(
        self, record: CanaryObject, metric: Metric, ask: Ask, outcome: Outcome, began: datetime
    ) -> None:
        """Tell of a question that was put at a moment, and is answered by now."""
        run = record.status.run
        if isinstance(outcome, QueryFailure):
            log.warning("query of %s: %s", metric.name, outcome.reason, extra=about(record))
        if run is not None:
            call = TracedCall(
                trace=trace_of(record.uid, run),
                within=step_part(record.status),
                named=named_query(metric, ask),
                began=began,
            )
            self.put(call.query(metric, outcome, self.clock()))
        if self.hear is not None:
            self.hear(record, metric, ask, outcome, (self.clock() - began).total_seconds())

    def _hook(self, hook: Webhook, trace: RunTrace | None, within: str, key: str) -> TracedHook:
        if self.send is None or trace is None:
            return TracedHook(hook, None, self)
        named = f"hook/{key}/{hook.name}"
        return TracedHook(
            hook, TracedCall(trace=trace, within=within, named=named, began=self.clock()), self
        )
