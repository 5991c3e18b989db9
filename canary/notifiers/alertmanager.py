"""Notifier `alertmanager`: alerts of Prometheus's Alertmanager, by its API v2.

An error fires `TidegateRunFailed`, what waits for people fires `TidegateRunWaits`; a good end resolves
both. The address is the server's; a token is sent as a bearer token. An alert that is not resolved
ends by itself after a day: what must last longer is for a rule over the controller's metrics.
https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from canary.api.status import Severity
from canary.notifiers import Alert
from canary.notifiers.incidents import IncidentChange, change, summary
from canary.notifiers.posting import Posting, PostingNotifier, timestamp

_ALERTS = "/api/v2/alerts"
_FIRES_FOR = timedelta(days=1)
_NAMES = {Severity.ERROR: "TidegateRunFailed", Severity.WARN: "TidegateRunWaits"}


class AlertmanagerNotifier(PostingNotifier):
    """Fire and resolve alerts of Alertmanager."""

    name = "alertmanager"

    def postings(self, alert: Alert) -> Sequence[Posting]:
        """Fire the alert, or resolve those of this Canary; progress is no alert."""
        address = self._config.address.rstrip("/").removesuffix(_ALERTS) + _ALERTS
        document = alerts(alert)
        return (
            [Posting(address=address, document=document, headers=self.bearer)] if document else []
        )


def alerts(alert: Alert) -> list[dict[str, object]]:
    """Write what an alert fires or resolves. Labels are the identity, so no cause is among them."""
    if change(alert) is IncidentChange.ENDS:
        return [_written(alert, severity, until=alert.at) for severity in _NAMES]
    if alert.severity in _NAMES:
        return [_written(alert, alert.severity, until=alert.at + _FIRES_FOR)]
    return []


def _written(alert: Alert, severity: Severity, *, until: datetime) -> dict[str, object]:
    labels = {
        "alertname": _NAMES[severity],
        "severity": {Severity.ERROR: "critical", Severity.WARN: "warning"}[severity],
        "namespace": alert.namespace,
        "canary": alert.name,
        "cluster": alert.cluster,
    }
    return {
        "labels": {name: value for name, value in labels.items() if value},
        "annotations": {
            "summary": summary(alert),
            "description": alert.message,
            **({"runbook_url": alert.runbook} if alert.runbook else {}),
            "reason": alert.reason,
            **{name.lower(): value for name, value in alert.fields},
        },
        "startsAt": timestamp(alert.at),
        "endsAt": timestamp(until),
        **({"generatorURL": alert.link} if alert.link else {}),
    }
