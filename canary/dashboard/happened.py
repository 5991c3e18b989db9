"""The events and pods of a Canary, read with the rights of the person who looks."""

from datetime import datetime
from typing import Any

from analysis.errors import UnknownPlugin
from canary.api.validation import parse_canary
from canary.controller.both_sides import pods_of
from canary.controller.canaries import CanaryKey
from canary.controller.events import EVENT
from canary.dashboard.kept import KeptCanary
from canary.dashboard.viewers import Viewer
from canary.errors import ClusterError, InvalidSpec
from canary.views.blocks import Rows, Styled
from canary.views.events import event_view, of_canary, since
from canary.views.moments import moment
from canary.views.pods import pods_block

MOST_EVENTS = 50
_HEADER = ("AT", "REASON", "WHAT HAPPENED")
_STYLES = {"Warning": "yellow"}


async def happened_context(viewer: Viewer, kept: KeptCanary, now: datetime) -> dict[str, Any]:
    """Give what is not followed of a Canary: its last events, and its pods."""
    return await events_context(viewer, kept.key, now) | await pods_context(viewer, kept, now)


async def pods_context(viewer: Viewer, kept: KeptCanary, now: datetime) -> dict[str, Any]:
    """Give the pods of both sides, or why they cannot be read."""
    manifest = {key: each for key, each in kept.manifest.items() if key != "status"}
    try:
        spec = parse_canary(manifest).spec
        found = await pods_of(viewer.cluster, kept.key.namespace, spec, kept.opened.status)
    except (ClusterError, InvalidSpec, UnknownPlugin) as error:
        return {"pods_refused": str(error), "pods": ()}
    return {"pods_refused": "", "pods": pods_block(found, now)}


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
