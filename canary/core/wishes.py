"""Wishes: what a run asks leave for, and what it may be answered."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from canary.api.status import Phase
from canary.core.needs import Need
from canary.core.plan import Gate, Step
from canary.core.situation import Situation


class Wish(StrEnum):
    """What a run asks leave for."""

    START = "start"
    """Scale a new revision up."""
    ADVANCE = "advance"
    """Give it more traffic, by a step or by its promotion."""
    PROMOTE = "promote"
    """Give it all traffic: promote it, or make the switch of blue/green."""
    JOIN = "join"
    """Take a step together with others; wished last, so a run that waits for them has passed its own
    gates."""


@dataclass(frozen=True, slots=True)
class Granted:
    """The run may do what it wishes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Withheld:
    """The run waits."""

    reason: str
    """One of `waits`, and a row of `RULES`."""
    message: str
    until: datetime | None = None
    """When leave is asked for again; None where only a new fact can change the answer."""
    line: str = ""
    """The policy in whose line the run waits."""
    opens_at: datetime | None = None
    """When a rule of the fleet may give it without a new fact."""


Leave = Granted | Withheld | Need[object]
"""An answer to a wish, or what is missing to give it."""


def step_wishes(situation: Situation, step: Step | None) -> tuple[Wish, ...]:
    """Tell what a step asks leave for; None is the promotion, which follows the last one."""
    switches = any(each.gate is Gate.PROMOTION for each in situation.steps_begun)
    if step is not None and not switches:
        return Wish.ADVANCE, Wish.JOIN
    if situation.status.phase is Phase.WAITING_PROMOTION:
        # It may advance: what it waits for is the promotion.
        return Wish.PROMOTE, Wish.JOIN
    return Wish.ADVANCE, Wish.PROMOTE, Wish.JOIN
