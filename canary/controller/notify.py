"""Notifying: telling what a decision left to be told, at least once, without holding up a run.

A notice is in the status until it is delivered: an event on the object, calls of event and
post-rollout hooks, and chat where it is an alert.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from canary.api.kinds import Kind
from canary.api.people import AlertReference, Webhook, WebhookType
from canary.api.status import Notice, Severity
from canary.controller.canaries import CanaryKey, CanaryRecord
from canary.controller.cluster import Cluster
from canary.controller.outbox import Outbox
from canary.controller.payloads import notice_payload
from canary.controller.secrets import SecretReader
from canary.controller.templates import TemplateReader
from canary.controller.webhooks import HookCaller
from canary.core.hooks import callable_hooks
from canary.errors import CanaryError, Conflict, Forbidden, Invalid, NotFound
from canary.notifiers import NOTIFIERS, Alert, NotDelivered, NotifierConfig

log = logging.getLogger(__name__)

FORGET_SECONDS = 2.0
EVENT = Kind(group="", versions=("v1",), kind="Event", plural="events")

_LOUDNESS = {Severity.INFO: 0, Severity.WARN: 1, Severity.ERROR: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultReceiver:
    """Who is told of Canaries that name nobody, and of what."""

    kind: str
    config: NotifierConfig
    severity: Severity


class Notifier:
    """Delivers the notices of Canaries."""

    def __init__(
        self,
        *,
        cluster: Cluster,
        outbox: Outbox[CanaryKey],
        hooks: HookCaller,
        secrets: SecretReader,
        templates: TemplateReader,
        default: DefaultReceiver | None,
        event_webhook: Webhook | None,
        cluster_name: str,
        wake: Callable[[CanaryKey], None],
    ) -> None:
        self._cluster = cluster
        self._outbox = outbox
        self._hooks = hooks
        self._secrets = secrets
        self._templates = templates
        self._default = default
        self._event_webhook = event_webhook
        self._cluster_name = cluster_name
        self._wake = wake
        self._delivered: defaultdict[CanaryKey, set[str]] = defaultdict(set)

    def notify(self, record: CanaryRecord) -> None:
        """Have the notices of a Canary delivered that are not on their way yet."""
        done = self._delivered[record.key]
        done &= {notice.id for notice in record.status.notices}
        for notice in record.status.notices:
            if notice.id not in done:
                self._outbox.submit(record.key, notice.id, partial(self._deliver, record, notice))

    def delivered(self, key: CanaryKey) -> frozenset[str]:
        """Give the ids of the notices that were delivered."""
        return frozenset(self._delivered.get(key, ()))

    def on_delivered(self, key: CanaryKey, notice_id: str) -> None:
        """Remember that a notice was delivered, or given up."""
        self._delivered[key].add(notice_id)
        # Several are delivered in a row, and are forgotten in one write.
        asyncio.get_running_loop().call_later(FORGET_SECONDS, self._wake, key)

    def forget(self, key: CanaryKey) -> None:
        """Drop what was delivered for a Canary that is gone."""
        self._delivered.pop(key, None)

    async def _deliver(self, record: CanaryRecord, notice: Notice) -> None:
        """Tell everyone one thing."""
        await self._record_event(record, notice)
        level = logging.INFO if notice.severity is Severity.INFO else logging.WARNING
        log.log(
            level,
            notice.message,
            extra={"canary": str(record.key), "phase": notice.phase, "reason": notice.reason},
        )
        for hook in self._hooks_of(record, notice):
            await self._call(record, notice, hook)
        if notice.alert:
            await self._alert(record, notice)

    async def _record_event(self, record: CanaryRecord, notice: Notice) -> None:
        """Record a Kubernetes event; its name makes a repeat harmless."""
        moment = notice.at.strftime("%Y-%m-%dT%H:%M:%SZ")
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {
                "name": f"{record.key.name}.{notice.id}",
                "namespace": record.key.namespace,
                "annotations": _annotations(notice),
            },
            "involvedObject": record.reference,
            "reason": notice.reason,
            "message": notice.message[:1024],
            "type": "Normal" if notice.severity is Severity.INFO else "Warning",
            "source": {"component": "tidegate"},
            "firstTimestamp": moment,
            "lastTimestamp": moment,
            "count": 1,
        }
        try:
            await self._cluster.create(event, EVENT)
        except Conflict:
            log.debug("event was recorded before", extra={"canary": str(record.key)})
        except (NotFound, Forbidden, Invalid) as error:
            # The namespace is going, or events may not be written: the rest is told all the same.
            log.warning("event: %s", error, extra={"canary": str(record.key)})

    def _hooks_of(self, record: CanaryRecord, notice: Notice) -> tuple[Webhook, ...]:
        if record.canary is None:
            return ()
        events = callable_hooks(record.canary.spec, WebhookType.EVENT)
        if not events and self._event_webhook is not None:
            events = (self._event_webhook,)
        if notice.hook:
            return (*events, *callable_hooks(record.canary.spec, WebhookType(notice.hook)))
        return events

    async def _call(self, record: CanaryRecord, notice: Notice, hook: Webhook) -> None:
        """Call a hook whose answer changes nothing; that it failed is logged."""
        try:
            secret = await self._secrets.read(record.key.namespace, hook.secret_ref)
        except CanaryError as error:
            log.warning("hook %s: %s", hook.name, error, extra={"canary": str(record.key)})
            return
        result = await self._hooks.call(
            hook,
            notice_payload(record, self._cluster_name, notice, hook.metadata),
            key=f"{record.uid}/{notice.id}/{hook.name}",
            secret=secret,
        )
        if not result.passed:
            log.warning("hook %s: %s", hook.name, result.message, extra={"canary": str(record.key)})

    async def _alert(self, record: CanaryRecord, notice: Notice) -> None:
        """Tell chat.

        Raises:
            NotDelivered: a receiver may take it later; the outbox tries again.
        """
        alert = _alert_of(record, notice, self._cluster_name)
        postponed: NotDelivered | None = None
        for kind, config in await self._receivers(record, notice):
            try:
                await NOTIFIERS.load(kind)(config).send(alert)
            except NotDelivered as failure:
                log.warning("alert: %s", failure, extra={"canary": str(record.key)})
                if failure.retryable:
                    postponed = failure
        if postponed is not None:
            raise postponed

    async def _receivers(
        self, record: CanaryRecord, notice: Notice
    ) -> list[tuple[str, NotifierConfig]]:
        """List who is told: those the Canary names for this severity, else the default one."""
        references = record.canary.spec.analysis.alerts if record.canary else ()
        default = self._default
        if not references and default is not None:
            loud = _LOUDNESS[notice.severity] >= _LOUDNESS[default.severity]
            return [(default.kind, default.config)] if loud else []
        receivers = []
        for reference in references:
            if _LOUDNESS[notice.severity] < _LOUDNESS[reference.severity]:
                continue
            try:
                receivers.append(await self._receiver(record.key, reference))
            except CanaryError as error:
                log.warning(
                    "alert %s: %s", reference.name, error, extra={"canary": str(record.key)}
                )
        return receivers

    async def _receiver(
        self, key: CanaryKey, reference: AlertReference
    ) -> tuple[str, NotifierConfig]:
        namespace = reference.provider_ref.namespace or key.namespace
        provider = self._templates.alert_provider(key.group, namespace, reference.provider_ref.name)
        spec = provider.spec
        secret = await self._secrets.read(namespace, spec.secret_ref) or {}
        return spec.type, NotifierConfig(
            address=secret.get("address") or spec.address or "",
            token=secret.get("token", ""),
            channel=spec.channel,
            username=spec.username,
            proxy=spec.proxy or "",
        )


def _annotations(notice: Notice) -> dict[str, str]:
    """Say of an event what tools want to filter by."""
    return {
        "tidegate.dev/revision": notice.revision,
        "tidegate.dev/weight": str(notice.weight),
        "tidegate.dev/step": str(notice.step),
    }


def _alert_of(record: CanaryRecord, notice: Notice, cluster_name: str) -> Alert:
    target = record.canary.spec.target_ref if record.canary else None
    fields = [("Revision", notice.revision), ("Phase", str(notice.phase))]
    if target is not None:
        fields.insert(0, ("Target", f"{target.kind}/{target.name}.{record.key.namespace}"))
    if notice.weight:
        fields.append(("Weight", f"{notice.weight} %"))
    return Alert(
        id=f"{record.uid}/{notice.id}",
        reason=notice.reason,
        severity=notice.severity,
        message=notice.message,
        name=record.key.name,
        namespace=record.key.namespace,
        target=target.name if target else "",
        phase=notice.phase,
        weight=notice.weight,
        step=notice.step,
        revision=notice.revision,
        cluster=cluster_name,
        fields=tuple((name, value) for name, value in fields if value),
        at=notice.at,
    )
