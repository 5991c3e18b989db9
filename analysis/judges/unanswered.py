"""What every judge says of answers that cannot be judged: of an outage, and of data to come."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from analysis.model import Metric, NoData, Outcome, QueryFailure, Verdict


@dataclass(frozen=True, slots=True)
class Unjudged:
    """Nothing can be judged: what follows, why, and from when on it can, where that is known."""

    verdict: Verdict
    claim: str
    known_from: datetime | None = None


def unanswered(metric: Metric, answers: Iterable[Outcome]) -> Unjudged | None:
    """Say why answers cannot be judged, an outage before data that is still warming up.

    None where they can be judged, or are no data in earnest.
    """
    answers = tuple(answers)
    for each in answers:
        if isinstance(each, QueryFailure):
            return unasked(metric, each.reason)
    young = [each for each in answers if isinstance(each, NoData) and each.warming_up]
    if not young:
        return None
    known_from = max((each.known_from for each in young if each.known_from), default=None)
    return Unjudged(
        Verdict.INCONCLUSIVE, f"has no data yet: {young[0].reason}", known_from=known_from
    )


def unasked(metric: Metric, reason: str) -> Unjudged:
    """Say that the store could not be asked, which takes the verdict of `on_error`."""
    claim = f"could not be asked: {reason} (onError: {metric.on_error})"
    return Unjudged(metric.on_error.verdict, claim)
