"""How a run goes, or how it ended: what the first message of its thread says while it is edited."""

from dataclasses import dataclass
from datetime import timedelta

from analysis.model import Verdict
from canary.api.status import CanaryStatus, MetricStatus, Outcome, Run, RunRecord, Severity
from canary.core.gates import held_gates
from canary.views.judged import judged
from canary.views.moments import span

_FAILED = frozenset({Outcome.ROLLED_BACK, Outcome.PROMOTION_FAILED})


@dataclass(frozen=True, slots=True, kw_only=True)
class RunMessage:
    """What a message says of a run."""

    reason: str
    """The phase of a run under way, or the outcome of one that has ended."""
    severity: Severity
    message: str
    revision: str
    images: str
    fields: tuple[tuple[str, str], ...]


def run_message(status: CanaryStatus, number: int) -> RunMessage | None:
    """Say how a run goes, or how it ended; None where the status no longer knows."""
    if status.run is not None and number == status.runs:
        return _going(status, status.run)
    ended = ended_run(status, number)
    return _ended(ended) if ended else None


def ended_run(status: CanaryStatus, number: int) -> RunRecord | None:
    """Find a run that has ended, by its number; None where the status no longer knows it."""
    ago = status.runs - number - (1 if status.run is not None else 0)
    return status.history[ago] if 0 <= ago < len(status.history) else None


def _going(status: CanaryStatus, run: Run) -> RunMessage:
    """Say the cause of a delay first: a metric that does not pass, then what is waited for."""
    held = bool(held_gates(status) or status.paused)
    failing = tuple(each for each in status.metrics if each.verdict != Verdict.PASS)
    told = [_judged(each) for each in failing]
    if status.waiting_for is not None:
        told.append(status.waiting_for.message)
    fields = (
        ("Phase", str(status.phase)),
        ("Weight", f"{status.canary_weight} %"),
        ("Step", f"{status.step} of {status.steps}" if status.steps else ""),
        ("Failed checks", str(status.failed_checks or "")),
        ("Metrics", ", ".join(_value(each) for each in status.metrics)),
        ("Paused", status.paused.by if status.paused else ""),
    )
    return RunMessage(
        reason=str(status.phase),
        severity=Severity.WARN if held or failing else Severity.INFO,
        message="; ".join(told) or "the run goes on",
        revision=run.revision,
        images=run.images,
        fields=tuple((name, value) for name, value in fields if value),
    )


def _ended(run: RunRecord) -> RunMessage:
    took = span(timedelta(seconds=run.duration_seconds))
    return RunMessage(
        reason=run.outcome,
        severity=Severity.ERROR if run.outcome in _FAILED else Severity.INFO,
        message=run.message,
        revision=run.revision,
        images=run.images,
        fields=(("Duration", took),),
    )


def _judged(metric: MetricStatus) -> str:
    return judged(metric.name, metric.message or metric.verdict)


def _value(metric: MetricStatus) -> str:
    value = "no value" if metric.value is None else f"{metric.value:g}"
    return f"{metric.name} {value} ({metric.bound})" if metric.bound else f"{metric.name} {value}"
