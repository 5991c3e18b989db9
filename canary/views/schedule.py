"""The steps of a run for a page that stays open: when each one began or is due, and who is asked first."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from canary.api.canary import Canary
from canary.core.plan import plan
from canary.views.canary import CanaryView
from canary.views.journey import Mark, Station, journey
from canary.views.moments import moment
from canary.views.outlook import StepOutlook, outlook

_SINCE = {Mark.NOW: "since", Mark.HELD: "since", Mark.AHEAD: "at"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledStep:
    """A step on the way, or the promotion at its end."""

    station: Station
    asked: tuple[str, ...] = ()
    """Who is asked before it, where a run has not come to it."""
    at: datetime | None = None
    """When it began, or begins if every check passes; None where that is not known."""

    def told(self, now: datetime) -> str:
        """Say when; empty where that is not known."""
        return f"{_SINCE[self.station.mark]} {moment(self.at, now)}" if self.at else ""


def schedule(canary: Canary, view: CanaryView) -> tuple[ScheduledStep, ...]:
    """Lay out the way of the run under way, or of the next one; `view` is one that foresees."""
    stations = journey(plan(canary.spec.analysis), view)
    foreseen = outlook(canary).steps
    if len(foreseen) < len(stations):
        return tuple(ScheduledStep(station=each) for each in stations)
    return tuple(_stops(stations, foreseen, view))


def _stops(
    stations: tuple[Station, ...], foreseen: tuple[StepOutlook, ...], view: CanaryView
) -> Iterator[ScheduledStep]:
    due = view.step.ends_at
    for station, step in zip(stations, foreseen, strict=True):
        if station.mark is not Mark.AHEAD:
            at_step = station.mark is not Mark.DONE and station is not stations[-1]
            began = view.step.since if at_step else None
            yield ScheduledStep(station=station, at=began)
            continue
        # What is asked before it takes the time that a person takes.
        due = None if step.gates else due
        yield ScheduledStep(station=station, asked=step.gates, at=due)
        due = due + step.lasts if due else None
