"""What a log entry says of the Canary that it is about."""

from canary.api.status import CanaryStatus
from canary.controller.canaries import CanaryObject
from canary.tracing.context import RUN, RunTrace, SpanContext, step_part, trace_of, trace_of_number


def about(record: CanaryObject, status: CanaryStatus | None = None) -> dict[str, str]:
    """Name the Canary, and its run with revision and place in the trace while there is one.

    `status` is that of the record where it is left out.
    """
    status = status or record.status
    said = {"canary": str(record.key)}
    if status.run is None:
        return said
    trace = trace_of(record.uid, status.run)
    return said | _of_run(trace, status.run.revision, trace.span(step_part(status)))


def about_run(record: CanaryObject, number: int, revision: str) -> dict[str, str]:
    """Name the Canary, and a run of it by its number, which may have ended."""
    trace = trace_of_number(record.uid, record.status, number)
    said = {"canary": str(record.key)}
    return said | _of_run(trace, revision, trace.span(RUN)) if trace else said


def _of_run(trace: RunTrace, revision: str, span: SpanContext) -> dict[str, str]:
    return {
        "run": trace.run,
        "revision": revision,
        "trace_id": f"{span.trace_id:032x}",
        "span_id": f"{span.span_id:016x}",
    }
