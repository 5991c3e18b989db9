"""The webhook types as a table: what each is to a run, and which hooks of a spec are of which type."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType

from canary.api.canary import CanarySpec
from canary.api.people import Webhook, WebhookType
from canary.core import waits as why


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
    """Pick the hooks of one type, in their order."""
    return tuple(hook for hook in spec.analysis.webhooks if hook.type == type_)


def callable_hooks(spec: CanarySpec, type_: WebhookType) -> tuple[Webhook, ...]:
    """Pick the hooks of one type that have a URL to call."""
    return tuple(hook for hook in hooks_of(spec, type_) if hook.url)


def manual_gates(spec: CanarySpec, type_: WebhookType) -> tuple[Webhook, ...]:
    """Pick the gates of one type that only a person can open."""
    return tuple(hook for hook in hooks_of(spec, type_) if not hook.url)


def gate_deadline(spec: CanarySpec, type_: WebhookType) -> timedelta:
    """Tell how long the gates of one type may hold: the shortest of their deadlines."""
    return min(hook.deadline for hook in hooks_of(spec, type_))


def muted(spec: CanarySpec, type_: WebhookType) -> bool:
    """Tell whether no gate of this type wants an alert."""
    return all(hook.mute_alert for hook in hooks_of(spec, type_))
