"""Notifier `webhook`: posts an alert as JSON to an address of the user's own.

The body is an `AlertPayload`. Any 2xx is success. A token is sent as a bearer token.
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
