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

from collections.abc import Sequence

from canary.notifiers import Alert
from canary.notifiers.payload import payload
from canary.notifiers.posting import Posting, PostingNotifier


class WebhookNotifier(PostingNotifier):
    """Post alerts as JSON."""

    name = "webhook"

    def postings(self, alert: Alert) -> Sequence[Posting]:
        """Post the alert as it is."""
        address = self._config.address
        return [Posting(address=address, document=payload(alert), headers=self.bearer)]
