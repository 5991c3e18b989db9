"""Skips: how a command names the step that it ends, and the one that the run goes on with.

Written as `step/RUN/STEP+gates to NAME`: each part but the first word may be left out. `step/41/2` is
the step that run 41 has come to as its second, so that a skip given late ends no later step.
"""

import re
from dataclasses import dataclass
from typing import Self

from canary.api.status import CanaryStatus
from canary.core.plan import Plan

FORM = "step/RUN/STEP+gates to NAME"
_READ = re.compile(
    r"step(?:/(?P<run>\d{1,9})/(?P<step>\d{1,9}))?(?P<gates>\+gates)?(?: to (?P<to>.+))?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """What a command to skip asks for."""

    run: int = 0
    """The number of the run; 0 where it is any."""
    step: int = 0
    """The number of the step that ends; 0 where it is any."""
    gates: bool = False
    """Whether the gates on the way are opened as well."""
    to: str = ""
    """The step that the run goes on with, by its name or number; empty where it is the next one."""

    @classmethod
    def read(cls, subject: str) -> Self | None:
        """Read what a command is for; None where that is no skip."""
        found = _READ.fullmatch(subject or "step")
        if found is None:
            return None
        run, step, gates, to = found.group("run", "step", "gates", "to")
        return cls(run=int(run or 0), step=int(step or 0), gates=bool(gates), to=to or "")

    @classmethod
    def of(cls, status: CanaryStatus, *, gates: bool, to: str) -> Self:
        """Ask to end the step that a run is at now."""
        return cls(run=status.runs, step=status.step, gates=gates, to=to)

    def __str__(self) -> str:
        """Write what the command is for."""
        place = f"/{self.run}/{self.step}" if self.run else ""
        gates = "+gates" if self.gates else ""
        return f"step{place}{gates}" + (f" to {self.to}" if self.to else "")

    def ends(self, run: int, step: int) -> bool:
        """Tell whether a step is the one that is meant."""
        return not self.run or (self.run, self.step) == (run, step)


def step_named(plan: Plan, name: str) -> int | None:
    """Find a step by its name, or else by its number; None where there is none."""
    names = [step.name for step in plan.steps]
    if name in names:
        return names.index(name) + 1
    numbers = {str(number): number for number in range(1, len(names) + 1)}
    return numbers.get(name)


def steps_named(plan: Plan) -> str:
    """List the steps by name, and those without one by number."""
    return ", ".join(step.name or str(number) for number, step in enumerate(plan.steps, 1))
