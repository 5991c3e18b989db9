"""The webhook types as a table: what each is to a run, and which hooks of a spec are of which type."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType

from canary.api.canary import CanarySpec
from canary.api.people import Webhook, WebhookType
from canary.core import waits as why
from canary.core.plan import Step
from canary.core.situation import Situation


class Role(StrEnum):
    """What the hooks of a type are to a run."""

    GATE = "gate"
    """A step needs their leave; without it the run waits, and asks again at the next interval."""
    CHECK = "check"
    """One that does not pass is a failed check."""
    SIGNAL = "signal"
    """One that passes rolls the run back."""
    LISTENER = "listener"
    """They hear what happens, and are asked nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HookRule:
    """What the hooks of a type are to a run."""

    role: Role
    wait: str = ""
    """What a run waits for at a gate that is shut."""


RULES: Mapping[WebhookType, HookRule] = MappingProxyType(
    {
        WebhookType.CONFIRM_ROLLOUT: HookRule(role=Role.GATE, wait=why.ROLLOUT_GATE),
        WebhookType.PRE_ROLLOUT: HookRule(role=Role.CHECK),
        WebhookType.ROLLOUT: HookRule(role=Role.CHECK),
        WebhookType.CONFIRM_TRAFFIC_INCREASE: HookRule(role=Role.GATE, wait=why.TRAFFIC_GATE),
        WebhookType.CONFIRM_PROMOTION: HookRule(role=Role.GATE, wait=why.PROMOTION_GATE),
        WebhookType.POST_ROLLOUT: HookRule(role=Role.LISTENER),
        WebhookType.ROLLBACK: HookRule(role=Role.SIGNAL),
        WebhookType.EVENT: HookRule(role=Role.LISTENER),
    }
)

GATES: Mapping[str, WebhookType] = MappingProxyType(
    {rule.wait: type_ for type_, rule in RULES.items() if rule.role is Role.GATE}
)
"""The gates, by what a run waits for at them."""


def of_role(role: Role) -> tuple[WebhookType, ...]:
    """List the types of hooks that have a role."""
    return tuple(type_ for type_, rule in RULES.items() if rule.role is role)


def hooks_of(spec: CanarySpec, type_: WebhookType) -> tuple[Webhook, ...]:
    """Pick the hooks of one type that are the run's, whatever step it is at."""
    return tuple(hook for hook in spec.analysis.webhooks if hook.type == type_)


def with_url(hooks: Iterable[Webhook]) -> tuple[Webhook, ...]:
    """Pick the hooks that can be called."""
    return tuple(hook for hook in hooks if hook.url)


def hooks_at(situation: Situation, type_: WebhookType) -> tuple[Webhook, ...]:
    """Pick the hooks of one type that have a say now: those of the run, then those of the step.

    The traffic gate of a step is asked before it is taken, or skipped.
    """
    steps: tuple[Step, ...] = (situation.step,) if situation.step else ()
    if type_ is WebhookType.CONFIRM_TRAFFIC_INCREASE:
        steps = situation.steps_begun
    own = (hook for step in steps for hook in step.hooks if hook.type == type_)
    return (*hooks_of(situation.spec, type_), *own)


def callable_hooks(situation: Situation, type_: WebhookType) -> tuple[Webhook, ...]:
    """Pick the hooks of one type that have a say now and that can be called."""
    return with_url(hooks_at(situation, type_))


def manual_gates(situation: Situation, type_: WebhookType) -> tuple[str, ...]:
    """Name the gates of one type that only a person can open.

    The end of a step that needs an approval is one, in front of whatever comes next.
    """
    hooks = tuple(hook.name for hook in hooks_at(situation, type_) if not hook.url)
    if type_ is not WebhookType.CONFIRM_TRAFFIC_INCREASE:
        return hooks
    ended = enumerate(situation.steps_ended, max(situation.current_run.step, 1))
    approvals = (f"of step {step.name or number}" for number, step in ended if step.approval)
    return (*hooks, *approvals)


def approvals_needed(situation: Situation, type_: WebhookType) -> int:
    """Count the people that must approve the gates of one type: as many as the strictest asks for."""
    hooks = hooks_at(situation, type_)
    return max((hook.approvals for hook in hooks if not hook.url), default=1)


def gate_deadline(situation: Situation, type_: WebhookType) -> timedelta:
    """Tell how long the gates of one type may hold: the shortest of their deadlines."""
    deadlines = (hook.deadline for hook in hooks_at(situation, type_))
    return min(deadlines, default=Webhook.model_fields["deadline"].default)


def muted(situation: Situation, type_: WebhookType) -> bool:
    """Tell whether there are gates of this type, and none of them wants an alert."""
    hooks = hooks_at(situation, type_)
    return bool(hooks) and all(hook.mute_alert for hook in hooks)
