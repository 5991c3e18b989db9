"""The next step of a run: taken with leave, once the side that gets the traffic can carry it."""

from dataclasses import replace

from canary.api.people import WebhookType
from canary.api.status import Phase
from canary.core import waits as why
from canary.core.asking import asked_again_at
from canary.core.capacity import beyond_primary, size_at, sized, sized_at
from canary.core.ending import roll_back
from canary.core.hooks import GATES
from canary.core.lasting_holds import PROOF_AWAITED
from canary.core.leave import FLEET, RULES, leave, leave_of_fleet, withhold
from canary.core.plan import Step
from canary.core.promotion import promote
from canary.core.shares import by_pods
from canary.core.situation import Situation, Turn, timed_out
from canary.core.weights import FULL
from canary.core.wishes import Granted, Wish, Withheld, step_wishes

UNREADY = (
    why.CANARY_NOT_READY,
    why.BASELINE_NOT_READY,
    why.TARGET_MISSING,
    why.REVISION_UNKNOWN,
)
"""What holds a run whose canary is not ready. Where it has had traffic, the hold ends with the next
analysis that passes, so that a canary which comes and goes does not get the deadline again each time."""


def take_step(situation: Situation) -> Turn:
    """Take the next step, or promote after the last one, with leave."""
    return move_on(situation, situation.next_step)


def move_on(situation: Situation, step: Step | None) -> Turn:
    """Take a step, or promote where there is none, with leave."""
    for wish in step_wishes(situation, step):
        answer = leave(wish, situation)
        if isinstance(answer, Withheld):
            return _stay(situation, wish, answer)
        if not isinstance(answer, Granted):
            return answer
    if step is None:
        return promote(situation)
    if not sized_at(situation, step):
        return _await_size(situation, step)
    short_of = beyond_primary(situation, step)
    return _await_primary(situation, short_of) if short_of else _advance(situation, step)


def kept_by_fleet(situation: Situation) -> Situation | None:
    """Wait where a rule of the fleet withholds the next step; None where none does."""
    for wish in step_wishes(situation, situation.next_step):
        answer = leave_of_fleet(wish, situation)
        if isinstance(answer, Withheld):
            return _stay(situation, wish, answer)
    return None


def _await_size(situation: Situation, step: Step) -> Situation:
    """Have the canary scaled for a step that it has leave for, and remember both until it is ready."""
    run, number = situation.current_run, situation.next_number
    bound = situation.end_holds(*GATES).with_run(next_step=number, approvals=tuple(GATES.values()))
    noted = run.next_step is not None and situation.held_by(why.CANARY_NOT_READY)
    if not (noted and run.next_analysis_at):
        # Once: a controller that dies after each write would never come to scale the canary.
        bound = bound.look_again()
    message = (
        f"waiting for {size_at(situation, step)} ready pods of {situation.canary_name}, as many as "
        f"step {step.name or number} needs"
    )
    held = bound.hold(why.CANARY_NOT_READY, message, situation.hold_timeout)
    return roll_back(held, why.CANARY_NOT_READY, timed_out(message)) if held.overdue else held


def _await_primary(situation: Situation, share: int) -> Situation:
    """Wait until the primary can take what the step gives it; the analysis goes on meanwhile."""
    message = (
        f"waiting for more pods of {situation.spec.primary_name} to be ready: it has too few for "
        f"{share} % of the traffic"
    )
    held = situation.hold(why.PRIMARY_SHORT, message, situation.hold_timeout)
    if held.overdue:
        return roll_back(held, why.PRIMARY_SHORT, timed_out(message))
    return held.look_again()


def judged(situation: Situation) -> bool:
    """Tell whether the canary is judged: it is at a step, or serves for want of the primary."""
    return situation.begun or situation.status.canary_weight > 0


def release(situation: Situation) -> Situation:
    """End what held the run; a primary that is lost is one episode until it is back."""
    back = (why.PRIMARY_NOT_READY,) if situation.primary_serves else ()
    unjudged = (why.ANALYSIS_INCONCLUSIVE, PROOF_AWAITED, why.TRAFFIC_UNVERIFIED)
    return situation.end_holds(*unjudged, *UNREADY, *back)


def _stay(situation: Situation, wish: Wish, withheld: Withheld) -> Situation:
    """Wait for leave; with something to judge the analysis goes on meanwhile."""
    if judged(situation):
        withheld = replace(withheld, until=situation.now + situation.spec.analysis.interval)
    elif RULES[withheld.reason].of_fleet:
        withheld = replace(withheld, until=asked_again_at(situation, WebhookType.ROLLBACK))
    if wish is Wish.PROMOTE:
        situation = situation.end_holds(why.TRAFFIC_GATE).enter(Phase.WAITING_PROMOTION)
    return withhold(situation, withheld)


def _advance(situation: Situation, step: Step) -> Situation:
    number, before = situation.next_number, situation.step_weight
    moved = situation.enter(Phase.PROGRESSING).take_step(number)
    if step.weight or step.mirror or before:
        copies = step.mirror and not step.weight
        reason = "MirroringStarted" if copies else "WeightAdvanced"
        joined = moved.without_event("AnalysisStarted")
        starts = "" if joined is moved else "; the analysis starts"
        moved = joined.tell(reason, f"{_told(moved, step, before=before)}{starts}")
    moved = release(moved.with_run(analysis_passed=False, approvals=()))
    moved = moved.end_holds(*GATES, *FLEET, why.PRIMARY_SHORT)
    if not sized(moved, step.weight):
        moved = moved.note_hold(why.CANARY_NOT_READY)
    return moved.wait(why.ANALYSIS_DUE, f"the analysis {_where(step)}").look_again()


def _told(situation: Situation, step: Step, *, before: int) -> str:
    """Say what the canary gets from now on."""
    target, carried = situation.canary_name, situation.status.canary_weight
    said = []
    if step.matched and step.weight == FULL:
        said.append(f"{target} serves the requests that match")
    elif step.weight or before:
        moved = f"{_moved(before, step.weight)} {step.weight} %{by_pods(situation, step.weight)}"
        said.append(f"Weight of {target} {moved}")
    if step.mirror:
        said.append(f"{step.mirror} % of the requests are mirrored to {target}")
    message = "; ".join(said)
    if step.name:
        message = f"Step {step.name}: {message}"
    if not situation.above_step:
        return message
    return f"{message}; it serves {carried} % until the primary is ready"


def _moved(before: int, after: int) -> str:
    if after == before:
        return "stays at"
    return "advanced to" if after > before else "lowered to"


def _where(step: Step) -> str:
    """Say at which traffic the canary is judged."""
    if step.weight:
        return f"at {step.weight} %"
    return "of mirrored requests" if step.mirror else "without traffic"
