"""Commands by annotation: what each means in the phase it is given in.

A command is carried out once: it is recorded with who and why in the decision that obeys it, its
annotation is cleared afterwards, and the record is closed when the annotation is seen gone.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from canary.api.status import Pause, Phase, Severity
from canary.core import waits as why
from canary.core.ending import roll_back
from canary.core.facts import Command
from canary.core.gates import GATES, held_gates
from canary.core.initialisation import initialise
from canary.core.needs import Need
from canary.core.revision import current_revision
from canary.core.run import begin
from canary.core.situation import Situation, Turn

_BEFORE_PROMOTION = frozenset({Phase.WAITING, Phase.PROGRESSING, Phase.WAITING_PROMOTION})


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
    turn = _COMMANDS[command.verb](situation, command)
    if turn is None:
        message = (
            f"{command.verb} is not possible in phase {situation.status.phase or 'New'}"
            f"{_waiting(situation)}; it was ignored"
        )
        refused = situation.record(command.verb, command.value, accepted=False)
        return refused.tell("CommandRefused", message, Severity.WARN)
    if not isinstance(turn, Situation):
        return turn
    recorded = turn.record(command.verb, command.value, accepted=True)
    return recorded.tell("CommandAccepted", f"{command.verb} by command{_given_by(command)}")


def _given_by(command: Command) -> str:
    return f": {command.value}" if command.value else ""


def _waiting(situation: Situation) -> str:
    wait = situation.status.waiting_for
    return f" while waiting for {wait.reason}" if wait else ""


def _before_promotion(situation: Situation) -> bool:
    return situation.status.phase in _BEFORE_PROMOTION


def _approve(situation: Situation, _: Command) -> Situation | None:
    gates = held_gates(situation)
    if not gates or not _before_promotion(situation):
        return None
    approvals = (*situation.current_run.approvals, *gates)
    return situation.run(approvals=tuple(dict.fromkeys(approvals)))


def _reject(situation: Situation, command: Command) -> Situation | None:
    if not held_gates(situation) or not _before_promotion(situation):
        return None
    return roll_back(situation, "Rejected", f"Rejected by command{_given_by(command)}")


def _abort(situation: Situation, command: Command) -> Situation | None:
    if not _before_promotion(situation):
        return None
    return roll_back(situation, "Aborted", f"Aborted by command{_given_by(command)}")


def _pause(situation: Situation, command: Command) -> Situation | None:
    if situation.status.paused or not _before_promotion(situation):
        return None
    return situation.but(paused=Pause(by=command.value, since=situation.now))


def _resume(situation: Situation, _: Command) -> Situation | None:
    paused = situation.status.paused
    if paused is None:
        return None
    # A pause is no fault of whoever was to open a gate.
    resumed = situation.but(paused=None).excuse(paused.since)
    return resumed.but(waiting_for=None) if resumed.waits_for(why.PAUSED) else resumed


def _retry(situation: Situation, _: Command) -> Situation | Need | None:
    revision = current_revision(situation.status, situation.facts)
    if situation.status.phase is not Phase.FAILED or revision is None:
        return None
    if not situation.status.last_promoted_spec:
        return initialise(situation)
    if revision.id == situation.status.last_promoted_spec:
        return None
    return begin(situation, revision)


def _promote(situation: Situation, _: Command) -> Situation | None:
    if not _before_promotion(situation):
        return None
    opened = situation.but(paused=None)
    return opened.run(full_promotion=True, approvals=tuple(GATES.values()))


_COMMANDS: Mapping[str, Callable[[Situation, Command], Turn | None]] = MappingProxyType(
    {
        # The cautious ones come first: who aborts and promotes at once, aborts.
        "abort": _abort,
        "reject": _reject,
        "pause": _pause,
        "resume": _resume,
        "approve": _approve,
        "retry": _retry,
        "promote": _promote,
    }
)

VERBS = tuple(_COMMANDS)
"""Everything that can be asked by annotation, in the order in which it is carried out."""
