"""Commands by annotation: what each means in the phase it is given in.

A command is carried out once: it is recorded with who and why in the decision that obeys it, its
annotation is cleared afterwards, and the record is closed when the annotation is seen gone.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from canary.api.people import WebhookType
from canary.api.status import Pause, Phase, Severity
from canary.core import conditions as why
from canary.core.facts import Command
from canary.core.needs import Need
from canary.core.run import Turn, begin, held_gate, roll_back
from canary.core.situation import Situation

_BEFORE_PROMOTION = frozenset({Phase.WAITING, Phase.PROGRESSING, Phase.WAITING_PROMOTION})


def obey(situation: Situation, *, deferred: bool = False) -> Turn:
    """Carry out the commands that were not carried out yet.

    While `deferred`, commands are only closed and not carried out: a suspended Canary keeps them.
    """
    given = {(command.verb, command.value) for command in situation.facts.commands}
    situation = _close_records(situation, given)
    if deferred:
        return situation
    done = {(record.verb, record.value) for record in situation.status.commands if not record.cleared}
    for verb in VERBS:
        for command in situation.facts.commands:
            if command.verb == verb and (command.verb, command.value) not in done:
                turn = _carry_out(situation, command)
                if not isinstance(turn, Situation):
                    return turn
                situation = turn
    return situation


def _close_records(situation: Situation, given: set[tuple[str, str]]) -> Situation:
    records = tuple(
        record
        if record.cleared or (record.verb, record.value) in given
        else record.but(cleared=True)
        for record in situation.status.commands
    )
    return situation.but(commands=records) if records != situation.status.commands else situation


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


def _approve(situation: Situation, _: Command) -> Situation | None:
    gate = held_gate(situation)
    if gate is None:
        return None
    return situation.run(approvals=(*situation.current_run.approvals, gate))


def _reject(situation: Situation, command: Command) -> Situation | None:
    if held_gate(situation) is None:
        return None
    return roll_back(situation, "Rejected", f"Rejected by command{_given_by(command)}")


def _abort(situation: Situation, command: Command) -> Situation | None:
    if situation.status.phase not in _BEFORE_PROMOTION:
        return None
    return roll_back(situation, "Aborted", f"Aborted by command{_given_by(command)}")


def _pause(situation: Situation, command: Command) -> Situation | None:
    if situation.status.phase not in _BEFORE_PROMOTION or situation.status.paused:
        return None
    return situation.but(paused=Pause(by=command.value, since=situation.now))


def _resume(situation: Situation, _: Command) -> Situation | None:
    if situation.status.paused is None:
        return None
    resumed = situation.but(paused=None)
    return resumed.but(waiting_for=None) if resumed.waits_for(why.PAUSED) else resumed


def _retry(situation: Situation, _: Command) -> Situation | Need | None:
    revision = situation.facts.revision
    if situation.status.phase is not Phase.FAILED or revision is None:
        return None
    if not situation.status.last_promoted_spec:
        return situation.enter(Phase.INITIALIZING)
    if revision.id == situation.status.last_promoted_spec:
        return None
    return begin(situation, revision)


def _promote(situation: Situation, _: Command) -> Situation | None:
    if situation.status.phase not in _BEFORE_PROMOTION:
        return None
    gates = (
        WebhookType.CONFIRM_ROLLOUT,
        WebhookType.CONFIRM_TRAFFIC_INCREASE,
        WebhookType.CONFIRM_PROMOTION,
    )
    return situation.but(paused=None).run(full_promotion=True, approvals=gates)


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
