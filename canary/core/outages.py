"""Clocks stand still while the controller cannot see or write what a Canary waits for.

A deadline counts the time in which something could have happened and been seen. An outage of the
API server, or of the controller itself, is no such time.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from canary.core.facts import Outage
from canary.core.limits import undecided_later
from canary.core.phases import TIMED
from canary.core.situation import Situation
from canary.core.telling import later


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

    stage, run = status.stage, status.run
    if stage is not None and stage.until is not None and stage.name not in TIMED:
        by = lost(stage.since)
        stage = stage.but(since=stage.since + by, until=stage.until + by)
    if run is not None:
        holds = (hold.but(since=hold.since + lost(hold.since)) for hold in run.holds)
        run = run.but(holds=tuple(holds))
    later_on = undecided_later(later(status, lost), lost)
    moved = replace(situation, status=later_on).but(stage=stage, run=run)
    if moved.status == status:
        return situation
    return moved.but(outages_until=max(min(each.end, situation.now) for each in fresh))
