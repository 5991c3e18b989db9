"""`tidegate status CANARY`: where a Canary is, and what it is waiting for."""

import click
from rich.console import Console
from rich.table import Table

from canary.api.meta import PEER_GROUP
from canary.api.peer import read_peer_status
from canary.api.status import CanaryStatus, read_status
from canary.cli.connection import Place, canary_command
from canary.controller.cluster import Cluster

_MARKS = {"pass": "[green]✔[/]", "fail": "[red]✘[/]", "inconclusive": "[yellow]?[/]"}


@click.command
@canary_command
async def status(cluster: Cluster, place: Place) -> None:
    """Show where a Canary is, what it waits for and since when, and its last judgements."""
    manifest = await cluster.read(place.kind, place.namespace, place.name)
    read = read_peer_status if place.group == PEER_GROUP else read_status
    show(Console(), f"{place.namespace}/{place.name}", read(manifest.get("status")))


def show(console: Console, name: str, status: CanaryStatus) -> None:
    """Print a status."""
    console.print(
        f"[bold]{name}[/]  {status.phase or 'New'}  "
        f"primary {status.weights.primary} % / canary {status.weights.canary} %  "
        f"step {status.step} of {status.steps}  failed checks {status.failed_checks}",
        highlight=False,
    )
    wait = status.waiting_for
    if wait is not None:
        until = f", until {wait.deadline:%H:%M:%S}" if wait.deadline else ""
        console.print(
            f"waiting since {wait.since:%H:%M:%S}{until}: [bold]{wait.reason}[/] – {wait.message}"
        )
    if status.paused is not None:
        console.print(f"paused since {status.paused.since:%H:%M:%S} {status.paused.by}")
    if status.metrics:
        table = Table("", "metric", "value", "bound", "verdict", box=None, pad_edge=False)
        for metric in status.metrics:
            value = "–" if metric.value is None else f"{metric.value:g}"
            table.add_row(
                _MARKS.get(metric.verdict, ""), metric.name, value, metric.bound, metric.message
            )
        console.print(table)
    for run in status.history:
        console.print(
            f"{run.revision}  {run.outcome}  {run.duration_seconds} s  {run.message}",
            highlight=False,
        )
