"""The lines of a run's record: what two statuses differ in, and what was asked and answered.

A line is a map with `kind` and `at`. In lines of a kind keys are only ever added.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite, isnan

from analysis.judges import evidence
from analysis.model import Ask, Metric, NoData, Outcome, Sample
from analysis.secrecy import hide_suspicious
from canary.api.status import (
    BudgetRecord,
    CanaryStatus,
    CommandRecord,
    MetricStatus,
    Notice,
    Run,
    RunRecord,
)

Line = dict[str, object]


@dataclass(frozen=True, slots=True)
class RunLine:
    """A line, and the run that it is of."""

    run: str
    line: Line


def opened(status: CanaryStatus, run: Run, *, resumed: bool) -> RunLine:
    """Say where a run is when its record is opened: at its begin, or by who takes it over."""
    line: Line = {
        "kind": "resumed" if resumed else "begun",
        "revision": run.revision,
        "images": run.images,
        "startedAt": run.started_at,
        "steps": status.steps,
        **_place(status),
    }
    if resumed:
        line["metrics"] = [_verdict(each) for each in status.metrics]
    return RunLine(run.id, line)


def lines_between(before: CanaryStatus, after: CanaryStatus) -> Iterator[RunLine]:
    """Give the lines of what has changed from one status to the next, in the order of its causes."""
    run, next_run = before.run, after.run
    if run is not None:
        over = next_run is None or next_run.id != run.id
        yield from (RunLine(run.id, line) for line in _of_run(run, before, after, over=over))
        if not over:
            return
    if next_run is not None:
        yield opened(after, next_run, resumed=False)
        told = _told(next_run, before, after)
        yield from (RunLine(next_run.id, line) for line in told)


def sample(metric: Metric, ask: Ask, outcome: Outcome, *, seconds: float) -> Line:
    """Say what a metric store was asked, and what it answered."""
    return {
        "kind": "sample",
        "metric": metric.name,
        "provider": metric.provider.type,
        "arm": ask.arm,
        "signal": ask.signal,
        "query": hide_suspicious(metric.provider.redact(ask.query)),
        "since": ask.since,
        "seconds": round(seconds, 3),
        **_answer(outcome),
    }


def _answer(outcome: Outcome) -> Line:
    if isinstance(outcome, Sample):
        return {
            "outcome": "value",
            "value": number(outcome.value),
            "valueAt": outcome.at,
            "warnings": list(outcome.warnings),
        }
    if isinstance(outcome, NoData):
        return {"outcome": "noData", "reason": outcome.reason}
    return {"outcome": "failure", "failure": outcome.kind, "reason": outcome.reason}


def number(value: float | None) -> float | str | None:
    """Write a number; JSON has no word for NaN and the infinities."""
    if value is None or isfinite(value):
        return value
    return "NaN" if isnan(value) else "+Inf" if value > 0 else "-Inf"


def _of_run(run: Run, before: CanaryStatus, after: CanaryStatus, *, over: bool) -> Iterator[Line]:
    known = {each.name: each.at for each in before.metrics}
    for metric in after.metrics:
        if metric.at is not None and metric.at != known.get(metric.name):
            yield {"kind": "verdict"} | _verdict(metric)
    yield from _told(run, before, after)
    if _place(before) != _place(after):
        yield {"kind": "decision"} | _place(after)
    if over:
        new = after.history[:1] if after.history[:1] != before.history[:1] else ()
        yield {"kind": "ended"} | (_ending(new[0]) if new else {})


def _told(run: Run, before: CanaryStatus, after: CanaryStatus) -> Iterator[Line]:
    """Give what was asked of a run, and the notices of it that people get."""
    budgets = before.run.budgets if before.run is not None else ()
    for budget in after.run.budgets if after.run is not None and after.run.id == run.id else ():
        if budget not in budgets:
            yield _budget(budget)
    commands = {(each.verb, each.at) for each in before.commands}
    # The newest comes first.
    for command in reversed(after.commands):
        if (command.verb, command.at) not in commands:
            yield _command(command)
    notices = {each.id for each in before.notices}
    for notice in after.notices:
        if notice.id not in notices and run.id.startswith(f"{notice.run}-"):
            yield _notice(notice)


def _place(status: CanaryStatus) -> Line:
    """Say where a run is, and what it waits for."""
    wait, paused = status.waiting_for, status.paused
    return {
        "phase": status.phase,
        "stage": status.stage.name if status.stage else None,
        "step": status.step,
        "weight": status.weights.canary,
        "mirror": status.weights.mirror,
        "iterations": status.iterations,
        "failedChecks": status.failed_checks,
        "waitingFor": wait.reason if wait else None,
        "waiting": wait.message if wait else "",
        "paused": paused.by if paused else None,
    }


def _verdict(metric: MetricStatus) -> Line:
    return {
        "metric": metric.name,
        "verdict": metric.verdict,
        "value": metric.value,
        "bound": metric.bound,
        "message": metric.message,
        "judgedAt": metric.at,
        "shadow": bool(metric.shadow),
        "judge": metric.judge,
        "evidence": list(evidence(metric.judge, metric.memory or {})) if metric.judge else [],
        "memory": metric.memory,
    }


def _budget(budget: BudgetRecord) -> Line:
    return {
        "kind": "budget",
        "policy": budget.policy,
        "metric": budget.metric,
        "verdict": budget.verdict,
        "value": budget.value,
        "bound": budget.bound,
        "message": budget.message,
        "judgedAt": budget.at,
    }


def _command(command: CommandRecord) -> Line:
    return {
        "kind": "command",
        "verb": command.verb,
        "user": command.user,
        "tool": command.tool,
        "reason": command.reason,
        "verified": command.verified,
        "accepted": command.accepted,
        "message": command.message,
        "givenAt": command.at,
    }


def _notice(notice: Notice) -> Line:
    return {
        "kind": "notice",
        "reason": notice.reason,
        "severity": notice.severity,
        "message": notice.message,
        "id": notice.id,
    }


def _ending(record: RunRecord) -> Line:
    return {
        "outcome": record.outcome,
        "reason": record.reason,
        "message": record.message,
        "durationSeconds": record.duration_seconds,
        "budgetsSpent": {each.metric: each.percent for each in record.budgets_spent},
    }
