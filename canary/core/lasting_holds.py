"""Holds that last: people are alerted once to a run that gets no further for want of data or of a route.

That it begins is an event. How long it may last is for `analysis.holdTimeout`, and this comes before:
who hears of it in time can repair a store, or answer for the release.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from analysis.durations import format_duration
from canary.api.status import Hold, Severity, Stage
from canary.core import waits as why
from canary.core.situation import Situation

LASTS = timedelta(minutes=5)
"""How long a hold lasts before people are alerted to it."""


PROOF_AWAITED = "Unproven"
"""What is noted in a run of a hold for want of a proof; how long it may last is its metric's."""


def alert_hold(held: Situation, reason: str, message: str, noted: str = "") -> Situation:
    """Alert once to something that has held the run for long; `message` says what is missing.

    `noted` is what the run notes it by, where that is not its reason.
    """
    holds, noted = held.current_run.holds, noted or reason
    lasting = [each for each in holds if each.reason == noted and not each.alerted]
    if not lasting or held.now < lasting[0].since + LASTS:
        return held
    told = _told(held, reason, message, lasting[0].since)
    return told.with_run(
        holds=tuple(each.but(alerted=True) if each.reason == noted else each for each in holds)
    )


def alert_unproven(held: Situation, message: str, since: datetime) -> Situation:
    """Alert once to a run of which nothing has been proven for long, whatever limit that has."""
    noted = ((each.reason, each.since) for each in held.current_run.holds)
    if (PROOF_AWAITED, since) not in noted:
        others = held.end_holds(PROOF_AWAITED).current_run.holds
        held = held.with_run(holds=(*others, Hold(reason=PROOF_AWAITED, since=since)))
    return alert_hold(held, why.ANALYSIS_INCONCLUSIVE, message, PROOF_AWAITED)


def alert_refusal(held: Situation, message: str) -> Situation:
    """Alert once to a route that has been refused for long."""
    due, stage = refusal_alert_at(held), held.status.stage
    if stage is None or due is None or held.now < due:
        return held
    told = _told(held, why.ROUTE_REFUSED, message, stage.since)
    return replace(told, status=told.status.but(stage=stage.but(help_at=held.now)))


def refusal_alert_at(situation: Situation) -> datetime | None:
    """Tell when a refused route is an alert; None where none is refused, or one was sent."""
    stage = situation.status.stage
    if stage is None or stage.name is not Stage.REFUSED or stage.help_at is not None:
        return None
    return stage.since + LASTS


def _told(held: Situation, reason: str, message: str, since: datetime) -> Situation:
    lasted = format_duration(timedelta(seconds=int((held.now - since).total_seconds())))
    return held.tell(reason, f"Still holding after {lasted}: {message}", Severity.WARN, alert=True)
