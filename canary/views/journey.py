"""The way of a run through its plan: each step, and whether it is behind, reached or ahead."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from canary.api.status import Phase
from canary.core.plan import Plan, Step
from canary.views.blocks import Line, Part, Styled
from canary.views.canary import CanaryView
from canary.views.remaining import remaining_told

_AT_STEPS = frozenset({Phase.PROGRESSING, Phase.WAITING_PROMOTION})
_BEFORE_STEPS = frozenset({Phase.WAITING})


class Mark(StrEnum):
    """Where a run is, seen from a step."""

    DONE = "done"
    NOW = "now"
    HELD = "held"
    AHEAD = "ahead"


_SIGNS = {
    Mark.DONE: Styled("✔", "green"),
    Mark.NOW: Styled("now", "bold"),
    Mark.HELD: Styled("held", "yellow"),
}
_HERE = frozenset({Mark.NOW, Mark.HELD})
_BEHIND, _BEFORE = 3, 5
"""How many steps are drawn of what is behind a run, and of what is before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """A step on the way, or the promotion at its end."""

    label: str
    """What the step gives the canary: `20 %`, `mirror 10 %`, `promote`."""
    name: str
    """The name that the spec gives it; empty where it gives none."""
    mark: Mark


def journey(plan: Plan, view: CanaryView) -> tuple[Station, ...]:
    """Lay out the way of the run under way, or of the next one where none is."""
    return tuple(_stations(plan, view))


def way(plan: Plan, view: CanaryView, now: datetime) -> Line:
    """Draw the way of a run on a line: of a long one what is around it, the end, and how long it takes."""
    stations = journey(plan, view)
    at = next((number for number, each in enumerate(stations) if each.mark in _HERE), 0)
    end = len(stations) - 1
    near = {*range(at - _BEHIND, at + _BEFORE + 1), end}
    # What stands for a single step takes as much room as the step.
    shown = {each for each in range(end + 1) if each in near or {each - 1, each + 1} <= {-1, *near}}
    parts: list[Part] = ["steps"]
    for number, each in enumerate(stations):
        if number in shown:
            parts += ["  ", each.label, *_signed(each.mark)]
        elif number - 1 in {-1, *shown}:
            parts.append("  …")
    left = remaining_told(view.step.ends_at, view.run.promotes_at if view.run else None, now)
    return (*parts, f"  {left}") if left else tuple(parts)


def _signed(mark: Mark) -> tuple[Part, ...]:
    sign = _SIGNS.get(mark)
    return (" ", sign) if sign else ()


def _stations(plan: Plan, view: CanaryView) -> Iterator[Station]:
    running, at = view.run is not None, view.step.at
    past = running and view.phase not in _AT_STEPS | _BEFORE_STEPS
    now = Mark.HELD if view.gates or view.paused else Mark.NOW
    for number, step in enumerate(plan.steps, 1):
        if past or (running and number < at):
            mark = Mark.DONE
        elif running and number == at:
            mark = now
        else:
            mark = Mark.AHEAD
        yield Station(label=_label(step), name=step.name, mark=mark)
    yield Station(label="promote", name="", mark=now if past else Mark.AHEAD)


def _label(step: Step) -> str:
    if step.mirror and not step.weight:
        return f"mirror {step.mirror} %"
    return f"{step.weight} %"
