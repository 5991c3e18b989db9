"""The spans of a run: made of two statuses, with ids that follow from the run.

A span is made when what it tells of has ended, so every replica that sees a part of a run adds to the
same trace, however long the run takes. Names and attributes are those of OpenTelemetry's conventions
for CI/CD; what is called for a run is in `calls.py`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from canary.api.pages import run_page
from canary.api.status import CanaryStatus, Hold, MetricStatus, Outcome, Phase, Run, RunRecord
from canary.core.hooks import GATES
from canary.core.situation import STEPPING
from canary.tracing.context import (
    RUN,
    RunTrace,
    SpanContext,
    read_traceparent,
    step_part,
    trace_before,
    trace_of,
)
from canary.tracing.span import Attribute, RunSpan, SpanEvent, SpanKind

_NAMED = MappingProxyType({Phase.PROMOTING: "promotion", Phase.FINALISING: "drain"})
"""The phases of a run that are spans of their own."""


class Result(StrEnum):
    """How a run or a part of it ended, as the conventions call it."""

    SUCCESS = "success"
    FAILURE = "failure"
    ERROR = "error"
    TIMEOUT = "timeout"
    CANCELLATION = "cancellation"


_RESULTS: Mapping[str, Result] = MappingProxyType(
    {
        Outcome.PROMOTED: Result.SUCCESS,
        Outcome.ROLLED_BACK: Result.FAILURE,
        Outcome.PROMOTION_FAILED: Result.ERROR,
        Outcome.CANCELLED: Result.CANCELLATION,
        Outcome.SUPERSEDED: Result.CANCELLATION,
    }
)
_ENDED_BY_TIME = "DeadlineExceeded"
_DEPLOYMENTS: Mapping[Result, str] = MappingProxyType({Result.SUCCESS: "succeeded"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Traced:
    """The Canary that is traced."""

    group: str
    uid: str
    namespace: str
    name: str
    dashboard: str = ""
    """Where people reach the dashboard; empty where that is not known."""

    def page(self, run: Run) -> str:
        """Give the address of the page that shows a run; empty without a dashboard."""
        path = run_page(self.group, self.namespace, self.name, run.started_at)
        return f"{self.dashboard.rstrip('/')}{path}" if self.dashboard else ""

    @property
    def pipeline(self) -> str:
        """What the conventions call a pipeline: what runs again and again."""
        return f"{self.namespace}/{self.name}"


def spans_between(
    traced: Traced, before: CanaryStatus, after: CanaryStatus, now: datetime
) -> Iterator[RunSpan]:
    """Make the spans of what has ended between two statuses, the run itself last.

    `now` is when the second one was written.
    """
    run = before.run
    if run is None:
        return
    over = after.run is None or after.run.id != run.id
    ended = after.history[0] if over and after.history != before.history else None
    look = _Look(traced=traced, run=run, before=before, after=after, over=over, now=now)
    yield from look.analysis()
    yield from look.gates(ended)
    yield from look.phase()
    yield from look.step(ended)
    if over:
        yield look.whole(ended)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """Two statuses of a Canary that was in a run."""

    traced: Traced
    run: Run
    before: CanaryStatus
    after: CanaryStatus
    over: bool
    """Whether the run has ended in between."""
    now: datetime

    def analysis(self) -> Iterator[RunSpan]:
        """Tell of the judgement of all metrics, with an event for each."""
        known = max((each.at for each in self.before.metrics if each.at), default=None)
        judged = [each for each in self.after.metrics if each.at and (not known or each.at > known)]
        at = max((each.at for each in judged if each.at), default=None)
        if at is None:
            return
        due = self.run.next_analysis_at
        failed = [each for each in judged if each.verdict == "fail"]
        yield self._part(
            f"analysis/{at.isoformat()}",
            "analysis",
            due if due is not None and due < at else at,
            at,
            type_="test",
            result=Result.FAILURE if failed else Result.SUCCESS,
            failure=failed[0].message if failed else "",
            within=step_part(self.before),
            events=tuple(_told(each, at) for each in judged),
        )

    def gates(self, ended: RunRecord | None) -> Iterator[RunSpan]:
        """Tell of the gates that are open now, or that the run has ended at."""
        shut = () if self.over or self.after.run is None else self.after.run.holds
        left = {each.reason for each in shut}
        for hold in self.run.holds:
            if hold.reason in GATES and hold.reason not in left:
                yield self._gate(hold, ended)

    def _gate(self, hold: Hold, ended: RunRecord | None) -> RunSpan:
        opened = ended is None or ended.outcome == Outcome.PROMOTED
        commands = ended.commands if ended else self.after.run.commands if self.after.run else ()
        given = [each for each in commands if each not in self.run.commands]
        return self._part(
            f"gate/{hold.reason}/{hold.since.isoformat()}",
            f"gate {GATES[hold.reason]}",
            hold.since,
            self.now,
            type_="test",
            result=Result.SUCCESS if opened else _result(ended),
            within=step_part(self.before),
            more={"tidegate.answered": given[-1]} if given else {},
        )

    def phase(self) -> Iterator[RunSpan]:
        """Tell of a promotion, or of requests that were given time to end."""
        phase, since = self.before.phase, self.before.last_transition_time
        if phase in _NAMED and since is not None and (self.over or self.after.phase is not phase):
            failed = self.after.phase is Phase.FAILED
            yield self._part(
                f"{_NAMED[phase]}/{since.isoformat()}",
                _NAMED[phase],
                since,
                self.now,
                type_="deploy",
                result=Result.ERROR if failed else Result.SUCCESS,
            )

    def step(self, ended: RunRecord | None) -> Iterator[RunSpan]:
        """Tell of a step that the run has left."""
        part = step_part(self.before)
        if part == RUN:
            return
        going_on = None if self.over or self.after.phase not in STEPPING else self.after.run
        at, of_before = (self.run.step, self.run.step_since), going_on
        if of_before is not None and (of_before.step, of_before.step_since) == at:
            return
        failed = ended is not None and ended.outcome != Outcome.PROMOTED
        yield self._part(
            part,
            f"step {self.run.step}",
            self.run.step_since or self.run.started_at,
            self.now,
            type_="deploy",
            result=_result(ended) if failed else Result.SUCCESS,
            more={"tidegate.weight": self.before.weights.canary},
        )

    def whole(self, ended: RunRecord | None) -> RunSpan:
        """Tell of the run itself."""
        result = _result(ended)
        attributes: dict[str, Attribute] = {
            "cicd.pipeline.name": self.traced.pipeline,
            "cicd.pipeline.action.name": "RUN",
            "cicd.pipeline.run.id": self.run.id,
            "cicd.pipeline.result": result.value,
            "deployment.id": self.run.id,
            "deployment.name": self.traced.name,
            "deployment.status": _DEPLOYMENTS.get(result, "failed"),
            "k8s.namespace.name": self.traced.namespace,
            "tidegate.revision": self.run.revision,
            **self._shown("cicd.pipeline.run.url.full"),
        }
        failure = ""
        if ended is not None and result is not Result.SUCCESS:
            failure = ended.message
            attributes["error.type"] = ended.reason or ended.outcome
        return RunSpan(
            context=self._trace.span(),
            parent=self._trace.parent,
            kind=SpanKind.SERVER,
            name=f"RUN {self.traced.pipeline}",
            start=self.run.started_at,
            end=self.now,
            attributes=attributes,
            failure=failure,
            links=tuple(self._links()),
        )

    @property
    def _trace(self) -> RunTrace:
        return trace_of(self.traced.uid, self.run)

    def _shown(self, attribute: str) -> dict[str, Attribute]:
        """Say where the dashboard shows the run, where there is one."""
        page = self.traced.page(self.run)
        return {attribute: page} if page else {}

    def _links(self) -> Iterator[SpanContext]:
        """Link to the span that the target names, and to the run that this one repeats."""
        if named := read_traceparent(self.run.trace_link):
            yield named
        if before := trace_before(self.traced.uid, self.before, self.run):
            yield before.span()

    def _part(
        self,
        part: str,
        name: str,
        start: datetime,
        end: datetime,
        *,
        type_: str,
        result: Result,
        within: str = RUN,
        failure: str = "",
        events: tuple[SpanEvent, ...] = (),
        more: Mapping[str, Attribute] = MappingProxyType({}),
    ) -> RunSpan:
        return RunSpan(
            context=self._trace.span(part),
            parent=self._trace.span(within),
            name=name,
            start=min(start, end),
            end=end,
            attributes={
                "cicd.pipeline.task.name": name,
                "cicd.pipeline.task.run.id": part,
                "cicd.pipeline.task.run.result": result.value,
                "cicd.pipeline.task.type": type_,
                "k8s.namespace.name": self.traced.namespace,
                **self._shown("cicd.pipeline.task.run.url.full"),
                **more,
            },
            failure=failure,
            events=events,
        )


def _told(metric: MetricStatus, at: datetime) -> SpanEvent:
    attributes: dict[str, Attribute] = {
        "tidegate.metric": metric.name,
        "tidegate.verdict": metric.verdict,
        "tidegate.bound": metric.bound,
    }
    if metric.value is not None:
        attributes["tidegate.value"] = metric.value
    return SpanEvent(name=f"check {metric.name}", at=metric.at or at, attributes=attributes)


def _result(ended: RunRecord | None) -> Result:
    """Say how a run ended; one whose record is lost was cancelled."""
    if ended is None:
        return Result.CANCELLATION
    if ended.reason.endswith(_ENDED_BY_TIME):
        return Result.TIMEOUT
    return _RESULTS.get(ended.outcome, Result.ERROR)
