"""Receivers: who hears of a Canary, and of what type each is."""

from dataclasses import dataclass

from canary.api.people import AlertReference
from canary.api.status import Severity
from canary.controller.canaries import CanaryKey
from canary.notifiers import NotifierConfig
from canary.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultReceiver:
    """The receiver for Canaries that name none, and what it gets."""

    kind: str
    config: NotifierConfig
    severity: Severity


Receiver = AlertReference | DefaultReceiver

EVENT_TYPE, HOOK_TYPE = "event", "hook"
"""What receives a notice that is no alert."""
UNKNOWN_TYPE = "unknown"
"""The type of a receiver whose AlertProvider cannot be read."""


def default_receiver(settings: Settings) -> DefaultReceiver | None:
    """Give the receiver for a Canary that names none."""
    severity = Severity(settings.alert_severity)
    match settings.receiver:
        case "slack":
            config = NotifierConfig(
                address=settings.slack_url,
                token=settings.slack_token,
                channel=settings.slack_channel,
                username=settings.slack_user,
                proxy=settings.slack_proxy,
            )
            return DefaultReceiver(kind="slack", config=config, severity=severity)
        case "webhook":
            config = NotifierConfig(
                address=settings.alert_webhook, token=settings.alert_webhook_token
            )
            return DefaultReceiver(kind="webhook", config=config, severity=severity)
    return None


def destination(key: CanaryKey, receiver: Receiver) -> str:
    """Name where alerts to a receiver go, whichever Canary they are of."""
    if isinstance(receiver, DefaultReceiver):
        return "the default receiver"
    reference = receiver.provider_ref
    return f"{key.group}/{reference.namespace or key.namespace}/{reference.name}"
