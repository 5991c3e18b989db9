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
from analysis.model import Ask, Memory, Metric, NoData, Outcome, Report, Sample
from analysis.plugins import PluginTable


class Asker(Protocol):
    """Answers the questions of metrics; `Providers` do now, and `Past` does of what has passed."""

    async def ask(self, metric: Metric, at: datetime, ask: Ask | None = None) -> Outcome:
        """Answer a question of a metric about a moment.

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
) -> Report:
    """Ask all questions of all metrics at one moment, and judge each metric by its answers.

    `memories` are those of the report before, by the metric's name. Where a judge counts, it counts
    from where it has left off. Each of `requests` asks for the number of requests of each side,
    which is not judged.

    Raises:
        Busy: something could not be asked, because too many queries wait for its store.
    """

    async def put(metric: Metric, ask: Ask) -> Outcome | Busy:
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
    return replace(
        judged(metrics, answers, memories, judges),
        requests={
            name: {ask.arm: _answered(task.result()) for ask, task in tasks.items()}
            for name, tasks in counting.items()
        },
    )


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
