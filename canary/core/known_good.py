"""Revisions that are known to be good: what was promoted within the rollback window."""

from datetime import datetime, timedelta

from canary.api.status import Outcome, RunRecord
from canary.core.situation import Situation

_LONGEST = 10 * 365 * 24 * 3600
"""Seconds. No run took longer: a hand wrote it."""

_JUDGED = frozenset({Outcome.PROMOTED, Outcome.ROLLED_BACK, Outcome.PROMOTION_FAILED})
"""The outcomes that say something about a revision."""


def is_known_good(situation: Situation, revision: str) -> bool:
    """Tell whether a revision was promoted within the window.

    Its last run counts: what was rolled back since is not known to be good.
    """
    window, history = situation.spec.analysis.rollback_window, situation.status.history
    last = next(
        (each for each in history if each.revision == revision and each.outcome in _JUDGED), None
    )
    if window is None or last is None or last.outcome != Outcome.PROMOTED:
        return False
    at, promotions = _ended(last), _promotions_since(history, last)
    recent = at is not None and (window.duration is None or situation.now - at <= window.duration)
    return recent and (window.revisions is None or promotions <= window.revisions)


def _promotions_since(history: tuple[RunRecord, ...], last: RunRecord) -> int:
    since = history[: history.index(last)]
    return sum(1 for each in since if each.outcome == Outcome.PROMOTED)


def _ended(record: RunRecord) -> datetime | None:
    if record.started_at is None:
        return None
    return record.started_at + timedelta(seconds=min(record.duration_seconds, _LONGEST))
