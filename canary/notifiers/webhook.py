"""Notifier `webhook`: posts an alert as JSON to an address of the user's own.

The body:

    {
      "id": "…",                    the same for every repeat; also the header Idempotency-Key
      "reason": "Promoted",         one CamelCase word
      "severity": "info",           info, warn or error
      "message": "…",
      "name": "podinfo",            the Canary
      "namespace": "test",
      "target": "podinfo",
      "phase": "Succeeded",
      "weight": 0,                  percent of traffic that the canary had
      "step": 3,
      "revision": "…",
      "images": "podinfo:6.1 → podinfo:6.2",
      "cluster": "…",               empty where it has no name
      "fields": [{"name": "…", "value": "…"}],
      "timestamp": "2026-01-01T00:00:00Z"
    }

Any 2xx is success. A token is sent as a bearer token.
"""

from datetime import UTC

import orjson

from analysis.authentication import bearer
from analysis.errors import QueryError
from analysis.http.posting import post
from analysis.http.transport import guarded_client, trust
from canary.notifiers import Alert, NotDelivered, NotifierConfig


class WebhookNotifier:
    """Post alerts as JSON."""

    def __init__(self, config: NotifierConfig) -> None:
        self._config = config

    async def send(self, alert: Alert) -> None:
        """Post an alert."""
        config = self._config
        headers = {"Content-Type": "application/json", "Idempotency-Key": alert.id}
        if config.token:
            headers |= dict([bearer(config.token)])
        try:
            client = guarded_client(config.egress, verify=trust(), proxy=config.proxy)
        except QueryError as error:
            raise NotDelivered(f"webhook: {error}", retryable=False) from error
        async with client:
            reply = await post(
                client,
                config.address,
                content=orjson.dumps(payload(alert)),
                headers=headers,
                limit=config.timeout,
                secrets=config.secrets,
            )
        if not reply.succeeded:
            raise NotDelivered(
                f"webhook: {reply.reason}",
                retryable=reply.transient,
                retry_after=reply.retry_after,
            )


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
        "timestamp": alert.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
