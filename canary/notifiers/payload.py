"""An alert as JSON, for receivers of the user's own."""

from canary.notifiers import Alert
from canary.notifiers.posting import timestamp


def payload(alert: Alert) -> dict[str, object]:
    """Write an alert as receivers read it."""
    return {
        "id": alert.id,
        "reason": alert.reason,
        "severity": alert.severity.value,
        "message": alert.message,
        "name": alert.name,
        "namespace": alert.namespace,
        "target": alert.target,
        "phase": str(alert.phase),
        "weight": alert.weight,
        "step": alert.step,
        "revision": alert.revision,
        "images": alert.images,
        "cluster": alert.cluster,
        "fields": [{"name": name, "value": value} for name, value in alert.fields],
        "timestamp": timestamp(alert.at),
    }
