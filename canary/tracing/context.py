"""Which trace a run is, and what names its spans.

Ids are hashes of the Canary's uid, the run and the part, so that every replica finds the same ones
without asking. Only the trace of a run that is part of its pipeline's is the pipeline's.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

from canary.api.status import TRACEPARENT, CanaryStatus, Run, RunRecord, run_id
from canary.core.situation import STEPPING

RUN = "run"
"""The part that is the run itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanContext:
    """A span, as others name it."""

    trace_id: int
    span_id: int

    @property
    def traceparent(self) -> str:
        """The header, by W3C's Trace Context, of a call that is part of this span."""
        return f"00-{self.trace_id:032x}-{self.span_id:016x}-01"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTrace:
    """The trace of a run."""

    uid: str
    """Of the Canary."""
    run: str
    """The id of the run."""
    parent: SpanContext | None = None
    """The span of the pipeline that the run is part of."""

    @property
    def trace_id(self) -> int:
        """The id of the trace: of the pipeline where the run is part of it."""
        if self.parent is not None:
            return self.parent.trace_id
        return _hashed(f"{self.uid}/{self.run}", 16)

    def span(self, part: str = RUN) -> SpanContext:
        """Name the span of a part."""
        return SpanContext(
            trace_id=self.trace_id, span_id=_hashed(f"{self.uid}/{self.run}/{part}", 8)
        )


def read_traceparent(text: str) -> SpanContext | None:
    """Read a traceparent of the known form; None where it names no span."""
    if not re.fullmatch(TRACEPARENT, text):
        return None
    _, trace, span, _ = text.split("-")
    context = SpanContext(trace_id=int(trace, 16), span_id=int(span, 16))
    return context if context.trace_id and context.span_id else None


def trace_of(uid: str, run: Run) -> RunTrace:
    """Give the trace of the run under way."""
    return RunTrace(uid=uid, run=run.id, parent=read_traceparent(run.trace_parent))


def trace_of_number(uid: str, status: CanaryStatus, number: int) -> RunTrace | None:
    """Give the trace of a run by its number; None where the status no longer knows the run."""
    return next((trace for each, trace in _traces(uid, status) if each == number), None)


def trace_before(uid: str, status: CanaryStatus, run: Run) -> RunTrace | None:
    """Give the trace of the run before the one under way, where both are of one revision."""
    before = trace_of_number(uid, status, status.runs - 1)
    if before is None or before.run != run_id(status.runs - 1, run.revision):
        return None
    return before


def _traces(uid: str, status: CanaryStatus) -> Iterator[tuple[int, RunTrace]]:
    number = status.runs
    if status.run is not None:
        yield number, trace_of(uid, status.run)
        number -= 1
    for place, record in enumerate(status.history):
        yield number - place, _of_record(uid, number - place, record)


def _of_record(uid: str, number: int, record: RunRecord) -> RunTrace:
    parent = read_traceparent(record.trace_parent)
    return RunTrace(uid=uid, run=run_id(number, record.revision), parent=parent)


def step_part(status: CanaryStatus) -> str:
    """Name the step that the run is at; the run itself before the first, and in its promotion."""
    run = status.run
    if run is None or not run.step or status.phase not in STEPPING:
        return RUN
    return f"step/{run.step}/{run.step_since.isoformat() if run.step_since else ''}"


def _hashed(text: str, length: int) -> int:
    return int.from_bytes(sha256(text.encode()).digest()[:length])
