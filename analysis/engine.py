"""The engine: asks for all metrics of an analysis at the same time, then judges them.

Judging is pure, in `judging.py`; asking is in `asking.py`. What a value means belongs to the judges.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from analysis.errors import Busy
from analysis.judges import JUDGES, Judge
from analysis.judging import NOTHING_KEPT, judged, posed
from analysis.model import Ask, Check, Memory, Metric, NoData, Outcome, Report, Sample, Started
from analysis.plugins import PluginTable
from analysis.resuming import Resumed, Resuming


class Asker(Protocol):
    """Answers the questions of metrics; `Providers` do now, and `Past` does of what has passed."""

    async def ask(self, metric: Metric, at: datetime, ask: Ask | None = None) -> Outcome:
        """Answer a question of a metric about a moment.

        Raises:
            Busy: too many queries wait for its store; this one was not put.
        """


class CheckResumer(Protocol):
    """Goes on with what takes stores long; `Checks` do."""

    def resumes(self, metric: Metric) -> bool:
        """Tell whether what a metric asks takes its store long."""

    async def resume(self, metric: Metric, at: datetime, started: Started) -> Resumed:
        """Start a check where it has no handle yet, or else ask what has come of it.

        Raises:
            Busy: too many queries wait for its store; this one was not put.
        """


async def analyse(
    metrics: Sequence[Metric],
    providers: Asker,
    at: datetime,
    *,
    memories: Mapping[str, Memory] = NOTHING_KEPT,
    judges: PluginTable[Judge] = JUDGES,
    requests: Sequence[Metric] = (),
    checks: CheckResumer | None = None,
    resuming: Resuming | None = None,
) -> Report:
    """Ask all questions of all metrics at one moment, and judge each metric by its answers.

    `memories` are those of the report before, by the metric's name. Where a judge counts, it counts
    from where it has left off. Each of `requests` asks for the number of requests of each side,
    which is not judged.

    With `checks`, and `resuming` that says what was started before, what takes a store long is
    polled, and started where it was not. Without them it is asked like any other question, and has
    to be answered within the time limit.

    Raises:
        Busy: something could not be asked, because too many queries wait for its store.
    """
    resumed: dict[str, Started | None] = {}

    async def put(metric: Metric, ask: Ask) -> Outcome | Busy:
        if checks is not None and resuming is not None and checks.resumes(metric):
            try:
                answer = await checks.resume(metric, at, resuming.of(metric.name, at))
            except Busy as busy:
                return busy
            resumed[metric.name] = answer.started
            return answer.outcome
        since = None if ask.since is None else ask.since - ask.earlier
        try:
            outcome = await providers.ask(metric, at - ask.earlier, replace(ask, since=since))
        except Busy as busy:
            return busy
        return _brought_up(outcome, ask.earlier) if ask.earlier else outcome

    metrics = posed(metrics, at, memories, judges)
    async with asyncio.TaskGroup() as group:
        asked = [
            {ask: group.create_task(put(metric, ask)) for ask in metric.asks} for metric in metrics
        ]
        counting = {
            each.name: {ask: group.create_task(put(each, ask)) for ask in each.asks}
            for each in requests
        }
    answers = [{ask: _answered(task.result()) for ask, task in tasks.items()} for tasks in asked]
    report = judged(metrics, answers, memories, judges)
    return replace(
        report,
        checks=tuple(_told(check, resumed.get(check.metric)) for check in report.checks),
        started=resumed,
        requests={
            name: {ask.arm: _answered(task.result()) for ask, task in tasks.items()}
            for name, tasks in counting.items()
        },
    )


def _told(check: Check, started: Started | None) -> Check:
    """Say of a check that its store works on it; an outage meanwhile is one like any other."""
    return check if started is None or check.unanswered else replace(check, pending=True)


def _answered(outcome: Outcome | Busy) -> Outcome:
    """Give an answer; nothing is judged before everything could be asked."""
    if isinstance(outcome, Busy):
        raise outcome
    return outcome


def _brought_up(outcome: Outcome, earlier: timedelta) -> Outcome:
    """Take what was asked about an earlier moment for an answer about now."""
    match outcome:
        case Sample():
            return replace(outcome, at=outcome.at + earlier)
        case NoData() if outcome.known_from is not None:
            return replace(outcome, known_from=outcome.known_from + earlier)
    return outcome
