"""The way of a run through its plan: each step, and whether it is behind, reached or ahead."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from canary.api.status import Phase
from canary.core.plan import Plan, Step
from canary.views.canary import CanaryView

_AT_STEPS = frozenset({Phase.PROGRESSING, Phase.WAITING_PROMOTION})
_BEFORE_STEPS = frozenset({Phase.WAITING})


class Mark(StrEnum):
    """Where a run is, seen from a step."""

    DONE = "done"
    NOW = "now"
    HELD = "held"
    AHEAD = "ahead"


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
