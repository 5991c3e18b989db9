"""Workloads that the controller may no longer read: nothing is decided on what they were.

A run holds its weight, and is rolled back at `holdTimeout`; a promotion is given up. What
is at rest waits. An outage is something else: it passes, and stops every clock.
"""

from canary.api.status import Phase
from canary.core import waits as why
from canary.core.ending import fail_promotion, roll_back
from canary.core.phases import IDLE
from canary.core.situation import STEPPING, Situation, timed_out


def without_sight(situation: Situation) -> Situation | None:
    """Wait until the workloads can be read, or end the run; None where the phase does without."""
    phase, facts = situation.status.phase, situation.facts
    if not facts.unseen:
        return None
    message = f"waiting until {situation.target_name} and the primary can be read: {facts.unseen}"
    if phase in STEPPING:
        held = situation.hold(why.OBSTACLE, message, situation.hold_timeout)
        return roll_back(held, why.OBSTACLE, timed_out(message)) if held.overdue else held
    if phase is Phase.PROMOTING:
        held = situation.wait(why.OBSTACLE, message, situation.progress_deadline)
        return fail_promotion(held, why.OBSTACLE, timed_out(message)) if held.overdue else held
    return situation.wait(why.OBSTACLE, message) if phase in IDLE else None


def seen_again(situation: Situation) -> Situation:
    """Go on where the workloads can be read again: what else held the run has lost no time."""
    run = situation.status.run
    blind = next((each for each in run.holds if each.reason == why.OBSTACLE), None) if run else None
    if blind is None or situation.facts.unseen:
        return situation
    return situation.stop_clocks(blind.since).end_holds(why.OBSTACLE)
