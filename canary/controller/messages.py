"""What alerts say: a notice, how a run goes, and that a receiver could not be told."""

import hashlib
from dataclasses import replace
from datetime import datetime

from analysis.template import fill
from canary.api.alertprovider import AlertTemplate
from canary.api.status import Notice, Severity
from canary.controller.canaries import CanaryObject, CanaryRecord
from canary.notifiers import Alert
from canary.views.thread import RunMessage


def alert_of(record: CanaryObject, notice: Notice, cluster_name: str) -> Alert:
    """Write a notice as an alert."""
    fields = [
        ("Images", notice.images),
        ("Revision", notice.revision),
        ("Phase", str(notice.phase)),
        ("Weight", f"{notice.weight} %" if notice.weight else ""),
    ]
    return Alert(
        id=f"{record.uid}/{notice.id}",
        reason=notice.reason,
        severity=notice.severity,
        message=notice.message,
        name=record.key.name,
        namespace=record.key.namespace,
        target=_target_name(record),
        phase=notice.phase,
        weight=notice.weight,
        step=notice.step,
        revision=notice.revision,
        images=notice.images,
        commit=_commit(record, notice.revision),
        cluster=cluster_name,
        run=notice.run,
        fields=_fields(record, *fields),
        at=notice.at,
    )


def progress_of(
    record: CanaryObject, message: RunMessage, run: int, at: datetime, cluster_name: str
) -> Alert:
    """Write how a run goes as an alert; all of one run have one id."""
    status = record.status
    return Alert(
        id=f"{record.uid}/run/{run}",
        reason=message.reason,
        severity=message.severity,
        message=message.message,
        name=record.key.name,
        namespace=record.key.namespace,
        target=_target_name(record),
        phase=status.phase,
        weight=status.canary_weight,
        step=status.step,
        revision=message.revision,
        images=message.images,
        commit=_commit(record, message.revision),
        cluster=cluster_name,
        run=run,
        fields=_fields(
            record, ("Images", message.images), ("Revision", message.revision), *message.fields
        ),
        at=at,
    )


def _commit(record: CanaryObject, revision: str) -> str:
    """Give the commit of a revision; it is known of the one that was applied last."""
    status = record.status
    return status.commit if status.last_applied_spec == revision else ""


def _target_name(record: CanaryObject) -> str:
    return record.canary.spec.target_ref.name if isinstance(record, CanaryRecord) else ""


def _fields(record: CanaryObject, *fields: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    """Put the target before what there is to say."""
    target = ("Target", "")
    if isinstance(record, CanaryRecord):
        reference = record.canary.spec.target_ref
        target = ("Target", f"{reference.kind}/{reference.name}.{record.key.namespace}")
    return tuple((name, value) for name, value in (target, *fields) if value)


def worded(alert: Alert, template: AlertTemplate | None) -> Alert:
    """Write an alert in the words of its receiver.

    Raises:
        QueryError: the template is none; it was checked when its AlertProvider was read.
    """
    if template is None:
        return alert
    words = {
        "reason": alert.reason,
        "message": alert.message,
        "severity": alert.severity.value,
        "name": alert.name,
        "namespace": alert.namespace,
        "target": alert.target,
        "revision": alert.revision,
        "images": alert.images,
        "phase": str(alert.phase),
        "weight": str(alert.weight),
        "step": str(alert.step),
        "run": str(alert.run or ""),
        "cluster": alert.cluster,
    }

    def told(text: str) -> str:
        return fill(text, words, what="template").strip()

    fields = tuple((name, told(text)) for name, text in template.fields.items())
    return replace(
        alert,
        title=told(template.title or ""),
        message=told(template.message or "") or alert.message,
        fields=tuple(each for each in fields if each[1]) or alert.fields,
    )


def undelivered(record: CanaryObject, notice: Notice, name: str, error: Exception) -> Notice:
    """Say that a receiver is broken; its name makes it one event as long as the cause is the same."""
    cause = f"{record.uid}/{name}/{error}"
    return notice.model_copy(
        update={
            "id": hashlib.sha256(cause.encode()).hexdigest()[:16],
            "reason": "AlertNotDelivered",
            "message": f"Alert {name} was not delivered: {error}",
            "severity": Severity.WARN,
        }
    )
