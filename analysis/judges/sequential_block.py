"""A block: what the sequential judge reads of the requests since the last one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from analysis.evidence import NOTHING, BothCounts, Count
from analysis.judges.unanswered import Unjudged, unanswered, unasked
from analysis.judges.wording import remarks
from analysis.model import Arm, Ask, Metric, Outcome, Sample, Signal

#: No side has more requests between two looks.
_MOST_REQUESTS = 1e10


class NoBlock(Exception):
    """Nothing was counted, and why."""

    def __init__(self, why: Unjudged) -> None:
        super().__init__(why.claim)
        self.why = why


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """What both sides had since the last block, up to a moment."""

    to: datetime
    counted: BothCounts
    remarks: str


def read_block(metric: Metric, answers: Mapping[Ask, Outcome]) -> Block:
    """Read what was counted of both sides.

    Raises:
        NoBlock: nothing was.
    """
    if (nothing := unanswered(metric, answers.values())) is not None:
        raise NoBlock(nothing)
    canary, primary = (_side(metric, answers, arm) for arm in (Arm.CANARY, Arm.PRIMARY))
    samples = [each for each in answers.values() if isinstance(each, Sample)]
    to = min(each.at for each in samples)
    since = min((ask.since for ask in metric.asks if ask.since), default=to - metric.interval)
    seconds = max((to - since).total_seconds(), 0.0)
    return Block(
        to=to,
        counted=BothCounts(
            canary=canary, primary=primary, seconds=seconds, second=_second(metric, answers)
        ),
        remarks=remarks(samples),
    )


def _second(metric: Metric, answers: Mapping[Ask, Outcome]) -> Count:
    """Read what another one had that runs the same as the primary; nothing where it is not known.

    The canary is judged without it.
    """
    known = {
        ask.signal: isinstance(answers[ask], Sample) for ask in metric.asks if ask.arm is Arm.SECOND
    }
    needed = {signal for signal in known if signal is not Signal.BAD}
    if not needed or not all(known[signal] for signal in needed):
        return NOTHING
    return _side(metric, answers, Arm.SECOND)


def _side(metric: Metric, answers: Mapping[Ask, Outcome], arm: Arm) -> Count:
    """Read what one side had.

    Raises:
        NoBlock: its requests, or those of them that were good, were not counted.
    """
    counted = {ask.signal: answers[ask] for ask in metric.asks if ask.arm is arm}
    requests = _counted(metric, arm, counted[Signal.REQUESTS])
    if Signal.GOOD in counted:
        bad = requests - _counted(metric, arm, counted[Signal.GOOD])
    else:
        answer = counted[Signal.BAD]
        bad = _counted(metric, arm, answer) if isinstance(answer, Sample) else 0.0
    # Pages of metrics are written while requests are counted: parts may be ahead of their sum.
    return Count(requests, min(max(bad, 0.0), requests))


def _counted(metric: Metric, arm: Arm, answer: Outcome) -> float:
    if not isinstance(answer, Sample):
        claim = f"has no data of the {metric.named(arm)}: {answer.reason} (onNoData: {metric.on_no_data})"
        raise NoBlock(Unjudged(metric.on_no_data.verdict, claim))
    if not 0 <= answer.value <= _MOST_REQUESTS:
        raise NoBlock(unasked(metric, f"{answer.value:g} is no number of requests"))
    return answer.value
