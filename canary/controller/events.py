"""Kubernetes events: what `kubectl describe` shows of a Canary."""

import hashlib
import logging
from collections.abc import Mapping
from typing import Any, TypedDict

from canary.api.annotations import IMAGES, REVISION, STEP, WEIGHT
from canary.api.kinds import Kind
from canary.api.status import Notice, Severity
from canary.cluster.cluster import Cluster
from canary.controller.about import about_run
from canary.controller.canaries import CanaryObject
from canary.errors import Conflict, Forbidden, Invalid, NotFound

log = logging.getLogger(__name__)

EVENT = Kind(group="", versions=("v1",), kind="Event", plural="events")
LONGEST_EVENT_NAME = 253
LONGEST_EVENT_MESSAGE = 1024
_TERMINATING = "is being terminated"
"""What the API server says where nothing can be created because the namespace is going."""


class EventSource(TypedDict):
    """Who has recorded an event."""

    component: str
    """`tidegate`."""


class RecordedEvent(TypedDict):
    """What an event on a Canary says; its name begins with the Canary's, in its namespace."""

    apiVersion: str
    """`v1`."""
    kind: str
    """`Event`."""
    metadata: Mapping[str, Any]
    """Name and namespace, and the annotations below."""
    involvedObject: Mapping[str, Any]
    """The Canary: `apiVersion`, `kind`, `namespace`, `name`, `uid` and `resourceVersion`."""
    reason: str
    """What happened, in one CamelCase word, such as `Promoted`."""
    message: str
    """What happened, in a sentence of up to 1,024 characters."""
    type: str
    """`Normal`, or `Warning` where the severity is `warn` or `error`."""
    source: EventSource
    """Who has recorded it."""
    firstTimestamp: str
    """When it happened, in UTC, to the second (RFC 3339)."""
    lastTimestamp: str
    """The same: every happening is an event of its own."""
    count: int
    """1."""


class EventRecorder:
    """Records notices as events."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._allowed = False
        """Whether the API server has ever taken an event."""

    async def record(self, record: CanaryObject, notice: Notice) -> None:
        """Record a Kubernetes event; its name makes a repeat harmless.

        Raises:
            ClusterError: the API server may take it later.
        """
        try:
            await self._cluster.create(dict(event_of(record, notice)), EVENT)
        except Conflict:
            log.debug(
                "event was recorded before", extra=about_run(record, notice.run, notice.revision)
            )
        except (NotFound, Forbidden, Invalid) as error:
            if self._allowed and isinstance(error, Forbidden) and _TERMINATING not in str(error):
                # An API server that has just started does not know of any role yet.
                raise
            # The namespace is going, or events may not be written: to try again does not help.
            log.warning("event: %s", error, extra=about_run(record, notice.run, notice.revision))
            return
        self._allowed = True


def event_of(record: CanaryObject, notice: Notice) -> RecordedEvent:
    """Write a notice as an event."""
    moment = notice.at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": _event_name(record, notice),
            "namespace": record.key.namespace,
            "annotations": _annotations(notice),
        },
        "involvedObject": record.reference,
        "reason": notice.reason,
        "message": _shortened(notice.message),
        "type": "Normal" if notice.severity is Severity.INFO else "Warning",
        "source": {"component": "tidegate"},
        "firstTimestamp": moment,
        "lastTimestamp": moment,
        "count": 1,
    }


def _event_name(record: CanaryObject, notice: Notice) -> str:
    name = f"{record.key.name}.{notice.id}"
    if len(name) <= LONGEST_EVENT_NAME:
        return name
    digest = hashlib.sha256(record.key.name.encode()).hexdigest()[:16]
    return f"{digest}.{notice.id}"


def _shortened(message: str) -> str:
    if len(message) <= LONGEST_EVENT_MESSAGE:
        return message
    return f"{message[: LONGEST_EVENT_MESSAGE - 1]}…"


def _annotations(notice: Notice) -> dict[str, str]:
    """Say of an event what tools want to filter by."""
    return {
        REVISION: notice.revision,
        IMAGES: notice.images,
        WEIGHT: str(notice.weight),
        STEP: str(notice.step),
    }
