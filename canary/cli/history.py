"""`tidegate history CANARY`: its past runs."""

import click

from canary.cli.common import here
from canary.cli.connection import Place
from canary.cli.documents import as_json
from canary.cli.finding import read_canary
from canary.cli.naming import reading_command
from canary.cli.screen import Screen
from canary.cluster.cluster import Cluster
from canary.controller.logs import printable
from canary.views.canary import canary_view
from canary.views.fleet import Columns
from canary.views.history import runs_block, wide_rows

_EXAMPLES = """\b
Examples:
  tidegate history shop --limit 3
  tidegate history shop -o wide
  tidegate history shop -o json
"""


@click.command(epilog=_EXAMPLES)
@click.option("--limit", type=click.IntRange(min=1), help="Only the newest ones.")
@click.option(
    "-o",
    "--output",
    "form",
    type=click.Choice(["wide", "json"]),
    help="More columns, or a form for programs.",
)
@reading_command
async def history(cluster: Cluster, place: Place, *, limit: int | None, form: str | None) -> None:
    """List the past runs of a Canary, the newest first: how each ended, and why."""
    runs = canary_view(await read_canary(cluster, place)).history[:limit]
    screen = Screen()
    if form == "json":
        listed = [each.model_dump(mode="json", by_alias=True) for each in runs]
        screen.lines(as_json({"history": listed}))
        return
    if not runs:
        Screen.aside().line(f"{place} has no past run.")
        return
    if form == "wide":
        rows = [tuple(map(printable, each)) for each in wide_rows(runs, here())]
        columns = Columns.of(rows, flexible=0, width=None)
        screen.lines(map(columns.line, rows))
        return
    screen.show(runs_block(runs, here()))
