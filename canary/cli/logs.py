"""`tidegate logs CANARY`: what all replicas of the controller logged of it, by time."""

import asyncio
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from canary.api.kinds import POD, Manifest
from canary.api.raw import items, part, text
from canary.cli.common import DurationParam, here
from canary.cli.connection import Place
from canary.cli.ending import Failed
from canary.cli.finding import read_canary
from canary.cli.naming import reading_command
from canary.cli.screen import Screen
from canary.cluster.cluster import Cluster
from canary.errors import Invalid, NotFound
from canary.replicas.presence import controllers
from canary.views.blocks import Line, Styled
from canary.views.moments import moment

_HELP = """
Show what the controller logged of a Canary: the entries of all its replicas, by time.

Needs the right to read logs of pods in the controller's namespace.
"""
_EXAMPLES = """\b
Examples:
  tidegate logs shop --since 2h
  tidegate logs shop -f --level warning
"""
_LEVELS = ("debug", "info", "warning", "error", "critical")
_STYLES = {"warning": "yellow", "error": "red", "critical": "bold red"}
_SELECTOR = "app.kubernetes.io/name=tidegate"
_CONTAINER = "controller"
"""The chart's name of the container; others of a pod are sidecars."""
_MOST_BYTES = 16 * 2**20
_LOOK_SECONDS = 1.0
_OWN = frozenset({"time", "level", "logger", "message", "canary", "namespace"})
_FOR_MACHINES = frozenset({"revision", "trace_id", "span_id"})
"""What leads from an entry to others; of these the run says enough to people."""
_HIDDEN = _OWN | _FOR_MACHINES
_OVERLAP = timedelta(seconds=5)
"""How far back is read again: the API server counts whole seconds, and clocks differ."""


@dataclass(frozen=True, slots=True, order=True)
class LogEntry:
    """A line of a controller's log."""

    at: datetime
    level: str
    message: str
    more: tuple[tuple[str, str], ...]
    """What else it says, by name."""
    line: str
    """The line as it is."""


@click.command(name="logs", help=_HELP, epilog=_EXAMPLES)
@click.option("-f", "--follow", is_flag=True, help="Go on with what is logged from now on.")
@click.option(
    "--since", type=DurationParam(), default="1h", show_default=True, help="How far back."
)
@click.option(
    "--level",
    type=click.Choice(_LEVELS),
    default="info",
    show_default=True,
    help="Only entries of this level and above.",
)
@click.option("--raw", is_flag=True, help="Print the lines as they are, in JSON.")
@reading_command
async def logs(
    cluster: Cluster, place: Place, *, follow: bool, since: timedelta, level: str, raw: bool
) -> None:
    """Print entries, and follow them where that is asked."""
    await read_canary(cluster, place)
    begin, shown, screen = datetime.now(UTC) - since, set[LogEntry](), Screen()
    while True:
        found = await _entries(cluster, place, begin, level)
        for entry in sorted(found - shown):
            screen.line(entry.line) if raw else screen.line(*_told(entry))
        if not follow:
            break
        newest = max((each.at for each in found), default=begin)
        begin = max(begin, newest - _OVERLAP)
        shown = {each for each in found | shown if each.at >= begin - _OVERLAP}
        await asyncio.sleep(_LOOK_SECONDS)
    if not found:
        Screen.aside().line(f"Nothing was logged of {place} in this time at level {level}.")


async def _entries(cluster: Cluster, place: Place, since: datetime, level: str) -> set[LogEntry]:
    """Read the entries of a Canary from all replicas.

    Raises:
        Failed: no controller is known.
        ClusterError: their logs may not be read.
    """
    namespaces = sorted({each.namespace for each in await controllers(cluster)})
    if not namespaces:
        raise Failed("no controller has a Lease, so that it is not known where its pods are")
    found: set[LogEntry] = set()
    for namespace in namespaces:
        async for page, _ in cluster.pages(POD, namespace, labels=_SELECTOR):
            for pod in page:
                log = await _log(cluster, namespace, pod, since)
                found.update(entries(log.splitlines(), str(place), since, level))
    return found


async def _log(cluster: Cluster, namespace: str, pod: Manifest, since: datetime) -> str:
    """Read the log of a controller's pod; one that has not begun, or is gone by now, has none."""
    containers = [text(each, "name") for each in items(part(pod.get("spec"), "containers"))]
    container = _CONTAINER if _CONTAINER in containers else next(iter(containers), "")
    try:
        return await cluster.log(
            namespace, pod["metadata"]["name"], container, since=since, limit_bytes=_MOST_BYTES
        )
    except (NotFound, Invalid):
        return ""


def entries(lines: Iterable[str], canary: str, since: datetime, level: str) -> Iterator[LogEntry]:
    """Pick the entries of a Canary of at least a level; what is no entry is left out."""
    for line in lines:
        document = _document(line)
        if document.get("canary") != canary or document.get("level") not in _from(level):
            continue
        at = _moment(document.get("time"))
        if at is not None and at >= since:
            yield LogEntry(
                at=at,
                level=str(document["level"]),
                message=str(document.get("message", "")),
                more=tuple((k, str(v)) for k, v in sorted(document.items()) if k not in _HIDDEN),
                line=line,
            )


def _from(level: str) -> tuple[str, ...]:
    return _LEVELS[_LEVELS.index(level) :]


def _document(line: str) -> Mapping[str, Any]:
    try:
        document = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, Mapping) else {}


def _moment(written: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(written))
    except ValueError:
        return None
    return at if at.tzinfo else None


def _told(entry: LogEntry) -> Line:
    now = here()
    level = Styled(f"{entry.level:<8}", _STYLES.get(entry.level, ""))
    more = "".join(f"  {name}={value}" for name, value in entry.more)
    return (f"{moment(entry.at, now)}  ", level, f" {entry.message}", Styled(more, "dim"))
