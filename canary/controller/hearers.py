"""Hearers: the hooks that hear what happens, and whose answer changes nothing."""

import logging

from analysis.errors import Busy
from canary.api.canary import Canary
from canary.api.people import Webhook, WebhookType
from canary.api.status import Notice
from canary.controller.about import about_run
from canary.controller.calls import Calls
from canary.controller.canaries import CanaryObject, CanaryRecord
from canary.controller.payloads import notice_payload
from canary.controller.secrets import SecretReader, presented
from canary.core.hooks import hooks_of, with_url
from canary.errors import CanaryError, Unreachable
from canary.hooks import HookCaller
from canary.notifiers import NotDelivered
from canary.settings import Settings

log = logging.getLogger(__name__)


class Hearers:
    """Calls event hooks and the hooks of a run's end."""

    def __init__(
        self,
        *,
        hooks: HookCaller,
        secrets: SecretReader,
        calls: Calls,
        event_webhook: Webhook | None,
        cluster_name: str,
    ) -> None:
        self._hooks = hooks
        self._secrets = secrets
        self._calls = calls
        self._event_webhook = event_webhook
        self._cluster_name = cluster_name

    def of(self, record: CanaryObject, notice: Notice) -> tuple[Webhook, ...]:
        """List the hooks that hear of a notice."""
        if not isinstance(record, CanaryRecord):
            return ()
        events = _hooks(record.canary, WebhookType.EVENT)
        if not events and self._event_webhook is not None:
            events = (self._event_webhook,)
        # A status may have been edited by hand, and name a type that there is not.
        named = (type_ for type_ in WebhookType if type_ == notice.hook)
        return (*events, *(hook for type_ in named for hook in _hooks(record.canary, type_)))

    async def call(self, record: CanaryObject, notice: Notice, hook: Webhook) -> None:
        """Call a hook whose answer changes nothing; that it failed is logged.

        Raises:
            Unreachable: its secret can't be read now.
            NotDelivered: too many calls of its host wait already; it may be called later.
        """
        try:
            secret = await presented(self._secrets, record.key.namespace, hook)
        except Unreachable:
            raise
        except CanaryError as error:
            _log(record, notice, hook, str(error))
            return
        try:
            traced = self._calls.told(record, hook, notice.id, notice.run)
            result = await self._hooks.call(
                hook,
                notice_payload(record, self._cluster_name, notice, hook.metadata),
                key=f"{record.uid}/{notice.id}/{hook.name}",
                secret=secret,
                trusted=hook is self._event_webhook,
                traceparent=traced.traceparent,
            )
            traced.end(result)
        except Busy as busy:
            raise NotDelivered(str(busy), retryable=True) from busy
        if not result.passed:
            _log(record, notice, hook, result.message)


def event_webhook(settings: Settings) -> Webhook | None:
    """Tell who is called with every event of a Canary that names no event hook."""
    if not settings.event_webhook:
        return None
    return Webhook(type=WebhookType.EVENT, name="event-webhook", url=settings.event_webhook)


def _hooks(canary: Canary, type_: WebhookType) -> tuple[Webhook, ...]:
    return with_url(hooks_of(canary.spec, type_))


def _log(record: CanaryObject, notice: Notice, hook: Webhook, message: str) -> None:
    place = about_run(record, notice.run, notice.revision)
    log.warning("hook %s: %s", hook.name, message, extra=place)
