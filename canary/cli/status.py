"""`tidegate status CANARY`: where a Canary is, and what it is waiting for."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import click
from rich.console import Console
from rich.table import Table

from canary.api.kinds import Manifest
from canary.api.status import CanaryStatus, RunRecord
from canary.cli.connection import Place, canary_command, read_canary_status
from canary.cli.moments import day, moment, span
from canary.cli.plain import plain
from canary.cli.silence import silence
from canary.controller.canaries import FINALIZER
from canary.controller.cluster import Cluster
from canary.core.conditions import INVALID

_MARKS = {"pass": "[green]✔[/]", "fail": "[red]✘[/]", "inconclusive": "[yellow]?[/]"}


@click.command
@canary_command
async def status(cluster: Cluster, place: Place) -> None:
    """Show where a Canary is, what it waits for and since when, and its last judgements."""
    manifest = await cluster.read(place.kind, place.namespace, place.name)
    console, now = Console(), datetime.now().astimezone()
    show(console, f"{place.namespace}/{place.name}", read_canary_status(place, manifest), now)
    if silent := await silence(cluster, place):
        held = _held_by_nobody(manifest, now)
        console.print(f"[yellow]{plain(silent)}{held}[/]", highlight=False, soft_wrap=True)


def show(console: Console, name: str, status: CanaryStatus, now: datetime) -> None:
    """Print a status, with the moments as they are in the zone of `now`."""
    console.print(
        f"[bold]{plain(name)}[/]  {plain(status.state or status.phase or 'New')}  "
        f"primary {status.weights.primary} % / canary {status.weights.canary} %  "
        f"step {status.step} of {status.steps}  failed checks {status.failed_checks}",
        highlight=False,
    )
    refused = status.condition(INVALID)
    if refused is not None and refused.status == "True":
        console.print(f"[red]{plain(refused.message)}[/]", highlight=False, soft_wrap=True)
    for line in _waits(status, now):
        console.print(line, highlight=False, soft_wrap=True)
    if status.metrics:
        console.print(_judgements(status))
    for run in status.history:
        console.print(_past(run, now), highlight=False, soft_wrap=True)


def _waits(status: CanaryStatus, now: datetime) -> Iterator[str]:
    """Say what is waited for, and who has paused the run."""
    wait, paused = status.waiting_for, status.paused
    if wait is not None:
        until = f", until {moment(wait.deadline, now)}" if wait.deadline else ""
        yield (
            f"waiting since {moment(wait.since, now)}{until}: [bold]{plain(wait.reason)}[/] – "
            f"{plain(wait.message)}"
        )
    if paused is not None:
        yield f"paused since {moment(paused.since, now)} {plain(paused.by)}"


def _judgements(status: CanaryStatus) -> Table:
    table = Table("", "metric", "value", "bound", "verdict", box=None, pad_edge=False)
    for metric in status.metrics:
        value = "–" if metric.value is None else f"{metric.value:g}"
        texts = (metric.name, value, metric.bound, metric.message)
        table.add_row(_MARKS.get(metric.verdict, ""), *map(plain, texts))
    return table


def _past(run: RunRecord, now: datetime) -> str:
    """Say of a past run when it began, how it ended, and who had a hand in it."""
    began = day(run.started_at, now) if run.started_at else "–"
    took = span(timedelta(seconds=run.duration_seconds))
    hands = f" ({', '.join(run.commands)})" if run.commands else ""
    return (
        f"{began}  {plain(run.revision)}  {plain(run.outcome)} after {took}  "
        f"{plain(run.message)}{plain(hands)}"
    )


def _held_by_nobody(manifest: Manifest, now: datetime) -> str:
    """Say of a Canary that is being deleted that nobody lets it go."""
    metadata = manifest["metadata"]
    if "deletionTimestamp" not in metadata or FINALIZER not in (metadata.get("finalizers") or ()):
        return ""
    deleted = datetime.fromisoformat(metadata["deletionTimestamp"])
    return (
        f"\nIt was deleted at {moment(deleted, now)}, and nobody is there to let it go: install a "
        "controller again, or see: tidegate orphans --help"
    )
