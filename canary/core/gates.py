"""Gates: leave that a person or a hook gives."""

from collections.abc import Mapping

from canary.api.annotations import PREFIX
from canary.api.people import WebhookType
from canary.api.status import CanaryStatus, Severity, Stage
from canary.core.asking import Passed, Refused, ask, asked_again_at
from canary.core.ending import roll_back
from canary.core.hooks import GATES, gate_deadline, manual_gates, muted
from canary.core.plan import Gate
from canary.core.situation import Situation
from canary.core.telling import message_said
from canary.core.wishes import Granted, Leave, Withheld


def ask_gate(reason: str, situation: Situation, *, asked_at: Gate | None = None) -> Leave:
    """Ask the gates of one type: those with a URL first, then those that wait for a person.

    What a person approved is open, whatever a hook says. Gates of steps are asked where the plan
    has them.
    """
    type_, run = GATES[reason], situation.current_run
    if run.full_promotion or type_ in run.approvals:
        return Granted()
    if asked_at is not None and asked_at not in _next_gates(situation):
        return Granted()
    answer, until = ask(situation, type_), asked_again_at(situation, type_)
    waiting = manual_gates(situation, type_)
    if isinstance(answer, Refused):
        return Withheld(reason=reason, message=answer.message, until=until)
    if not isinstance(answer, Passed):
        return answer
    if not waiting:
        return Granted()
    message = (
        f"{type_} gate {', '.join(waiting)} waits for a person: annotate the Canary with {PREFIX}approve or "
        f"{PREFIX}reject"
    )
    return Withheld(reason=reason, message=message, until=until)


def _next_gates(situation: Situation) -> tuple[Gate | None, ...]:
    """List the gates before the step that the run goes on with, or before the promotion.

    The end of a step that needs an approval is one, whatever comes next. Steps that are skipped keep
    their gates.
    """
    if situation.skips_steps:
        return ()
    approval = (Gate.TRAFFIC,) if any(step.approval for step in situation.steps_ended) else ()
    before = (step.gate for step in situation.steps_begun)
    last = situation.plan.gates if situation.next_step is None else ()
    return (*approval, *before, *last)


def shut(situation: Situation, withheld: Withheld) -> Situation:
    """Wait at a gate, or end the run where the gate's deadline has passed; told once."""
    reason, message, type_ = withheld.reason, withheld.message, GATES[withheld.reason]
    first = not situation.held_by(reason)
    held = situation.hold(reason, message, gate_deadline(situation, type_))
    if held.overdue:
        return time_out(held)
    if first:
        held = held.tell("GateBlocked", message, Severity.WARN, alert=not muted(held, type_))
    if withheld.until is None:
        return held.with_run(next_analysis_at=None)
    return held.look_again(withheld.until)


def gate_overdue(situation: Situation) -> bool:
    """Tell whether the run waits at a gate whose deadline has passed."""
    return situation.overdue and situation.stage is Stage.GATED


def time_out(situation: Situation) -> Situation:
    """End a run whose gate was not opened in time."""
    message = message_said(situation.status)
    what = f": {message}" if message else ""
    return roll_back(situation, "GateDeadlineExceeded", f"The gate was not opened in time{what}")


def held_gates(status: CanaryStatus) -> Mapping[str, WebhookType]:
    """List the gates that the run is held at, by their names.

    A name tells the gate from those of the same type that are shut later, in this run or another
    one: `confirm-traffic-increase/41/2` is that of run 41 after its second step.
    """
    run = status.run
    if run is None:
        return {}
    reasons = {hold.reason for hold in run.holds}
    return {
        f"{type_}/{status.runs}/{run.step}": type_
        for reason, type_ in GATES.items()
        if reason in reasons
    }
