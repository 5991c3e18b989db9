"""Judges turn what providers answered into a verdict, and do no I/O.

The protocol every judge keeps, and the table of their names.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from analysis.errors import QueryError, UnknownPlugin
from analysis.evidence import BothCounts
from analysis.model import Ask, Judgement, Memory, Metric, Outcome
from analysis.plugins import PluginTable
from analysis.power import Exposure

Judged = tuple[Metric, Judgement]
"""A metric, and what its judge says of it alone."""


class Judge(Protocol):
    """Turn answers into a check. Pure: no I/O, no clock, nothing kept between calls but the memory.

    A judge may say `counts = True`. It is then asked not for a value but for counts of requests of
    both sides since the last time: questions with `Signal.REQUESTS`, and with `Signal.BAD` or
    `Signal.GOOD`. The samples say up to which moment they count, and the judge keeps that moment
    in its memory (`analysis.tally.COUNTED_TO`); the next counts begin there.

    A judge may say `compares = True`. It is then asked for the value of both sides, a question for
    each `Arm`.

    A class method `check` may raise a `QueryError` for a metric that it cannot judge. A metric's `options` are refused where there is no `check`.
    A class method `evidence` may say in words what a memory holds, a line each, for people. A class
    method `cautions` may say of a metric, and of how many analyses a run has at the least, what it would see little of (`analysis.judges.cautions`). A class
    method `harm` may give its evidence that the canary is worse, as a number that is 1 for none, and a class method `smallest_seen` may foresee the smallest regression that so many requests would show, and
    a class method `counted` say how many a memory has counted. A class method `combine` may change what it said of each metric that counts, once it sees them all.
    """

    def judge(self, metric: Metric, answers: Mapping[Ask, Outcome], memory: Memory) -> Judgement:
        """Judge what was answered to the questions of a metric, by its range and its policies.

        `memory` is what the last judgement of this metric in this run has kept; empty at first. It
        is in the Canary's status, and so is small: `MEMORY_BYTES` at most.
        """


JUDGES: PluginTable[Judge] = PluginTable(
    group="tidegate.judges",
    builtin={
        "comparison": "analysis.judges.expression:ComparisonJudge",
        "expression": "analysis.judges.expression:ExpressionJudge",
        "mann-whitney": "analysis.judges.mann_whitney:MannWhitneyJudge",
        "sequential": "analysis.judges.sequential:SequentialJudge",
        "sign": "analysis.judges.sign:SignJudge",
        "threshold": "analysis.judges.threshold:ThresholdJudge",
    },
)


def counts(name: str, judges: PluginTable[Judge] = JUDGES) -> bool:
    """Tell whether a judge is asked for counts of both sides; one that cannot be loaded is not."""
    return _says(name, "counts", judges)


def compares(name: str, judges: PluginTable[Judge] = JUDGES) -> bool:
    """Tell whether a judge is asked for the value of both sides; one that cannot be loaded is not."""
    return _says(name, "compares", judges)


def _says(name: str, trait: str, judges: PluginTable[Judge]) -> bool:
    try:
        return bool(getattr(judges.load(name), trait, False))
    except (UnknownPlugin, ImportError, AttributeError):
        return False


def check(metric: Metric) -> None:
    """Find out whether a metric's judge can judge it, without asking anything.

    Raises:
        UnknownPlugin: no judge has this name.
        QueryError: it cannot; says what to write.
    """
    checks = getattr(JUDGES.load(metric.judge), "check", None)
    if checks is not None:
        checks(metric)
    elif metric.options:
        name = min(dict(metric.options))
        raise QueryError(f"judgeOptions.{name}: judge {metric.judge} reads no options; remove it")


def combined(
    name: str, judged: Sequence[Judged], judges: PluginTable[Judge] = JUDGES
) -> Sequence[Judgement]:
    """Give what a judge says of several metrics, in their order, once it has seen all of them."""
    combine = getattr(judges.load(name), "combine", None)
    return [each for _, each in judged] if combine is None else combine(judged)


def smallest_seen(
    metric: Metric, exposures: Sequence[Exposure], rate: float, judges: PluginTable[Judge] = JUDGES
) -> float | None:
    """Foresee from how many times the primary's bad rate on a judge would call a canary worse.

    `rate` is the primary's bad rate. None where no regression would show, or the judge cannot tell.
    """
    try:
        foresees = getattr(judges.load(metric.judge), "smallest_seen", None)
    except (UnknownPlugin, ImportError, AttributeError):
        return None
    return None if foresees is None else foresees(metric, exposures, rate)


def counted(name: str, memory: Memory, judges: PluginTable[Judge] = JUDGES) -> BothCounts | None:
    """Give what a judge has counted of both sides; None where it does not say."""
    try:
        tells = getattr(judges.load(name), "counted", None)
    except (UnknownPlugin, ImportError, AttributeError):
        return None
    return None if tells is None else tells(memory)


def harm(name: str, memory: Memory, judges: PluginTable[Judge] = JUDGES) -> float | None:
    """Give a judge's evidence that the canary is worse, 1 for none; None where it does not say."""
    try:
        tells = getattr(judges.load(name), "harm", None)
    except (UnknownPlugin, ImportError, AttributeError):
        return None
    return None if tells is None else tells(memory)


def evidence(name: str, memory: Memory, judges: PluginTable[Judge] = JUDGES) -> tuple[str, ...]:
    """Say in words what a judge has kept of a metric; nothing where it does not say."""
    try:
        told = getattr(judges.load(name), "evidence", None)
    except (UnknownPlugin, ImportError, AttributeError):
        return ()
    return tuple(told(memory)) if told is not None else ()
