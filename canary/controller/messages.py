"""What alerts say: a notice, how a run goes, and that a receiver could not be told."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from urllib.parse import quote

from analysis.template import fill
from canary.api.alertprovider import AlertTemplate, ReceiverLinks
from canary.api.status import CanaryStatus, Notice, Outcome, Severity
from canary.controller.canaries import CanaryKey, CanaryObject, CanaryRecord
from canary.core.gate_reference import GateReference
from canary.core.gates import held_gates
from canary.core.images import with_digest
from canary.notifiers import Alert, Button
from canary.tracing.context import trace_of_number
from canary.views.given import CONSEQUENCES
from canary.views.thread import RunMessage, ended_run

BLOCKED = "GateBlocked"
"""The reason of alerts about a gate that has shut."""
_QUESTIONS = {
    "approve": "The gate opens, and the run goes on.",
    "reject": "The run is rolled back.",
    **CONSEQUENCES,
}
"""What is said before a press counts, by verb."""
_PRESSED = ("approve", "reject")
_FAILURES = frozenset({Outcome.ROLLED_BACK, Outcome.PROMOTION_FAILED})


def alert_of(
    record: CanaryObject, notice: Notice, cluster_name: str, *, buttons: bool = False
) -> Alert:
    """Write a notice as an alert, with buttons where it is about a gate that is still shut."""
    return _alert(
        record,
        notice,
        ("Phase", str(notice.phase)),
        ("Weight", f"{notice.weight} %" if notice.weight else ""),
        id_=notice.id,
        place=(str(notice.phase), notice.weight, notice.step),
        run=notice.run,
        at=notice.at,
        cluster_name=cluster_name,
        buttons=buttons and notice.reason == BLOCKED,
    )


def progress_of(
    record: CanaryObject,
    message: RunMessage,
    run: int,
    at: datetime,
    cluster_name: str,
    *,
    buttons: bool = False,
) -> Alert:
    """Write how a run goes as an alert; all of one run have one id."""
    status = record.status
    return _alert(
        record,
        message,
        *message.fields,
        id_=f"run/{run}",
        place=(str(status.phase), status.canary_weight, status.step),
        run=run,
        at=at,
        cluster_name=cluster_name,
        buttons=buttons,
    )


def _alert(
    record: CanaryObject,
    told: Notice | RunMessage,
    *fields: tuple[str, str],
    id_: str,
    place: tuple[str, int, int],
    run: int,
    at: datetime,
    cluster_name: str,
    buttons: bool,
) -> Alert:
    """Write an alert about a run; its place is the phase, the weight and the step."""
    key, status = record.key, record.status
    phase, weight, step = place
    trace = trace_of_number(record.uid, status, run)
    shown = (("Images", told.images), ("Revision", told.revision), *fields)
    return Alert(
        id=f"{record.uid}/{id_}",
        reason=told.reason,
        cause=_cause(status, run),
        severity=told.severity,
        message=told.message,
        name=key.name,
        namespace=key.namespace,
        target=_target_name(record),
        phase=phase,
        weight=weight,
        step=step,
        revision=told.revision,
        images=told.images,
        commit=_commit(record, told.revision),
        traceparent=trace.span().traceparent if trace else "",
        # Of an earlier run what served when it ended is no longer known.
        serving=with_digest(status.promoted_images) if run == status.runs else "",
        cluster=cluster_name,
        run=run,
        again=_again(status, told.revision, run),
        fields=_fields(record, *shown),
        at=at,
        buttons=gate_buttons(key, record.uid, held_gates(status))
        if buttons and run == status.runs
        else (),
    )


def gate_buttons(key: CanaryKey, uid: str, gates: Mapping[str, str]) -> tuple[Button, ...]:
    """Give the buttons that answer gates, by their names, each with its type."""
    which = {gate: f" {type_}" if len(gates) > 1 else "" for gate, type_ in gates.items()}
    asked = [(verb, gate, which[gate]) for gate in gates for verb in _PRESSED]
    # A run is aborted once, whatever it waits for.
    asked += [("abort", gate, "") for gate in tuple(gates)[:1]]
    return tuple(
        Button(
            verb=verb,
            label=f"{verb.capitalize()}{of_which}",
            question=f"{key.name}.{key.namespace}: {_QUESTIONS[verb]}",
            reference=str(GateReference.of(**key._asdict(), uid=uid, gate=gate)),
        )
        for verb, gate, of_which in asked
    )


def _cause(status: CanaryStatus, run: int) -> str:
    ended = ended_run(status, run) if run else None
    return ended.reason if ended else ""


def _again(status: CanaryStatus, revision: str, run: int) -> bool:
    """Tell whether the run before has failed with the same revision."""
    before = ended_run(status, run - 1) if run else None
    return before is not None and before.revision == revision and before.outcome in _FAILURES


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
    words = _words(alert)

    def told(text: str) -> str:
        return fill(text, words, what="template").strip()

    fields = tuple((name, told(text)) for name, text in template.fields.items())
    return replace(
        alert,
        title=told(template.title or ""),
        message=told(template.message or "") or alert.message,
        fields=tuple(each for each in fields if each[1]) or alert.fields,
    )


def leading(alert: Alert, links: ReceiverLinks | None) -> Alert:
    """Have an alert lead where its receiver asks, in places of their own and among the fields.

    Raises:
        QueryError: a link is no template; it was checked when its AlertProvider was read.
    """
    if links is None:
        return alert
    words = {name: quote(value, safe="") for name, value in _words(alert).items()}
    logs, runbook = (
        fill(text or "", words, what="link").strip() for text in (links.logs, links.runbook)
    )
    shown = (("Logs", logs), ("Runbook", runbook))
    fields = (*alert.fields, *(each for each in shown if each[1]))
    return replace(alert, logs=logs, runbook=runbook, fields=fields)


def _words(alert: Alert) -> Mapping[str, str]:
    """Give what templates can name, of an alert."""
    return {
        "reason": alert.reason,
        "cause": alert.cause,
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
        "dashboard": alert.link,
    }


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
