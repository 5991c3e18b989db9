"""An alert as JSON, for receivers of the user's own."""

from typing import TypedDict

from canary.notifiers import Alert
from canary.notifiers.posting import timestamp


class AlertField(TypedDict):
    """One of the fields that people read below an alert."""

    name: str
    """What it is, such as `Revision`."""
    value: str
    """Its value, as text."""


class AlertPayload(TypedDict):
    """An alert as receivers read it."""

    id: str
    """The same for every repeat; also the header `Idempotency-Key`."""
    reason: str
    """What happened, in one CamelCase word, such as `Promoted`."""
    severity: str
    """`info`, `warn` or `error`."""
    message: str
    """What happened, in a sentence."""
    name: str
    """The Canary's name."""
    namespace: str
    """Its namespace."""
    target: str
    """The name of its target."""
    phase: str
    """Its phase when it happened, such as `Succeeded`."""
    weight: int
    """Percent of traffic that the canary had."""
    step: int
    """The step of the run, counted from 1; 0 before the first."""
    run: int
    """The number of the run that it tells of, counted from 1; 0 outside of a run."""
    revision: str
    """The revision in question, as in `status.lastAppliedSpec`."""
    images: str
    """The images of the revision, or what it changes in them, for people."""
    cluster: str
    """The controller's `--cluster-name`; empty where it has none."""
    dashboard: str
    """Where the dashboard shows the Canary, by `--dashboard-url`; empty without it."""
    fields: list[AlertField]
    """What else people read, in its order."""
    timestamp: str
    """When it happened, in UTC, to the second (RFC 3339)."""


def payload(alert: Alert) -> AlertPayload:
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
        "run": alert.run,
        "revision": alert.revision,
        "images": alert.images,
        "cluster": alert.cluster,
        "dashboard": alert.link,
        "fields": [{"name": name, "value": value} for name, value in alert.fields],
        "timestamp": timestamp(alert.at),
    }
