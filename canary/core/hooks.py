"""The webhook types as a table: when each is called, and what its refusal means."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType

from canary.api.canary import CanarySpec
from canary.api.people import Webhook, WebhookType


class Refusal(StrEnum):
    """What it means that a hook of a type does not pass."""

    HOLD = "hold"
    """Wait at the gate, and ask again at the next interval."""
    FAILED_CHECK = "failed-check"
    """Count a failed check, and ask again at the next interval."""
    NOTHING = "nothing"
    """Say so in an event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HookRule:
    """When the hooks of a type are called, for people, and what a refusal means."""

    moment: str
    refusal: Refusal


RULES: Mapping[WebhookType, HookRule] = MappingProxyType(
    {
        WebhookType.CONFIRM_ROLLOUT: HookRule(
            moment="before a new revision is scaled up", refusal=Refusal.HOLD
        ),
        WebhookType.PRE_ROLLOUT: HookRule(
            moment="before the first traffic reaches the canary", refusal=Refusal.FAILED_CHECK
        ),
        WebhookType.ROLLOUT: HookRule(
            moment="at each analysis, before the metrics", refusal=Refusal.FAILED_CHECK
        ),
        WebhookType.CONFIRM_TRAFFIC_INCREASE: HookRule(
            moment="before each step that gives the canary more traffic", refusal=Refusal.HOLD
        ),
        WebhookType.CONFIRM_PROMOTION: HookRule(
            moment="after the last analysis, before the promotion", refusal=Refusal.HOLD
        ),
        WebhookType.POST_ROLLOUT: HookRule(moment="after a run's end", refusal=Refusal.NOTHING),
        WebhookType.ROLLBACK: HookRule(
            moment="at each interval of a run; passing rolls back", refusal=Refusal.NOTHING
        ),
        WebhookType.EVENT: HookRule(moment="with every event", refusal=Refusal.NOTHING),
    }
)


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
