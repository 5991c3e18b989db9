"""Asking hooks: what those of one type say now, and what follows for the run."""

from dataclasses import dataclass
from datetime import datetime

from canary.api.people import WebhookType
from canary.core.ending import roll_back
from canary.core.hooks import Role, callable_hooks, of_role
from canary.core.images import images_told
from canary.core.needs import AskHooks, Subject
from canary.core.situation import Situation


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
    hooks = callable_hooks(situation, type_)
    if not hooks:
        return Passed()
    need = AskHooks(
        type=type_, key=_key(situation, type_), hooks=hooks, subject=_subject(situation)
    )
    answer = situation.facts.answer(need)
    if answer is None:
        return need
    if answer.passed:
        return Passed(hook=answer.hook)
    return Refused(message=f"{type_} hook {answer.hook}: {answer.message}")


def asked_again_at(situation: Situation, type_: WebhookType) -> datetime | None:
    """Tell when hooks of a type, or those that roll back, are asked again; None without any."""
    types = (type_, *of_role(Role.SIGNAL))
    if not any(callable_hooks(situation, each) for each in types):
        return None
    return situation.now + situation.spec.analysis.interval


def signalled(situation: Situation) -> AskHooks | Situation | None:
    """Ask the rollback hooks, and roll back where one passes; None where the run goes on."""
    for type_ in of_role(Role.SIGNAL):
        if not callable_hooks(situation, type_):
            continue
        answer = ask(situation, type_)
        if isinstance(answer, Passed):
            return roll_back(situation, "RollbackHook", f"Rollback hook {answer.hook} asked for it")
        if not isinstance(answer, Refused):
            return answer
    return None


def _key(situation: Situation, type_: WebhookType) -> str:
    run = situation.current_run
    return f"{run.id}/{type_}/{situation.status.canary_weight}/{run.looks}"


def _subject(situation: Situation) -> Subject:
    status = situation.status
    return Subject(
        revision=status.last_applied_spec,
        images=images_told(status),
        configs=tuple(sorted(status.tracked_configs.items())),
        run=situation.current_run,
    )
