"""Judges turn what a provider answered into a verdict, and do no I/O.

The protocol every judge keeps, and the table of their names.
"""

from typing import Protocol

from analysis.model import Check, Metric, Outcome
from analysis.plugins import PluginTable


class Judge(Protocol):
    """Turn one outcome into a check. Pure: no I/O, no clock, nothing kept between calls."""

    def judge(self, metric: Metric, outcome: Outcome) -> Check:
        """Judge what a provider answered for a metric, by its range and its policies."""


JUDGES: PluginTable[Judge] = PluginTable(
    group="tidegate.judges",
    builtin={"threshold": "analysis.judges.threshold:ThresholdJudge"},
)
