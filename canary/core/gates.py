"""Asking hooks: what a gate, or a hook that may fail a check, says now."""

from dataclasses import dataclass

from canary.api.people import WebhookType
from canary.core.hooks import callable_hooks, manual_gates
from canary.core.needs import AskHooks, HookAnswer
from canary.core.situation import Situation


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A hook does not pass; `message` says which and why."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """Every hook passes, or there is none."""

    hook: str = ""
    message: str = ""


def ask(situation: Situation, type_: WebhookType) -> AskHooks | Refused | Passed:
    """Ask the hooks of one type that can be called."""
    if not callable_hooks(situation.spec, type_):
        return Passed()
    need = AskHooks(type=type_, key=_key(situation, type_))
    answer = situation.facts.answers.get(need)
    if not isinstance(answer, HookAnswer):
        return need
    if answer.passed:
        return Passed(hook=answer.hook, message=answer.message)
    return Refused(message=f"{type_} hook {answer.hook}: {answer.message}")


def ask_gate(situation: Situation, type_: WebhookType) -> AskHooks | Refused | Passed:
    """Ask the gates of one type: those with a URL first, then those that wait for a person."""
    run = situation.current_run
    if run.full_promotion or type_ in run.approvals:
        return Passed()
    answer = ask(situation, type_)
    waiting = manual_gates(situation.spec, type_)
    if not isinstance(answer, Passed) or not waiting:
        return answer
    names = ", ".join(gate.name for gate in waiting)
    return Refused(
        message=f"{type_} gate {names} waits for a person: annotate the Canary with "
        "tidegate.dev/approve or tidegate.dev/reject"
    )


def signalled(situation: Situation) -> AskHooks | Refused | Passed | None:
    """Ask the rollback hooks; `Passed` means to roll back, None that there are none."""
    if not callable_hooks(situation.spec, WebhookType.ROLLBACK):
        return None
    return ask(situation, WebhookType.ROLLBACK)


def _key(situation: Situation, type_: WebhookType) -> str:
    run = situation.current_run
    return f"{run.id}/{type_}/{situation.status.canary_weight}/{run.looks}"
