"""Notices: what is sent of a decision once it is written."""

from datetime import datetime, timedelta
from itertools import count

from canary.api.status import CanaryStatus, Notice, Severity, Stage, Thread
from canary.core.images import images_told
from canary.core.phases import RUNNING

NOTICES_KEPT = 56
"""More than are ever under way at once. Where none is taken, the oldest are dropped, because a status
that grows for ever can no longer be written."""


def notice(
    status: CanaryStatus,
    reason: str,
    message: str,
    severity: Severity,
    now: datetime,
    *,
    alert: bool = False,
    hook: str = "",
    event: bool = True,
    taken: frozenset[str] = frozenset(),
) -> Notice:
    """Make a notice of something that happens now, with an id that is not taken."""
    known = taken | {each.id for each in status.notices}
    moment = f"{int(now.timestamp() * 1_000_000):x}"
    unused = (f"{moment}-{number}" for number in count() if f"{moment}-{number}" not in known)
    return Notice(
        id=next(unused),
        reason=reason,
        message=message,
        severity=severity,
        alert=alert,
        at=now,
        phase=status.phase,
        weight=status.canary_weight,
        step=status.step,
        revision=status.last_applied_spec,
        images=images_told(status),
        hook=hook,
        event=event,
        run=_run_told(status, now),
    )


def _run_told(status: CanaryStatus, now: datetime) -> int:
    """Number the run that something tells of: the one under way, or the one that ends now."""
    if status.run is not None:
        return status.runs
    last = next(iter(status.history), None)
    if last is None or last.started_at is None:
        return 0
    ended = last.started_at + timedelta(seconds=last.duration_seconds)
    return status.runs if now - ended < timedelta(seconds=1) else 0


FORGOTTEN_WITHIN = timedelta(seconds=30)
"""How long what can wait for a moment waits for the write that forgets delivered notices."""


def with_notice(status: CanaryStatus, new: Notice) -> CanaryStatus:
    """Keep a notice until it is delivered."""
    return status.but(notices=(*status.notices, new)[-NOTICES_KEPT:])


THREADS_KEPT = 16
"""Eight receivers, of two runs. A thread that is forgotten begins again."""


def with_threads(status: CanaryStatus, opened: tuple[Thread, ...]) -> CanaryStatus:
    """Keep threads that receivers have opened, of this run and the last; a newer one wins."""
    if not opened:
        return status
    known = {(each.receiver, each.run): each for each in (*status.threads, *opened)}
    kept = (each for each in known.values() if status.runs - 1 <= each.run <= status.runs)
    return status.but(threads=tuple(sorted(kept, key=lambda each: each.run))[-THREADS_KEPT:])


_LASTING = frozenset({Stage.GATED, Stage.PAUSED, Stage.SUSPENDED, Stage.WITHHELD})
"""Stages of a run that others end."""


def forgotten_alone(status: CanaryStatus) -> bool:
    """Tell whether delivered notices are worth a write of their own.

    During a run they are forgotten with the next decision, which is seconds or an interval away. A
    wait for a person, or for other runs, may last for days: a controller that starts meanwhile would
    send again what has long been delivered.
    """
    return status.phase not in RUNNING or (
        status.stage is not None and status.stage.name in _LASTING
    )


def forgotten_by(status: CanaryStatus) -> datetime | None:
    """Tell until when a write that forgets delivered notices may be counted on, if any is due."""
    if not status.notices or status.phase in RUNNING:
        return None
    return status.notices[-1].at + FORGOTTEN_WITHIN
