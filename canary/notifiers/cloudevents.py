"""Notifier `cloudevents`: posts an alert as a CloudEvent, in structured mode.

`data` is what the notifier `webhook` posts. A token is sent as a bearer token.
https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md
"""

from collections.abc import Sequence
from typing import NotRequired, TypedDict

from canary.notifiers import Alert
from canary.notifiers.payload import AlertPayload, payload
from canary.notifiers.posting import Posting, PostingNotifier, timestamp


class CloudEvent(TypedDict):
    """An alert as an event of CloudEvents 1.0."""

    specversion: str
    """`1.0`."""
    id: str
    """The same for every repeat; with `source` it names the event."""
    source: str
    """The Canary: `/clusters/CLUSTER/apis/tidegate.dev/namespaces/NAMESPACE/canaries/NAME`; without
    `/clusters/CLUSTER` where the cluster has no name."""
    type: str
    """`dev.tidegate.REASON.v1`, with the reason in lower case: `dev.tidegate.rolledback.v1`."""
    subject: NotRequired[str]
    """The revision; absent where there is none."""
    time: str
    """When it happened, in UTC, to the second (RFC 3339)."""
    datacontenttype: str
    """`application/json`."""
    data: AlertPayload
    """The alert, as the notifier `webhook` sends it."""


class CloudEventsNotifier(PostingNotifier):
    """Post alerts as CloudEvents."""

    name = "cloudevents"

    def postings(self, alert: Alert) -> Sequence[Posting]:
        """Post the alert as one event."""
        headers = {"Content-Type": "application/cloudevents+json", **self.bearer}
        return [Posting(address=self._config.address, document=event(alert), headers=headers)]


def event(alert: Alert) -> CloudEvent:
    """Write an alert as an event; its source is the Canary, its subject the revision."""
    cluster = f"/clusters/{alert.cluster}" if alert.cluster else ""
    written: CloudEvent = {
        "specversion": "1.0",
        "id": alert.id,
        "source": f"{cluster}/apis/tidegate.dev/namespaces/{alert.namespace}/canaries/{alert.name}",
        "type": f"dev.tidegate.{alert.reason.lower()}.v1",
        "time": timestamp(alert.at),
        "datacontenttype": "application/json",
        "data": payload(alert),
    }
    if alert.revision:
        written["subject"] = alert.revision
    return written
