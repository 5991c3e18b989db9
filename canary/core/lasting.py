"""Waits that last: each leaves one event, and so does its end.

What is over within `LASTS` is not worth an event. That there was one is in the status, so that a
restart does not repeat it.
"""

from datetime import datetime, timedelta

from analysis.durations import format_duration
from canary.api.status import CanaryStatus, Severity, Wait
from canary.core.situation import Situation
from canary.core.waits import LASTING, WRONG

LASTS = timedelta(seconds=30)
"""How long a wait goes on before it leaves an event."""


def tell_waits(situation: Situation, before: CanaryStatus) -> Situation:
    """Report a wait that has lasted, and the end of one that was reported."""
    wait, known = situation.status.waiting_for, before.waiting_for
    goes_on = wait is not None and known is not None and wait.reason == known.reason
    if known is not None and known.told and not goes_on:
        situation = _tell_end(situation, known, before)
    if wait is None:
        return situation
    told = (goes_on and known is not None and known.told) or _told_now(situation, before, wait)
    due = lasting_at(wait.but(told=told))
    if due is None or situation.now < due or situation.overdue:
        return situation.but(waiting_for=wait.but(told=told))
    severity = Severity.WARN if wait.reason in WRONG else Severity.INFO
    message = f"Still waiting{_what(wait)} ({_span(wait, situation.now)} so far)"
    return situation.tell(wait.reason, message, severity).but(waiting_for=wait.but(told=True))


def lasting_at(wait: Wait | None) -> datetime | None:
    """Tell when a wait has lasted and is reported; None where it never is."""
    if wait is None or wait.told or wait.reason not in LASTING:
        return None
    return wait.since + LASTS


def _tell_end(situation: Situation, wait: Wait, before: CanaryStatus) -> Situation:
    """Tell that a wait is over, where nothing else will."""
    if situation.status.phase is not before.phase or wait.reason not in LASTING:
        return situation
    message = f"No longer waiting{_what(wait)} (it took {_span(wait, situation.now)})"
    return situation.tell("WaitEnded", message)


def _told_now(situation: Situation, before: CanaryStatus, wait: Wait) -> bool:
    """Tell whether a notice of this very decision speaks of the wait already."""
    known = {each.id for each in before.notices}
    notices = situation.status.notices
    return any(each.reason == wait.reason and each.id not in known for each in notices)


def _what(wait: Wait) -> str:
    """Give what follows the word "waiting"."""
    rest = wait.message.removeprefix("waiting")
    return f": {rest}" if rest == wait.message else rest


def _span(wait: Wait, now: datetime) -> str:
    return format_duration(timedelta(seconds=int((now - wait.since).total_seconds())))
