"""Judges turn what providers answered into a verdict, and do no I/O.

The protocol every judge keeps, and the table of their names.
"""

from collections.abc import Mapping
from typing import Protocol

from analysis.model import Ask, Judgement, Memory, Metric, Outcome
from analysis.plugins import PluginTable


class Judge(Protocol):
    """Turn answers into a check. Pure: no I/O, no clock, nothing kept between calls but the memory."""

    def judge(self, metric: Metric, answers: Mapping[Ask, Outcome], memory: Memory) -> Judgement:
        """Judge what was answered to the questions of a metric, by its range and its policies.

        `memory` is what the last judgement of this metric in this run has kept; empty at first. It
        is in the Canary's status, and so is small: `MEMORY_BYTES` at most.
        """


JUDGES: PluginTable[Judge] = PluginTable(
    group="tidegate.judges",
    builtin={
        "threshold": "analysis.judges.threshold:ThresholdJudge",
    },
)
