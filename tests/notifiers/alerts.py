"""Alerts that notifiers send, and what must not come out of them."""

from datetime import UTC, datetime
from typing import Any

from canary.api.status import Severity
from canary.notifiers import Alert
from canary.notifiers.whole import AlertRun, AlertWhole

TOKEN = "xoxb-1234-very-secret"


JSON = {"Content-Type": "application/json"}

MOMENT = datetime(2026, 1, 1, 12, 30, tzinfo=UTC)


#: What a notifier that asks for the whole gets beside each alert.
WHOLE = AlertWhole(
    view={"apiVersion": "view.tidegate.dev/v1", "kind": "CanaryView", "name": "podinfo"},
    run=AlertRun(
        number=7,
        revision="5d8c9f",
        images="podinfo:6.1 → podinfo:6.2",
        started_at=MOMENT,
        record="s3://records/test/podinfo/7",
    ),
    previous=AlertRun(
        number=6,
        revision="19bc04",
        images="podinfo:6.0 → podinfo:6.1",
        started_at=None,
        outcome="RolledBack",
        reason="Aborted",
        message="Aborted by alice",
        seconds=90,
    ),
    run_link="https://tidegate.test/c/test/podinfo/runs/20260101T123000Z",
)


def an_alert(**changes: Any) -> Alert:
    """Build the alert of a promotion."""
    values: dict[str, Any] = {
        "id": "0b5e/7-Promoted",
        "reason": "Promoted",
        "severity": Severity.INFO,
        "message": "podinfo is promoted: all 3 steps passed",
        "name": "podinfo",
        "namespace": "test",
        "target": "podinfo",
        "phase": "Succeeded",
        "weight": 0,
        "step": 3,
        "revision": "5d8c9f",
        "images": "podinfo:6.1 → podinfo:6.2",
        "commit": "9fceb02d0ae598e95dc970b74767f19372d61af8",
        "serving": f"registry.test/podinfo:6.2@sha256:{'5d8c9f01' * 8}",
        "run": 7,
        "cluster": "blue",
        "fields": (
            ("Target", "Deployment/podinfo.test"),
            ("Images", "podinfo:6.1 → podinfo:6.2"),
            ("Revision", "5d8c9f"),
        ),
        "at": MOMENT,
        "whole": WHOLE,
    }
    return Alert(**(values | changes))


ROOT = an_alert(id="0b5e/6-RunStarted", reason="RunStarted", message="New revision 5d8c9f", run=7)
REPLY = an_alert(
    id="0b5e/8-RolledBack",
    reason="RolledBack",
    severity=Severity.ERROR,
    message="podinfo is rolled back: request-success-rate is 87.5, and must be ≥ 99",
    phase="Failed",
    weight=40,
    step=2,
    run=7,
)
EDIT = an_alert(
    id="0b5e/run/7",
    reason="Progressing",
    message="request-success-rate: 98.2, at least 99; waiting for the next analysis",
    phase="Progressing",
    weight=20,
    step=2,
    run=7,
    fields=(("Weight", "20 %"), ("Step", "2 of 5")),
)
ALERTS = {
    "promoted": an_alert(),
    "rolled-back": an_alert(
        id="0b5e/9-RolledBack",
        reason="RolledBack",
        severity=Severity.ERROR,
        message="podinfo is rolled back: request-success-rate is 87.5, and must be ≥ 99",
        phase="Failed",
        weight=40,
        step=2,
    ),
    "waiting": an_alert(
        id="0b5e/4-WaitingForApproval",
        reason="WaitingForApproval",
        severity=Severity.WARN,
        message="waits for <load & test>, see https://gate.test?a=1&b=2 *now* <!channel>",
        phase="Waiting",
        images="",
        cluster="",
        fields=(),
    ),
}
