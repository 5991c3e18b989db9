"""Counts of two halves of the pods that run the same, block by block, from raw samples of the past.

What differs between the halves is no release: it is how much bad requests come together.
"""

from bisect import bisect_right
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from analysis.counters import Labels
from analysis.counting import Grown, calls, growth, needed, parse_count, promql, total
from analysis.evidence import Count
from analysis.expression import Call, Expression, Selector
from analysis.model import NoData
from analysis.providers.matrices import LOOK_BACK, Samples, samples_of
from analysis.uniting import part, united

#: The labels that tell pods apart, the likeliest first.
_PODS = ("pod", "pod_name", "kubernetes_pod_name", "instance")

Blocks = tuple[tuple[Count, Count], ...]
"""What both halves had in each block, the oldest first: requests, and a part of them."""
Evaluate = Callable[[str, datetime], Awaitable[tuple[Any, tuple[str, ...]]]]


async def halves_of_pods(
    evaluate: Evaluate,
    queries: tuple[str, str],
    end: datetime,
    block: timedelta,
    blocks: int,
    where: str,
) -> Blocks:
    """Count by two queries; nothing where no label tells two pods apart.

    Raises:
        AnalysisError: there is no answer, or a query cannot count.
    """
    expressions = tuple(map(parse_count, queries))
    counted = [call for expression in expressions for call in calls(expression)]
    reading = united(map(needed, counted))
    length = (blocks * block + LOOK_BACK) // timedelta(milliseconds=1)
    read: dict[Selector, Mapping[Labels, Samples]] = {}
    for selector in dict.fromkeys(reading.values()):
        data, _ = await evaluate(f"{promql(selector)}[{length}ms]", end)
        read[selector] = samples_of(data, where)
    half_of = _halving([labels for series in read.values() for labels in series])
    if half_of is None:
        return ()

    def grown(begin: datetime, half: int) -> Grown:
        found: dict[Selector, dict[Labels, float]] = {}
        for call in counted:
            mine = _mine(call, reading, read)
            for selector in call.selectors:
                found.setdefault(selector, {}).update(
                    (labels, growth(_within(samples, begin, begin + block), begin))
                    for labels, samples in mine.items()
                    if half_of(labels) == half
                )
        return Grown(found)

    begins = [end - number * block for number in range(blocks, 0, -1)]
    return tuple(
        (_count(expressions, grown(each, 0)), _count(expressions, grown(each, 1)))
        for each in begins
    )


def _halving(series: Sequence[Labels]) -> Callable[[Labels], int] | None:
    """Find the label that tells pods apart, and give the half that a series belongs to."""
    for name in _PODS:
        pods = sorted({dict(labels).get(name, "") for labels in series} - {""})
        if len(pods) > 1:
            halves = {pod: number % 2 for number, pod in enumerate(pods)}
            return lambda labels, name=name, halves=halves: halves.get(
                dict(labels).get(name, ""), -1
            )  # type: ignore[misc]
    return None


def _mine(
    call: Call,
    reading: Mapping[Selector, Selector],
    read: Mapping[Selector, Mapping[Labels, Samples]],
) -> Mapping[Labels, Samples]:
    """Pick the series of a count out of what was read for several."""
    series = read[reading[needed(call)]]
    accepted = part(needed(call), reading, dict.fromkeys(series, 0.0))
    return {labels: series[labels] for labels in accepted}


def _within(samples: Samples, begin: datetime, end: datetime) -> Samples:
    """Pick the samples of a block, with the one that it begins with."""
    last = bisect_right(samples, end.timestamp(), key=lambda each: each[0])
    first = bisect_right(samples, begin.timestamp(), key=lambda each: each[0])
    oldest = (begin - LOOK_BACK).timestamp()
    return [each for each in samples[max(0, first - 1) : last] if each[0] >= oldest]


def _count(expressions: Iterable[Expression], grown: Grown) -> Count:
    """Count the requests of a half, and the part of them; what has no series was nothing."""
    requests, some = (
        0.0 if isinstance(value, NoData) else value
        for value in (total(each, grown) for each in expressions)
    )
    return Count(requests, some)
