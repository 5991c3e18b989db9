"""Waits in words: written, kept, and told once where they last.

`status.waitingFor` is for people. This is the only module of the core that reads it: what is
decided hangs on the stage, and on what holds the run. A wait that is over within `LASTS` is not
worth an event; whether there was one is in the status, so that a restart does not repeat it.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from analysis.durations import format_duration
from canary.api.status import CanaryStatus, Severity, StageRecord, Wait
from canary.core import waits as why
from canary.core.notices import notice, with_notice
from canary.core.phases import STAGES

LASTS = timedelta(seconds=30)
"""How long a wait goes on before it leaves an event."""

_HELP = frozenset({why.ROUTING_BLOCKED, why.RESTORING_BLOCKED, why.TERMINATION_BLOCKED})
"""Waits that someone was asked to look at."""


def said(
    status: CanaryStatus,
    reason: str,
    message: str,
    now: datetime,
    *,
    since: datetime | None = None,
    deadline: datetime | None = None,
    until: datetime | None = None,
) -> CanaryStatus:
    """Say what is waited for; a wait goes on while its reason stays."""
    before = status.waiting_for
    goes_on = before is not None and before.reason == reason
    began = since or (before.since if before is not None and goes_on else now)
    wait = Wait(reason=reason, message=message, since=began, deadline=deadline, until=until)
    return status.but(waiting_for=wait)


def reason_said(status: CanaryStatus) -> str:
    """Name what is waited for, for people; empty where nothing is."""
    return status.waiting_for.reason if status.waiting_for else ""


def message_said(status: CanaryStatus) -> str:
    """Say what is waited for, for people; empty where nothing is."""
    return status.waiting_for.message if status.waiting_for else ""


def not_after(status: CanaryStatus, now: datetime) -> CanaryStatus:
    """Have a wait begin no later than now, whatever the clock of another controller said."""
    wait = status.waiting_for
    return status.but(waiting_for=wait.but(since=min(wait.since, now))) if wait else status


def later(status: CanaryStatus, lost: Callable[[datetime], timedelta]) -> CanaryStatus:
    """Move a wait with a deadline by the time that was lost since it began."""
    wait = status.waiting_for
    if wait is None or wait.deadline is None:
        return status
    by = lost(wait.since)
    return status.but(waiting_for=wait.but(since=wait.since + by, deadline=wait.deadline + by))


def stage_said(status: CanaryStatus) -> StageRecord | None:
    """Tell the stage of a status of a release that did not record it, from what it waits for."""
    wait = status.waiting_for
    stage = why.stage_of(wait.reason, status.phase) if wait else None
    if wait is None or stage is None or stage not in STAGES[status.phase]:
        return None
    help_at = wait.since if wait.reason in _HELP else None
    return StageRecord(name=stage, since=wait.since, until=wait.deadline, help_at=help_at)


def tell_waits(
    status: CanaryStatus,
    before: CanaryStatus,
    now: datetime,
    *,
    overdue: bool,
    delivered: frozenset[str],
) -> CanaryStatus:
    """Report a wait that has lasted, and the end of one that was reported.

    One that is `overdue` is reported by what ends it.
    """
    wait, known = status.waiting_for, before.waiting_for
    goes_on = wait is not None and known is not None and wait.reason == known.reason
    if known is not None and known.told and not goes_on:
        status = _tell_end(status, known, before, now, delivered)
    if wait is None:
        return status
    was_told = (goes_on and known is not None and known.told) or _told_now(status, before, wait)
    kept = status.but(waiting_for=wait.but(told=was_told))
    due = lasting_at(kept)
    if due is None or now < due or overdue:
        return kept
    severity = Severity.WARN if wait.reason in why.WRONG else Severity.INFO
    message = f"Still waiting{_what(wait)} ({_span(wait, now)} so far)"
    reported = kept.but(waiting_for=wait.but(told=True))
    new = notice(reported, wait.reason, message, severity, now, taken=delivered)
    return with_notice(reported, new)


def lasting_at(status: CanaryStatus) -> datetime | None:
    """Tell when a wait has lasted and is reported; None where it never is."""
    wait = status.waiting_for
    if wait is None or wait.told or wait.reason not in why.LASTING:
        return None
    return wait.since + LASTS


def _tell_end(
    status: CanaryStatus,
    wait: Wait,
    before: CanaryStatus,
    now: datetime,
    delivered: frozenset[str],
) -> CanaryStatus:
    """Tell that a wait is over, where nothing else will."""
    if status.phase is not before.phase or wait.reason not in why.LASTING:
        return status
    message = f"No longer waiting{_what(wait)} (it took {_span(wait, now)})"
    new = notice(status, "WaitEnded", message, Severity.INFO, now, taken=delivered)
    return with_notice(status, new)


def _told_now(status: CanaryStatus, before: CanaryStatus, wait: Wait) -> bool:
    """Tell whether a notice of this very decision speaks of the wait already."""
    known = {each.id for each in before.notices}
    return any(each.reason == wait.reason and each.id not in known for each in status.notices)


def _what(wait: Wait) -> str:
    """Give what follows the word "waiting"."""
    rest = wait.message.removeprefix("waiting")
    return f": {rest}" if rest == wait.message else rest


def _span(wait: Wait, now: datetime) -> str:
    return format_duration(timedelta(seconds=int((now - wait.since).total_seconds())))
