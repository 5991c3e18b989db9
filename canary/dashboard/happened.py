"""The events of a Canary, read with the rights of the person who looks."""

from datetime import datetime
from typing import Any

from canary.controller.canaries import CanaryKey
from canary.controller.events import EVENT
from canary.dashboard.viewers import Viewer
from canary.errors import ClusterError
from canary.views.blocks import Rows, Styled
from canary.views.events import event_view, of_canary, since
from canary.views.moments import moment

MOST_EVENTS = 50
_HEADER = ("AT", "REASON", "WHAT HAPPENED")
_STYLES = {"Warning": "yellow"}


async def events_context(viewer: Viewer, key: CanaryKey, now: datetime) -> dict[str, Any]:
    """Give the last events of a Canary, the newest first, or why they cannot be read."""
    fields = f"involvedObject.kind=Canary,involvedObject.name={key.name}"
    try:
        found = [
            event_view(event)
            async for page, _ in viewer.cluster.pages(EVENT, key.namespace, fields=fields)
            for event in page
            if of_canary(event, key.group, key.name)
        ]
    except ClusterError as error:
        return {"refused": str(error), "events": Rows(header=_HEADER, rows=())}
    newest = since(found, None)[::-1][:MOST_EVENTS]
    rows = tuple(
        (
            moment(each.at, now) if each.at else "–",
            Styled(each.reason, _STYLES.get(each.type, "")),
            each.message,
        )
        for each in newest
    )
    return {"refused": "", "events": Rows(header=_HEADER, rows=rows)}
