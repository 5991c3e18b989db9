"""Gates: leave that a person or a hook gives."""

from collections.abc import Mapping

from canary.api.annotations import PREFIX
from canary.api.people import WebhookType
from canary.api.status import Approval, CanaryStatus, Severity, Stage
from canary.core.asking import Passed, Refused, ask, asked_again_at
from canary.core.ending import roll_back
from canary.core.hooks import GATES, approvals_needed, gate_deadline, manual_gates, muted
from canary.core.plan import Gate
from canary.core.signature import Signature
from canary.core.situation import Situation
from canary.core.telling import message_said, reason_said
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
    return Withheld(reason=reason, message=_awaited(situation, type_), until=until)


def _awaited(situation: Situation, type_: WebhookType) -> str:
    """Say which gates of one type wait, and for whom."""
    gates = ", ".join(manual_gates(situation, type_))
    return (
        f"{type_} gate {gates} {_progress(situation, type_)}: annotate the Canary with "
        f"{PREFIX}approve or {PREFIX}reject"
    )


def _progress(situation: Situation, type_: WebhookType) -> str:
    """Say how many people have approved the gates of one type."""
    needed, given = approvals_needed(situation, type_), _approvals(situation, type_)
    if needed == 1:
        return "waits for a person"
    if not situation.facts.policy.verified_commands:
        return f"takes {needed} people, and only a controller with --verified-commands knows them"
    people = f" ({', '.join(each.user for each in given)})" if given else ""
    return f"has {len(given)} of {needed} approvals{people}"


def _approvals(situation: Situation, type_: WebhookType) -> tuple[Approval, ...]:
    """List who has approved the gate of one type that is shut now."""
    names = {name for name, each in held_gates(situation.status).items() if each is type_}
    return tuple(each for each in situation.current_run.approved_by if each.gate in names)


def approve(situation: Situation, signature: Signature, type_: WebhookType) -> Situation | str:
    """Count an approval of a gate that is shut, and open it if no other is missing.

    Gives the reason where it does not count.
    """
    run, needed = situation.current_run, approvals_needed(situation, type_)
    if needed == 1 or type_ in run.approvals:
        return situation.with_run(approvals=tuple(dict.fromkeys((*run.approvals, type_))))
    if not situation.facts.policy.verified_commands:
        return (
            f"{type_} takes {needed} people, and the names are not checked; run the controller "
            "with --verified-commands"
        )
    if not signature.user:
        return f"{type_} takes {needed} people, and this approval has no signature; use tidegate"
    shut_gates = held_gates(situation.status)
    gate = next(name for name, each in shut_gates.items() if each is type_)
    given = _approvals(situation, type_)
    approval = Approval(gate=gate, user=signature.user, at=situation.now, reason=signature.reason)
    people = {each.user for each in given}
    if approval.user not in people:
        kept = (each for each in run.approved_by if each.gate in shut_gates)
        situation = situation.with_run(approved_by=(*kept, approval))
    elif len(people) < needed:
        return f"{signature.giver} has approved {type_} already ({len(people)} of {needed})"
    if len(people | {approval.user}) >= needed:
        return situation.with_run(approvals=(*run.approvals, type_))
    return _say_who_is_missing(situation, type_)


def _say_who_is_missing(situation: Situation, type_: WebhookType) -> Situation:
    """Say that a gate waits for fewer people, where it is what is waited for."""
    reason = next(each for each, gate in GATES.items() if gate is type_)
    if reason_said(situation.status) != reason:
        return situation
    return situation.hold(reason, _awaited(situation, type_), gate_deadline(situation, type_))


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
