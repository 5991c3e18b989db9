"""Commands by annotation: what each means in the phase it is given in.

A command is carried out once: it is recorded with who and why in the decision that obeys it, its
annotation is cleared afterwards, and the record is closed when the annotation is seen gone.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from canary.api.annotations import VERBS
from canary.api.deliverypolicy import Expedite
from canary.api.people import WebhookType
from canary.api.status import Pause, Phase, Severity, Stage
from canary.core.capacity import beyond_primary
from canary.core.ending import roll_back
from canary.core.facts import Command
from canary.core.gates import approve, held_gates
from canary.core.hooks import GATES
from canary.core.initialisation import initialise
from canary.core.leave import lifted
from canary.core.phases import RUNNING
from canary.core.references import unjudgeable
from canary.core.revision import current_revision
from canary.core.run import begin
from canary.core.signature import Signature
from canary.core.situation import Situation, Turn
from canary.core.skips import FORM, Skip, step_named, steps_named
from canary.core.stop import ask_readable, ask_stop
from canary.core.telling import reason_said
from canary.core.wishes import Withheld

_BEFORE_PROMOTION = frozenset({Phase.WAITING, Phase.PROGRESSING, Phase.WAITING_PROMOTION})
_NEED_NO_SPEC = frozenset({"abort", "reject", "pause", "resume"})
_NOTED = 5
"""So many commands are noted in the record of a run."""


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Why a command is not obeyed."""

    why: str


def obey(situation: Situation) -> Turn:
    """Carry out the commands that were not carried out yet, up to one that changes the phase."""
    turn: Turn = close_records(situation)
    for verb in VERBS:
        for command in situation.facts.commands:
            if not isinstance(turn, Situation):
                return turn
            settled = turn.status.phase is situation.status.phase
            if settled and command.verb == verb and not _done(turn, command):
                turn = _carry_out(turn, command)
    return turn


def close_records(situation: Situation) -> Situation:
    """Close the records of commands whose annotations are gone, so that they may be given again."""
    given = {(command.verb, command.value) for command in situation.facts.commands}
    return situation.but(
        commands=tuple(
            record if (record.verb, record.value) in given else record.but(cleared=True)
            for record in situation.status.commands
        )
    )


def _done(situation: Situation, command: Command) -> bool:
    return any(
        (record.verb, record.value) == (command.verb, command.value) and not record.cleared
        for record in situation.status.commands
    )


def _carry_out(situation: Situation, command: Command) -> Turn:
    signature = Signature.read(command.value)
    turn: Turn | _Refusal = _Refusal("no valid spec is known: repair it, or abort the run")
    if command.verb in _NEED_NO_SPEC or not situation.facts.unguided:
        turn = _COMMANDS[command.verb](_noted(situation, command.verb, signature), signature)
    if isinstance(turn, _Refusal):
        message = f"{turn.why} (phase {situation.status.phase or 'New'}{_waiting(situation)})"
        refused = situation.note_command(command.verb, command.value, refusal=message)
        told = f"{command.verb} {signature.shown} was refused: {message}"
        return refused.tell("CommandRefused", told, Severity.WARN)
    if not isinstance(turn, Situation):
        return turn
    recorded = _noted(turn, command.verb, signature).note_command(command.verb, command.value)
    return recorded.tell("CommandAccepted", f"{command.verb} {signature.shown}")


def _noted(situation: Situation, verb: str, signature: Signature) -> Situation:
    """Note in the run under way, if there is one, who has a hand in it."""
    run, note = situation.status.run, f"{verb} by {signature.giver}"
    if run is None or note in run.commands[-1:]:
        return situation
    return situation.with_run(commands=(*run.commands, note)[-_NOTED:])


def _waiting(situation: Situation) -> str:
    reason = reason_said(situation.status)
    return f", waiting for {reason}" if reason else ""


def _not_in_run(situation: Situation) -> _Refusal | None:
    """Refuse what only makes sense in a run before its promotion."""
    phase = situation.status.phase
    if phase in _BEFORE_PROMOTION:
        return None
    return _Refusal("the promotion has begun" if phase in RUNNING else "no run is under way")


def _gates(situation: Situation, signature: Signature) -> tuple[WebhookType, ...] | _Refusal:
    """Pick the gates that a command is for: the one that it names, or all that are shut now."""
    gates = held_gates(situation.status)
    if situation.status.phase not in _BEFORE_PROMOTION or not gates:
        return _Refusal("no gate is shut")
    named = signature.subject
    meant = tuple(type_ for name, type_ in gates.items() if named in {"", name, type_})
    return meant or _Refusal(f"the gate {named} is not shut; shut now: {', '.join(gates)}")


def _approve(situation: Situation, signature: Signature) -> Situation | _Refusal:
    gates = _gates(situation, signature)
    if isinstance(gates, _Refusal):
        return gates
    refusals = []
    for type_ in gates:
        answer = approve(situation, signature, type_)
        if isinstance(answer, str):
            refusals.append(answer)
        else:
            situation = answer
    return _Refusal("; ".join(refusals)) if len(refusals) == len(gates) else situation


def _reject(situation: Situation, signature: Signature) -> Situation | _Refusal:
    gates = _gates(situation, signature)
    if isinstance(gates, _Refusal):
        return gates
    return roll_back(situation, "Rejected", f"Rejected {signature.shown}")


def _abort(situation: Situation, signature: Signature) -> Situation | _Refusal:
    message = f"Aborted {signature.shown}"
    return _not_in_run(situation) or roll_back(situation, "Aborted", message, at_once=True)


def _pause(situation: Situation, signature: Signature) -> Situation | _Refusal:
    if situation.status.paused:
        return _Refusal("the run is paused already")
    pause = Pause(by=signature.shown, since=situation.now)
    return _not_in_run(situation) or situation.but(paused=pause)


def _resume(situation: Situation, _: Signature) -> Situation | _Refusal:
    paused = situation.status.paused
    if paused is None:
        return _Refusal("nothing is paused")
    return lifted(situation.but(paused=None), Stage.PAUSED, paused.since)


def _stopped(situation: Situation) -> _Refusal | None:
    """Refuse what could only be done after a stop: by then it may no longer be meant."""
    for ask in (ask_stop, ask_readable):
        answer = ask(situation)
        if isinstance(answer, Withheld):
            return _Refusal(answer.message)
    return None


def _skip(situation: Situation, signature: Signature) -> Situation | _Refusal:
    skip = Skip.read(signature.subject)
    if skip is None:
        return _Refusal(f"{signature.subject} is no step: write {FORM}")
    refusal = _not_in_run(situation) or _stopped(situation) or _nothing_to_skip(situation, skip)
    if refusal:
        return refusal
    run = situation.current_run
    number = step_named(situation.plan, skip.to) if skip.to else run.step + 1
    if number is None:
        return _Refusal(f"there is no step {skip.to}; the steps are {steps_named(situation.plan)}")
    if number == run.step:
        return _Refusal(f"the run is at step {skip.to} already")
    if share := beyond_primary(situation, situation.plan.step(number)):
        primary = situation.spec.primary_name
        return _Refusal(f"{primary} has too few ready pods for {share} % of the traffic")
    gates = held_gates(situation.status)
    if gates and number > run.step and not skip.gates:
        shut = ", ".join(gates)
        return _Refusal(f"a gate is shut: approve it, or skip step+gates; shut now: {shut}")
    bound = situation.with_run(next_step=number, analysis_passed=True)
    if skip.gates:
        bound = bound.with_run(approvals=tuple(GATES.values()))
    return bound.end_holds(*GATES).go_on() if gates else bound


def _nothing_to_skip(situation: Situation, skip: Skip) -> _Refusal | None:
    run = situation.current_run
    if situation.status.phase is Phase.WAITING:
        return _Refusal("the run has not begun")
    if situation.skips_steps or run.full_promotion:
        return _Refusal("the steps are skipped already")
    if not skip.ends(situation.status.runs, run.step):
        at = f"{situation.status.runs}/{run.step}"
        return _Refusal(f"the run has come to step/{at}, and step/{skip.run}/{skip.step} is over")
    if not run.step and not skip.to:
        return _Refusal("the run has not come to its first step")
    return None


def _retry(situation: Situation, _: Signature) -> Turn | _Refusal:
    revision = current_revision(situation.status, situation.facts)
    if situation.status.phase is not Phase.FAILED:
        return _Refusal("the last run has not failed")
    if revision is None:
        return _Refusal("the target, or something that it needs, is missing")
    if not situation.status.last_promoted_spec:
        return initialise(situation)
    if revision.id == situation.status.last_promoted_spec:
        return _Refusal("the target is back at the promoted revision")
    if reason := unjudgeable(situation):
        return _Refusal(f"a run could not be judged: {reason}")
    return begin(situation, revision)


def _expedite(situation: Situation, signature: Signature) -> Situation | _Refusal:
    if refusal := _not_in_run(situation) or _stopped(situation):
        return refusal
    if situation.current_run.expedited:
        return _Refusal("the run is expedited already")
    policies = [each for each in situation.facts.policies if each.expeditable]
    if not policies and situation.spec.fleet is None:
        return _Refusal(
            "no DeliveryPolicy holds it for a window or in a line, and it names no FleetPlan"
        )
    for policy in situation.facts.policies:
        if policy.spec.expedite is Expedite.REFUSED:
            return _Refusal(f"DeliveryPolicy {policy.name} allows no run to be expedited")
    return situation.with_run(expedited=signature.shown)


def _promote(situation: Situation, _: Signature) -> Situation | _Refusal:
    opened = situation.but(paused=None)
    return (
        _not_in_run(situation)
        or _stopped(situation)
        or opened.with_run(full_promotion=True, approvals=tuple(GATES.values()))
    )


_COMMANDS: Mapping[str, Callable[[Situation, Signature], Turn | _Refusal]] = MappingProxyType(
    {
        "abort": _abort,
        "reject": _reject,
        "pause": _pause,
        "resume": _resume,
        "approve": _approve,
        "skip": _skip,
        "expedite": _expedite,
        "retry": _retry,
        "promote": _promote,
    }
)
