"""The events of a Canary, read with the rights of the person who looks."""

from datetime import datetime
from typing import Any

from pydantic import AwareDatetime, TypeAdapter, ValidationError

from canary.api.kinds import Manifest
from canary.controller.canaries import CanaryKey
from canary.controller.events import EVENT
from canary.dashboard.viewers import Viewer
from canary.errors import ClusterError
from canary.views.blocks import Rows, Styled
from canary.views.moments import moment

MOST_EVENTS = 50
_HEADER = ("AT", "REASON", "WHAT HAPPENED")
_MOMENT = TypeAdapter(AwareDatetime)
_STYLES = {"Warning": "yellow"}


async def events_context(viewer: Viewer, key: CanaryKey, now: datetime) -> dict[str, Any]:
    """Give the last events of a Canary, the newest first, or why they cannot be read."""
    fields = f"involvedObject.kind=Canary,involvedObject.name={key.name}"
    try:
        found = [
            event
            async for page, _ in viewer.cluster.pages(EVENT, key.namespace, fields=fields)
            for event in page
            if _is_of(event, key)
        ]
    except ClusterError as error:
        return {"refused": str(error), "events": Rows(header=_HEADER, rows=())}
    newest = sorted(found, key=_order, reverse=True)[:MOST_EVENTS]
    rows = tuple(
        (
            moment(when, now) if (when := _last(event)) else "–",
            Styled(str(event.get("reason", "")), _STYLES.get(str(event.get("type")), "")),
            str(event.get("message", "")),
        )
        for event in newest
    )
    return {"refused": "", "events": Rows(header=_HEADER, rows=rows)}


def _is_of(event: Manifest, key: CanaryKey) -> bool:
    involved = event.get("involvedObject") or {}
    return str(involved.get("apiVersion", "")).partition("/")[0] == key.group


def _order(event: Manifest) -> tuple[float, str]:
    when = _last(event)
    return (when.timestamp() if when else 0.0), str(event["metadata"]["name"])


def _last(event: Manifest) -> datetime | None:
    try:
        return _MOMENT.validate_python(event.get("lastTimestamp") or event.get("eventTime"))
    except ValidationError:
        return None
