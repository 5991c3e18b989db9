"""The engine: asks for all metrics of an analysis at the same time, then judges them.

Judging is pure; asking is in `asking.py`. What a value means belongs to the judges.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType

from analysis.asking import Providers
from analysis.errors import Busy, FailureKind
from analysis.judges import JUDGES, Judge, counts
from analysis.model import (
    MEMORY_BYTES,
    Ask,
    Check,
    Judgement,
    Memory,
    Metric,
    Outcome,
    QueryFailure,
    Report,
    marked,
    memory_bytes,
)
from analysis.plugins import PluginTable
from analysis.tally import counted_to

#: The longest time that is counted at once: after a longer pause the rest is left out on both sides.
LONGEST_BLOCK = timedelta(hours=1)

NOTHING_KEPT: Mapping[str, Memory] = MappingProxyType({})


async def analyse(
    metrics: Sequence[Metric],
    providers: Providers,
    at: datetime,
    *,
    memories: Mapping[str, Memory] = NOTHING_KEPT,
    judges: PluginTable[Judge] = JUDGES,
    requests: Metric | None = None,
) -> Report:
    """Ask all questions of all metrics at one moment, and judge each metric by its answers.

    `memories` are those of the report before, by the metric's name. Where a judge counts, it counts
    from where it has left off. `requests` asks for the number of requests of each side, which is
    not judged.

    Raises:
        Busy: something could not be asked, because too many queries wait for its store.
    """

    async def put(metric: Metric, ask: Ask) -> Outcome | Busy:
        try:
            return await providers.ask(metric, at, ask)
        except Busy as busy:
            return busy

    metrics = [
        _counting(metric, memories.get(metric.name, {}), at)
        if counts(metric.judge, judges)
        else metric
        for metric in metrics
    ]
    async with asyncio.TaskGroup() as group:
        asked = [
            {ask: group.create_task(put(metric, ask)) for ask in metric.asks} for metric in metrics
        ]
        counting = [
            (ask, group.create_task(put(each, ask)))
            for each in ((requests,) if requests else ())
            for ask in each.asks
        ]
    judgements = []
    for metric, tasks in zip(metrics, asked, strict=True):
        answers = {ask: _answered(task.result()) for ask, task in tasks.items()}
        judgements.append(_judge(metric, answers, memories.get(metric.name, {}), judges))
    return Report(
        checks=tuple(
            marked(
                each.check,
                shadow=metric.shadow,
                critical=metric.critical,
                unanswered=any(isinstance(task.result(), QueryFailure) for task in tasks.values()),
            )
            for metric, tasks, each in zip(metrics, asked, judgements, strict=True)
        ),
        memories={
            metric.name: each.memory for metric, each in zip(metrics, judgements, strict=True)
        },
        requests={ask.arm: _answered(task.result()) for ask, task in counting},
    )


def _counting(metric: Metric, memory: Memory, at: datetime) -> Metric:
    """Let the questions of a metric begin where its judge has left off."""
    left_off = counted_to(memory)
    # A clock may have been set back a little; a moment far ahead was edited.
    if left_off is None or left_off > at + LONGEST_BLOCK:
        left_off = metric.since + metric.warm_up if metric.since else at - metric.interval
    since = min(max(left_off, at - LONGEST_BLOCK), at)
    return replace(metric, asks=tuple(replace(ask, since=since) for ask in metric.asks))


def _answered(outcome: Outcome | Busy) -> Outcome:
    """Give an answer; nothing is judged before everything could be asked."""
    if isinstance(outcome, Busy):
        raise outcome
    return outcome


def _judge(
    metric: Metric, answers: Mapping[Ask, Outcome], memory: Memory, judges: PluginTable[Judge]
) -> Judgement:
    try:
        judgement = judges.load(metric.judge)().judge(metric, answers, memory)
        _check(judgement)
    except Exception as error:  # noqa: BLE001 - a judge may be anybody's
        # A metric that could not be judged is an outage of the judge, for which the metric has a
        # policy. Our own judge takes any outcome.
        reason = metric.provider.redact(f"judge {metric.judge!r} gave no verdict: {error!r}")
        failure = QueryFailure(reason=reason, kind=FailureKind.QUERY)
        own = JUDGES.load("threshold")().judge(metric, dict.fromkeys(metric.asks, failure), {})
        return replace(own, memory=memory)
    return judgement


def _check(judgement: Judgement) -> None:
    """Refuse what no status can keep.

    Raises:
        ValueError: there is no check, or the memory is no map of texts or too large.
    """
    memory = judgement.memory
    if not isinstance(judgement.check, Check):
        raise ValueError("it returned no check")  # noqa: TRY004 - what a judge says, not its type
    if not all(isinstance(each, str) for pair in memory.items() for each in pair):
        raise ValueError("its memory is no map of texts")
    if (size := memory_bytes(memory)) > MEMORY_BYTES:
        raise ValueError(f"its memory has {size} bytes, more than {MEMORY_BYTES}")
