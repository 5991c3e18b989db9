"""The previous release: what a canary is compared with where there is nothing beside it.

It is the newest run in the history that was promoted. What it was after as much time of its analysis
as this one has had is asked of stores that keep the past.
"""

from datetime import datetime, timedelta

from analysis.model import Check, Verdict
from canary.api.metrics import CompareWith, MetricSpec
from canary.api.status import Outcome, RunRecord
from canary.core.needs import Earlier
from canary.core.situation import Situation

_NONE = "is compared with nothing: no release was promoted that was analysed for as long"


def earlier_release(situation: Situation) -> Earlier | None:
    """Give how long ago the previous release was where this one is; None where it never was."""
    began, before = situation.current_run.analysed_since, _promoted(situation)
    if began is None or before is None or before.analysed_since is None:
        return None
    ago = began - before.analysed_since
    was_at, ended = situation.now - ago, _end(before)
    return Earlier(ago=ago, revision=before.revision) if ago and was_at <= ended else None


def is_alone(situation: Situation, metric: MetricSpec) -> bool:
    """Tell whether a metric has nothing to be compared with."""
    previous = metric.compare_with is CompareWith.PREVIOUS
    return previous and earlier_release(situation) is None


def check_alone(metric: MetricSpec) -> Check:
    """Pass a metric that has nothing to be compared with, and say so."""
    return Check(
        metric=metric.name,
        verdict=Verdict.PASS,
        value=None,
        bound="as the previous release",
        message=f"{metric.name} {_NONE}",
        query="",
        shadow=metric.shadow,
    )


def _end(run: RunRecord) -> datetime:
    began = run.started_at or run.analysed_since
    assert began is not None
    return began + timedelta(seconds=run.duration_seconds)


def _promoted(situation: Situation) -> RunRecord | None:
    history = situation.status.history
    return next((each for each in history if each.outcome == Outcome.PROMOTED), None)
