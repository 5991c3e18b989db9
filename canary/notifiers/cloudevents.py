"""Notifier `cloudevents`: posts an alert as a CloudEvent, in structured mode.

`data` is what the notifier `webhook` posts. A token is sent as a bearer token.
https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md
"""

from collections.abc import Sequence

from canary.notifiers import Alert
from canary.notifiers.payload import payload
from canary.notifiers.posting import Posting, PostingNotifier, timestamp


class CloudEventsNotifier(PostingNotifier):
    """Post alerts as CloudEvents."""

    name = "cloudevents"

    def postings(self, alert: Alert) -> Sequence[Posting]:
        """Post the alert as one event."""
        headers = {"Content-Type": "application/cloudevents+json", **self.bearer}
        return [Posting(address=self._config.address, document=event(alert), headers=headers)]


def event(alert: Alert) -> dict[str, object]:
    """Write an alert as an event; its source is the Canary, its subject the revision."""
    cluster = f"/clusters/{alert.cluster}" if alert.cluster else ""
    return {
        "specversion": "1.0",
        "id": alert.id,
        "source": f"{cluster}/apis/tidegate.dev/namespaces/{alert.namespace}/canaries/{alert.name}",
        "type": f"dev.tidegate.{alert.reason.lower()}.v1",
        **({"subject": alert.revision} if alert.revision else {}),
        "time": timestamp(alert.at),
        "datacontenttype": "application/json",
        "data": payload(alert),
    }
