"""An alert as JSON, for receivers of the user's own."""

from collections.abc import Mapping
from typing import Any, TypedDict

from canary.notifiers import Alert
from canary.notifiers.posting import timestamp
from canary.notifiers.whole import AlertRun

VERSION = 2
"""The version of an alert that tells the whole."""


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


class RunPayload(TypedDict):
    """A run as receivers of the whole read it."""

    number: int
    """Counted from 1."""
    revision: str
    """The revision that is tested."""
    images: str
    """What it changes in the images, for people."""
    startedAt: str
    """When it began, in UTC, to the second (RFC 3339); empty where that is not known."""
    outcome: str
    """How it ended, such as `Promoted`; empty while it is under way."""
    reason: str
    """Why, in one CamelCase word; empty while it is under way."""
    message: str
    """Why, in a sentence; empty while it is under way."""
    durationSeconds: int
    """How long it took; 0 while it is under way."""
    record: str
    """Where its full record is written (`--records`); empty for nowhere."""


class AlertLinks(TypedDict):
    """Where to read on; a link that is not known is empty."""

    dashboard: str
    """The Canary's page, by `--dashboard-url`."""
    run: str
    """The page of the run, by `--dashboard-url`."""
    logs: str
    """The Canary's logs, by `links.logs` of the AlertProvider."""
    runbook: str
    """What to do about the alert, by `links.runbook` of the AlertProvider."""


class WholePayload(TypedDict):
    """What version 2 of an alert has beside the fields above."""

    version: int
    """2; version 1 has no such field."""
    run: RunPayload | None
    """The run that it tells of, in place of its number; null outside of a run."""
    previous: RunPayload | None
    """The run before that one; null for the first, and where it is forgotten (`--history`)."""
    links: AlertLinks
    """Where to read on."""
    view: Mapping[str, Any]
    """The Canary as `tidegate get -o json` prints it: a [CanaryView](canary-view.schema.json)."""


def whole_payload(alert: Alert) -> dict[str, Any]:
    """Write an alert with all that is known when it is sent."""
    more: WholePayload = {
        "version": VERSION,
        "run": _run(alert.whole.run),
        "previous": _run(alert.whole.previous),
        "links": {
            "dashboard": alert.link,
            "run": alert.whole.run_link,
            "logs": alert.logs,
            "runbook": alert.runbook,
        },
        "view": dict(alert.whole.view),
    }
    return {**payload(alert), **more}


def _run(run: AlertRun | None) -> RunPayload | None:
    if run is None:
        return None
    return {
        "number": run.number,
        "revision": run.revision,
        "images": run.images,
        "startedAt": timestamp(run.started_at) if run.started_at else "",
        "outcome": run.outcome,
        "reason": run.reason,
        "message": run.message,
        "durationSeconds": run.seconds,
        "record": run.record,
    }
