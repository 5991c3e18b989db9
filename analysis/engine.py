"""The engine: asks for all metrics of an analysis at the same time, then judges them.

Judging is pure; asking is in `asking.py`. What a value means belongs to the judges.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from analysis.asking import Providers
from analysis.errors import Busy
from analysis.judges import JUDGES
from analysis.model import Check, Metric, Outcome, QueryFailure, Report


async def analyse(metrics: Sequence[Metric], providers: Providers, at: datetime) -> Report:
    """Ask for all metrics at one moment and judge each by what came back.

    Raises:
        Busy: a metric could not be asked for, because too many queries wait for its store.
    """

    async def ask(metric: Metric) -> Outcome | Busy:
        try:
            return await providers.ask(metric, at)
        except Busy as busy:
            return busy

    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(ask(metric)) for metric in metrics]
    checks = []
    for metric, outcome in zip(metrics, (task.result() for task in asked), strict=True):
        if isinstance(outcome, Busy):
            # Nothing is judged before everything could be asked.
            raise outcome
        checks.append(_judge(metric, outcome))
    return Report(checks=tuple(checks))


def _judge(metric: Metric, outcome: Outcome) -> Check:
    try:
        return JUDGES.load(metric.judge)().judge(metric, outcome)
    except Exception as error:  # noqa: BLE001 - a judge may be anybody's
        # What could not be judged is an outage of the judge, and the metric's policy says what
        # becomes of it. Our own judge takes any outcome.
        reason = metric.provider.redact(f"judge {metric.judge!r} gave no verdict: {error!r}")
        own = JUDGES.load("threshold")()
        return own.judge(metric, QueryFailure(reason=reason, retryable=False))
