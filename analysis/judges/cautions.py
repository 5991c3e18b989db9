"""What people should know of a metric before a run: its judge can judge it, and will see little."""

from dataclasses import dataclass

from analysis.errors import AnalysisError
from analysis.judges import JUDGES, Judge
from analysis.model import Metric
from analysis.plugins import PluginTable


@dataclass(frozen=True, slots=True, kw_only=True)
class Caution:
    """A field of a metric that makes its judge see little."""

    field: str
    """As a metric of a Canary has it, such as `judgeOptions.minPoints`."""
    value: str
    """What it is, for people; empty where nothing is written."""
    effect: str
    """What comes of it, and what to write."""


def cautions(
    metric: Metric, analyses: int, judges: PluginTable[Judge] = JUDGES
) -> tuple[Caution, ...]:
    """Ask a judge what it would miss in a run with this many analyses; many judges say nothing."""
    try:
        told = getattr(judges.load(metric.judge), "cautions", None)
        return tuple(told(metric, analyses)) if told is not None else ()
    except (AnalysisError, ImportError, AttributeError):
        # A judge or an option that does not exist is refused where it is read.
        return ()
