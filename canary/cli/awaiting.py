"""What `tidegate wait --for` waits for, as it is written."""

from collections.abc import Callable
from dataclasses import dataclass

import click

from canary.api.status import CanaryStatus, Phase
from canary.views.awaited import Answer, Goal, Release, answer, condition_holds, phase_reached

DELETED = "deleted"
_PHASES = {each.value.casefold(): each for each in Phase if each.value}


@dataclass(frozen=True, slots=True)
class Awaited:
    """What is waited for, as it was written, and how a status is asked for it."""

    written: str
    asked: Callable[[CanaryStatus, Release], Answer | None]


class AwaitedParam(click.ParamType[Awaited]):
    """What is waited for: an end by its name, a phase, or a condition."""

    name = "what"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Awaited:
        """Read what is waited for."""
        if isinstance(value, Awaited):
            return value
        awaited = _read(str(value))
        if awaited is None:
            known = ", ".join([*Goal, DELETED, "phase=PHASE", "condition=TYPE"])
            self.fail(f"{value!r} is nothing to wait for; write one of {known}", param, ctx)
        return awaited


def _read(written: str) -> Awaited | None:
    what, equals, name = written.partition("=")
    if what == "phase" and name.casefold() in _PHASES:
        phase = _PHASES[name.casefold()]
        return Awaited(written, lambda status, _: phase_reached(status, phase))
    if what == "condition" and name:
        return Awaited(written, lambda status, _: condition_holds(status, name))
    if equals:
        return None
    if what == DELETED:
        return Awaited(written, lambda *_: None)
    if what in set(Goal):
        goal = Goal(what)
        return Awaited(written, lambda status, release: answer(status, release, goal))
    return None
