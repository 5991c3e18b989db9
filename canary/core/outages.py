"""Clocks stand still while the controller cannot see or write what a Canary waits for.

A deadline counts the time in which something could have happened and been seen. An outage of the
API server, or of the controller itself, is no such time.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from canary.core.facts import Outage
from canary.core.situation import Situation


def merged(outages: Iterable[Outage]) -> tuple[Outage, ...]:
    """Put outages in order, those that touch each other in one."""
    found: list[Outage] = []
    for each in sorted(outages):
        if found and each.start <= found[-1].end:
            found[-1] = Outage(found[-1].start, max(found[-1].end, each.end))
        else:
            found.append(each)
    return tuple(found)


def without_outages(situation: Situation) -> Situation:
    """Take the outages that have ended out of every clock, each of them once."""
    status, counted = situation.status, situation.status.outages_until
    fresh = [each for each in situation.facts.outages if counted is None or each.end > counted]
    if not fresh:
        return situation

    def lost(since: datetime) -> timedelta:
        begin = since if counted is None else max(since, counted)
        spans = (min(each.end, situation.now) - max(each.start, begin) for each in merged(fresh))
        return sum((span for span in spans if span > timedelta(0)), timedelta(0))

    wait, run = status.waiting_for, status.run
    if wait is not None and wait.deadline is not None:
        later = lost(wait.since)
        wait = wait.but(since=wait.since + later, deadline=wait.deadline + later)
    if run is not None:
        holds = (hold.but(since=hold.since + lost(hold.since)) for hold in run.holds)
        run = run.but(holds=tuple(holds))
    moved = situation.but(waiting_for=wait, run=run)
    if moved is situation:
        return situation
    return moved.but(outages_until=max(min(each.end, situation.now) for each in fresh))
