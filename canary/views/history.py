"""Past runs as people read them: a row each, and how each ended in a sentence."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from canary.views.blocks import Block, Line, Rows
from canary.views.canary import PastRunView
from canary.views.moments import day, span

_NOTHING = "–"


def runs_block(runs: Sequence[PastRunView], now: datetime) -> Block:
    """Show past runs in rows, and below them how each ended."""
    return (run_rows(runs, now), *((run_told(each),) for each in runs))


def run_rows(runs: Iterable[PastRunView], now: datetime) -> Rows:
    """Put past runs in rows, in their order."""
    return Rows(
        header=("BEGAN", "REVISION", "OUTCOME", "TOOK", "IMAGES"),
        rows=tuple(_row(each, now) for each in runs),
        flexible=4,
    )


def wide_rows(runs: Iterable[PastRunView], now: datetime) -> tuple[tuple[str, ...], ...]:
    """Give past runs with all that is known of them, a row each, after the names of the columns."""
    names = (
        *("BEGAN", "ENDED", "REVISION", "OUTCOME", "REASON", "TOOK", "IMAGES"),
        *("COMMANDS", "BUDGET SPENT", "RECORD", "WHY"),
    )
    return (names, *(_wide(each, now) for each in runs))


def run_told(run: PastRunView) -> str:
    """Say how a run ended, and who had a hand in it."""
    return f"{run.revision} {run.outcome}: {run_cause(run)}"


def run_cause(run: PastRunView) -> str:
    """Say why a run ended as it did, and who had a hand in it."""
    hands = f" ({', '.join(run.commands)})" if run.commands else ""
    spent = _spent(run)
    cost = f"; error budget spent: {spent}" if spent else ""
    return f"{run.message}{cost}{hands}"


def _spent(run: PastRunView) -> str:
    return ", ".join(f"{each.percent:.2g} % by {each.metric}" for each in run.budgets_spent)


def _row(run: PastRunView, now: datetime) -> Line:
    began = day(run.started_at, now) if run.started_at else _NOTHING
    took = span(timedelta(seconds=run.duration_seconds))
    return (began, run.revision, run.outcome, took, run.images or _NOTHING)


def _wide(run: PastRunView, now: datetime) -> tuple[str, ...]:
    took = timedelta(seconds=run.duration_seconds)
    known = (
        day(run.started_at, now) if run.started_at else "",
        day(run.started_at + took, now) if run.started_at else "",
        *(run.revision, run.outcome, run.reason, span(took), run.images),
        *(", ".join(run.commands), _spent(run), run.record, run.message),
    )
    return tuple(each or _NOTHING for each in known)
