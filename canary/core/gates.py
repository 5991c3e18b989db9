"""Asking hooks: what a gate, or a hook that may fail a check, says now."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from canary.api.annotations import PREFIX
from canary.api.people import WebhookType
from canary.api.status import CanaryStatus, Severity
from canary.core import waits as why
from canary.core.ending import roll_back
from canary.core.hooks import callable_hooks, gate_deadline, manual_gates, muted
from canary.core.images import images_told
from canary.core.needs import AskHooks, HookAnswer, Subject
from canary.core.situation import Situation

GATES: Mapping[str, WebhookType] = MappingProxyType(
    {
        why.ROLLOUT_GATE: WebhookType.CONFIRM_ROLLOUT,
        why.TRAFFIC_GATE: WebhookType.CONFIRM_TRAFFIC_INCREASE,
        why.PROMOTION_GATE: WebhookType.CONFIRM_PROMOTION,
    }
)
"""The gates, by what a run waits for at them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A hook does not pass; `message` says which and why."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """Every hook passes, or there is none."""

    hook: str = ""


def ask(situation: Situation, type_: WebhookType) -> AskHooks | Refused | Passed:
    """Ask the hooks of one type that can be called."""
    hooks = callable_hooks(situation.spec, type_)
    if not hooks:
        return Passed()
    key, subject = _key(situation, type_), _subject(situation)
    need = AskHooks(type=type_, key=key, hooks=hooks, subject=subject)
    answer = situation.facts.answers.get(need)
    if not isinstance(answer, HookAnswer):
        return need
    if answer.passed:
        return Passed(hook=answer.hook)
    return Refused(message=f"{type_} hook {answer.hook}: {answer.message}")


def ask_gate(situation: Situation, reason: str) -> AskHooks | Refused | Passed:
    """Ask the gates of one type: those with a URL first, then those that wait for a person.

    What a person approved is open, whatever a hook says.
    """
    type_, run = GATES[reason], situation.current_run
    if run.full_promotion or type_ in run.approvals:
        return Passed()
    answer = ask(situation, type_)
    waiting = manual_gates(situation.spec, type_)
    if not isinstance(answer, Passed) or not waiting:
        return answer
    names = ", ".join(gate.name for gate in waiting)
    return Refused(
        message=f"{type_} gate {names} waits for a person: annotate the Canary with "
        f"{PREFIX}approve or {PREFIX}reject"
    )


def shut(situation: Situation, reason: str, message: str, *, ask_again: bool) -> Situation:
    """Wait at a gate, or end the run where the gate's deadline has passed; told once."""
    type_ = GATES[reason]
    first = not situation.held_by(reason)
    held = situation.hold(reason, message, gate_deadline(situation.spec, type_))
    if held.overdue:
        return time_out(held)
    if first:
        held = held.tell("GateBlocked", message, Severity.WARN, alert=not muted(held.spec, type_))
    return held.look_again() if ask_again else held.with_run(next_analysis_at=None)


def overdue(situation: Situation) -> bool:
    """Tell whether the run waits at a gate whose deadline has passed."""
    return situation.overdue and situation.waits_for(*GATES)


def time_out(situation: Situation) -> Situation:
    """End a run whose gate was not opened in time."""
    wait = situation.status.waiting_for
    what = f": {wait.message}" if wait else ""
    return roll_back(situation, "GateDeadlineExceeded", f"The gate was not opened in time{what}")


def held_gates(status: CanaryStatus) -> Mapping[str, WebhookType]:
    """List the gates that the run is held at, by their names.

    A name tells the gate from those of the same type that are shut later, in this run or another
    one: `confirm-traffic-increase/41/20` is that of run 41 at 20 %.
    """
    reasons = {hold.reason for hold in status.run.holds} if status.run else set()
    return {
        f"{type_}/{status.runs}/{status.canary_weight}": type_
        for reason, type_ in GATES.items()
        if reason in reasons
    }


def asks(situation: Situation, *types: WebhookType) -> bool:
    """Tell whether a hook of these types is there to be asked at each interval."""
    return any(callable_hooks(situation.spec, type_) for type_ in types)


def signalled(situation: Situation) -> AskHooks | Situation | None:
    """Ask the rollback hooks, and roll back where one passes; None where the run goes on."""
    if not asks(situation, WebhookType.ROLLBACK):
        return None
    answer = ask(situation, WebhookType.ROLLBACK)
    if isinstance(answer, Passed):
        return roll_back(situation, "RollbackHook", f"Rollback hook {answer.hook} asked for it")
    return None if isinstance(answer, Refused) else answer


def _key(situation: Situation, type_: WebhookType) -> str:
    run = situation.current_run
    return f"{run.id}/{type_}/{situation.status.canary_weight}/{run.looks}"


def _subject(situation: Situation) -> Subject:
    status = situation.status
    return Subject(
        revision=status.last_applied_spec,
        images=images_told(status),
        configs=tuple(sorted(status.tracked_configs.items())),
    )
