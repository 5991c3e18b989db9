"""An analysis without asking: from when on each metric is asked, and what its answers come to."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType

from analysis.errors import FailureKind
from analysis.judges import JUDGES, Judge, combined, counts
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

Answers = Mapping[Ask, Outcome]
"""What came of the questions of one metric."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What an analysis would have said at a moment."""

    at: datetime
    report: Report


def posed(
    metrics: Sequence[Metric],
    at: datetime,
    memories: Mapping[str, Memory] = NOTHING_KEPT,
    judges: PluginTable[Judge] = JUDGES,
) -> tuple[Metric, ...]:
    """Give the metrics with the questions to ask at a moment: what is counted goes on where it left off."""
    return tuple(
        _counting(metric, memories.get(metric.name, {}), at)
        if counts(metric.judge, judges)
        else metric
        for metric in metrics
    )


def judged(
    metrics: Sequence[Metric],
    answers: Sequence[Answers],
    memories: Mapping[str, Memory] = NOTHING_KEPT,
    judges: PluginTable[Judge] = JUDGES,
) -> Report:
    """Judge each metric by the answers to its questions, which are in the same order."""
    alone = [
        _judge(metric, each, memories.get(metric.name, {}), judges)
        for metric, each in zip(metrics, answers, strict=True)
    ]
    judgements = _combined(metrics, alone, judges)
    return Report(
        checks=tuple(
            marked(
                judgement.check,
                shadow=metric.shadow,
                critical=metric.critical,
                unanswered=any(isinstance(outcome, QueryFailure) for outcome in each.values()),
            )
            for metric, each, judgement in zip(metrics, answers, judgements, strict=True)
        ),
        memories={
            metric.name: judgement.memory
            for metric, judgement in zip(metrics, judgements, strict=True)
        },
    )


def _counting(metric: Metric, memory: Memory, at: datetime) -> Metric:
    """Let the questions of a metric begin where its judge has left off."""
    left_off = counted_to(memory)
    # A clock may have been set back a little; a moment far ahead was edited.
    if left_off is None or left_off > at + LONGEST_BLOCK:
        left_off = metric.since + metric.warm_up if metric.since else at - metric.interval
    since = min(max(left_off, at - LONGEST_BLOCK), at)
    return replace(metric, asks=tuple([ask.counted_from(since) for ask in metric.asks]))


def _judge(
    metric: Metric, answers: Answers, memory: Memory, judges: PluginTable[Judge]
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


def _combined(
    metrics: Sequence[Metric], judgements: Sequence[Judgement], judges: PluginTable[Judge]
) -> list[Judgement]:
    """Let each judge see all that it said of metrics that count and are not judged apart."""
    found = list(judgements)
    sharing = [
        index for index, metric in enumerate(metrics) if not (metric.shadow or metric.critical)
    ]
    for name in {metrics[index].judge for index in sharing}:
        mine = [index for index in sharing if metrics[index].judge == name]
        # A judge may be anybody's: where it fails here, what it said of each metric stands.
        with suppress(Exception):
            again = combined(name, [(metrics[index], found[index]) for index in mine], judges)
            for each, before in zip(again, mine, strict=True):
                if each is not found[before]:
                    _check(each)
            together = dict(zip(mine, again, strict=True))
            found = [together.get(index, each) for index, each in enumerate(found)]
    return found


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
