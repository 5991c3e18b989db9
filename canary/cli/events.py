"""`tidegate events CANARY`: what has happened to it, the oldest first."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import click

from canary.api.kinds import Manifest
from canary.cli.common import DurationParam, here
from canary.cli.connection import Place
from canary.cli.documents import as_json
from canary.cli.finding import read_canary
from canary.cli.following import follow
from canary.cli.naming import reading_command
from canary.cli.screen import Screen
from canary.cli.watching import until_interrupted
from canary.cluster.cluster import Cluster
from canary.controller.events import EVENT
from canary.views.events import EventView, event_line, event_view, of_canary, since

_EXAMPLES = """\b
Examples:
  tidegate events shop --since 1h
  tidegate events shop --watch
  tidegate events shop -o json
"""


@click.command(epilog=_EXAMPLES)
@click.option("-w", "--watch", is_flag=True, help="Go on with those that come, until Ctrl-C.")
@click.option("--since", "length", type=DurationParam(), help="Only those of this time: 30m.")
@click.option("-o", "--output", "form", type=click.Choice(["json"]), help="A form for programs.")
@reading_command
async def events(
    cluster: Cluster, place: Place, *, watch: bool, length: timedelta | None, form: str | None
) -> None:
    """List the events of a Canary, the oldest first; Kubernetes keeps them for an hour or so.

    With --watch and -o json each event is a document on a line of its own.
    """
    await read_canary(cluster, place)
    begin = None if length is None else datetime.now(UTC) - length
    fields = f"involvedObject.kind=Canary,involvedObject.name={place.name}"
    if watch:
        with until_interrupted():
            await _follow(cluster, place, fields, begin, form)
        return
    found = [
        each
        async for page, _ in cluster.pages(EVENT, place.namespace, fields=fields)
        for each in page
    ]
    listed = since(_views(place, found), begin)
    if form:
        Screen().lines(as_json({"events": [each.document() for each in listed]}))
    elif listed:
        _print(listed, form)
    else:
        Screen.aside().line(f"There are no events of {place}.")


async def _follow(
    cluster: Cluster, place: Place, fields: str, begin: datetime | None, form: str | None
) -> None:
    """Print each event once, and again when it has happened again."""
    printed: set[tuple[str, str]] = set()
    async for seen in follow(cluster, EVENT, place.namespace, fields=fields):
        new = [each.manifest for each in seen if not each.deleted]
        fresh = [each for each in new if _version(each) not in printed]
        printed |= set(map(_version, fresh))
        _print(since(_views(place, fresh), begin), form)


def _version(manifest: Manifest) -> tuple[str, str]:
    metadata = manifest["metadata"]
    return metadata["uid"], metadata["resourceVersion"]


def _views(place: Place, manifests: Iterable[Manifest]) -> list[EventView]:
    return [event_view(each) for each in manifests if of_canary(each, place.group, place.name)]


def _print(listed: Iterable[EventView], form: str | None) -> None:
    screen = Screen()
    now = here()
    for each in listed:
        if form:
            screen.lines(as_json(each.document()))
        else:
            screen.tell(*event_line(each, now))
