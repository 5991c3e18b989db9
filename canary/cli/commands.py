"""`tidegate approve`, `reject`, `retry`, `abort`, `pause`, `resume`, `promote`.

Each leaves an annotation on the Canary, with who asked and why; the controller acts on it,
records it in the status, and removes it.
"""

import getpass
from collections.abc import Callable
from datetime import UTC, datetime

import click

from canary.cli.connection import Place, canary_command
from canary.controller.canaries import COMMAND_PREFIX
from canary.controller.cluster import Cluster


def _command(verb: str, help_text: str) -> click.Command:
    @canary_command
    async def give(cluster: Cluster, place: Place, *, reason: str, by: str) -> None:
        moment = datetime.now(UTC).isoformat(timespec="seconds")
        value = f"{by} at {moment}" + (f": {reason}" if reason else "")
        await cluster.merge_patch(
            place.kind,
            place.namespace,
            place.name,
            {"metadata": {"annotations": {f"{COMMAND_PREFIX}{verb}": value}}},
        )
        click.echo(f"canary {place.namespace}/{place.name}: {verb} asked for by {by}")

    options: tuple[Callable[[Callable[..., None]], Callable[..., None]], ...] = (
        click.option("--reason", default="", help="Why; it is kept in the status and events."),
        click.option("--by", default=getpass.getuser, help="Who asks.", show_default="your login"),
    )
    for option in options:
        give = option(give)
    return click.command(name=verb, help=help_text)(give)


approve = _command("approve", "Open the gate that a Canary waits at.")
reject = _command("reject", "Refuse at the gate that a Canary waits at: the run is rolled back.")
retry = _command("retry", "Run a failed revision again, without a change of its pod template.")
abort = _command("abort", "Roll the run under way back.")
pause = _command("pause", "Hold the run under way at its weight.")
resume = _command("resume", "Go on with a paused run.")
promote = _command("promote", "Promote the revision under test now, without further analysis.")
