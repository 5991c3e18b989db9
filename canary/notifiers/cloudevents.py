"""Notifier `cloudevents`: posts an alert as a CloudEvent, in structured mode.

`data` is what the notifier `webhook` posts. With `format: cdevents` an end that changes what serves is
posted once more, as an event of CDEvents. A token is sent as a bearer token.
https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md
"""

from collections.abc import Sequence
from typing import ClassVar, NotRequired, TypedDict

from canary.notifiers import Alert, NotifierSetting
from canary.notifiers.cdevents import CDEvent, cdevent
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
    traceparent: NotRequired[str]
    """The span of the run in its [trace](monitoring.md#traces); absent outside of a run."""
    datacontenttype: str
    """`application/json`."""
    data: AlertPayload
    """The alert, as the notifier `webhook` sends it."""


class CarriedEvent(TypedDict):
    """An event of CDEvents, carried by one of CloudEvents."""

    specversion: str
    """`1.0`."""
    id: str
    """That of the CDEvent, like `source`, `type` and `time`."""
    source: str
    """The Canary, as above."""
    type: str
    """The type of the CDEvent."""
    subject: str
    """The target, as `NAMESPACE/NAME`."""
    time: str
    """When it happened, in UTC, to the second (RFC 3339)."""
    datacontenttype: str
    """`application/json`."""
    data: CDEvent
    """The CDEvent."""


_CDEVENTS = "cdevents"
_FORMAT = NotifierSetting(
    name="format",
    values=("alerts", _CDEVENTS),
    text="`cdevents` posts a promotion and a rollback as an event of CDEvents as well, where an image "
    "has a digest: [a CDEvent](payloads.md#a-cdevent).",
)


class CloudEventsNotifier(PostingNotifier):
    """Post alerts as CloudEvents."""

    name = "cloudevents"
    settings: ClassVar[tuple[NotifierSetting, ...]] = (_FORMAT,)

    def postings(self, alert: Alert) -> Sequence[Posting]:
        """Post the alert as one event, and as another where it is one of CDEvents too."""
        events: list[CloudEvent | CarriedEvent] = [event(alert)]
        if self.chosen(_FORMAT) == _CDEVENTS and (found := cdevent(alert, _source(alert))):
            events.append(carried(found))
        return [self._posting(each) for each in events]

    def _posting(self, written: CloudEvent | CarriedEvent) -> Posting:
        headers = {
            "Content-Type": "application/cloudevents+json",
            # Each event by itself is the same in a repeat.
            "Idempotency-Key": written["id"],
            **self.bearer,
        }
        return Posting(address=self._config.address, document=written, headers=headers)


def carried(found: CDEvent) -> CarriedEvent:
    """Write an event of CDEvents as one of CloudEvents."""
    context = found["context"]
    return {
        "specversion": "1.0",
        "id": context["id"],
        "source": context["source"],
        "type": context["type"],
        "subject": found["subject"]["id"],
        "time": context["timestamp"],
        "datacontenttype": "application/json",
        "data": found,
    }


def _source(alert: Alert) -> str:
    """Name the Canary, as events do."""
    cluster = f"/clusters/{alert.cluster}" if alert.cluster else ""
    return f"{cluster}/apis/tidegate.dev/namespaces/{alert.namespace}/canaries/{alert.name}"


def event(alert: Alert) -> CloudEvent:
    """Write an alert as an event; its source is the Canary, its subject the revision."""
    written: CloudEvent = {
        "specversion": "1.0",
        "id": alert.id,
        "source": _source(alert),
        "type": f"dev.tidegate.{alert.reason.lower()}.v1",
        "time": timestamp(alert.at),
        "datacontenttype": "application/json",
        "data": payload(alert),
    }
    if alert.revision:
        written["subject"] = alert.revision
    if alert.traceparent:
        written["traceparent"] = alert.traceparent
    return written
