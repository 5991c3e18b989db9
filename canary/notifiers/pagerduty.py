"""Notifier `pagerduty`: an error triggers an incident, the next good end resolves it.

So does a gate that waits for a person, where `pageOnGates` says so. Everything else is a change event, which pages no one. The token is the routing key of an Events API
v2 integration; the address, where there is one, is that of another region's events API.
https://developer.pagerduty.com/docs/events-api-v2-overview
"""

from collections.abc import Sequence
from typing import ClassVar

from canary.api.status import Severity
from canary.notifiers import Alert, NotifierSetting
from canary.notifiers.incidents import (
    PAGE_ON_GATES,
    IncidentChange,
    change,
    details,
    key,
    summary,
)
from canary.notifiers.posting import OPEN, Posting, PostingNotifier, shortened, timestamp

_ADDRESS = "https://events.pagerduty.com"
_EVENTS, _CHANGES = "/v2/enqueue", "/v2/change/enqueue"
LONGEST_SUMMARY = 1024
_SEVERITIES = {Severity.INFO: "info", Severity.WARN: "warning", Severity.ERROR: "error"}


class PagerDutyNotifier(PostingNotifier):
    """Page the person on call in PagerDuty."""

    name = "pagerduty"
    settings: ClassVar[tuple[NotifierSetting, ...]] = (PAGE_ON_GATES,)

    def postings(self, alert: Alert) -> Sequence[Posting]:
        """Trigger, resolve, or tell of a change."""
        routing_key = self._config.token.strip()
        if not routing_key:
            raise self.undelivered(
                "the Secret has no key token; write the integration's routing key there"
            )
        server = (self._config.address or _ADDRESS).rstrip("/").removesuffix(_EVENTS)
        event: dict[str, object] = {
            "routing_key": routing_key,
            "dedup_key": key(alert),
            "client": "tidegate",
            **({"client_url": alert.link} if alert.link else {}),
        }
        places = ((alert.link, OPEN), (alert.runbook, "Runbook"), (alert.logs, "Logs"))
        shown = [{"href": address, "text": text} for address, text in places if address]
        links = {"links": shown} if shown else {}
        changed = Posting(
            address=server + _CHANGES,
            document={"routing_key": routing_key, "payload": _payload(alert), **links},
        )
        match change(alert, on_gates=bool(self.chosen(PAGE_ON_GATES))):
            case IncidentChange.OPENS:
                event |= {"event_action": "trigger", "payload": _incident(alert), **links}
                return [Posting(address=server + _EVENTS, document=event)]
            case IncidentChange.ENDS:
                event |= {"event_action": "resolve"}
                # PagerDuty drops a resolution that it has no incident for.
                return [Posting(address=server + _EVENTS, document=event), changed]
        return [changed]


def _payload(alert: Alert) -> dict[str, object]:
    """Write what incidents and changes have in common."""
    return {
        "summary": shortened(summary(alert), LONGEST_SUMMARY),
        "source": alert.cluster or "tidegate",
        "timestamp": timestamp(alert.at),
        "custom_details": details(alert),
    }


def _incident(alert: Alert) -> dict[str, object]:
    return {
        **_payload(alert),
        "severity": _SEVERITIES[alert.severity],
        "component": alert.target,
        "group": alert.namespace,
        "class": alert.reason,
    }
