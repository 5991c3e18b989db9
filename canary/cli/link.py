"""`tidegate link`: makes a link by which a person without an account answers a gate, once."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import click

from canary.api.annotations import AT_GATES
from canary.cli.commands import shut_gate
from canary.cli.common import DurationParam
from canary.cli.connection import Place, read_canary_status
from canary.cli.dashboard_links import read_key
from canary.cli.finding import read_canary
from canary.cli.naming import canary_command
from canary.cli.screen import Screen
from canary.cluster.cluster import Cluster
from canary.core.gate_link import LONGEST_VALIDITY, GateLink
from canary.core.gate_reference import GateReference

_EXAMPLES = """\b
Examples:
  tidegate link cart --for bob@a.example --key-file links.key --dashboard https://tidegate.example.com
"""


@click.option(
    "--for",
    "person",
    required=True,
    metavar="NAME",
    help="Whom it is for, by the name that the dashboard's identities have.",
)
@click.option(
    "--verb",
    type=click.Choice(sorted(AT_GATES)),
    default="approve",
    show_default=True,
    help="What it does at the gate.",
)
@click.option("--gate", help="The type of the gate, where several are shut.")
@click.option(
    "--valid",
    type=DurationParam(),
    default="4h",
    show_default=True,
    help="How long it can be used; 24h at most.",
)
@click.option(
    "--key-file",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The file of the key that the dashboard has as --links-key-file.",
)
@click.option(
    "--dashboard",
    required=True,
    metavar="URL",
    help="Where people reach the dashboard.",
)
@canary_command
async def _link(
    cluster: Cluster,
    place: Place,
    *,
    person: str,
    verb: str,
    gate: str | None,
    valid: timedelta,
    key_file: Path,
    dashboard: str,
) -> None:
    """Make a link that answers the gate that is shut now, and print it.

    Anyone who has the link can use it, as the user whom the dashboard's identities name for the
    person: send it to them alone. It counts once, for this gate of this run.
    """
    if not timedelta(0) < valid <= LONGEST_VALIDITY:
        raise click.UsageError("--valid: write a time of up to 24h")
    if not dashboard.startswith(("http://", "https://")):
        raise click.UsageError(f"--dashboard: {dashboard!r}: write https://…")
    key = read_key(key_file)
    manifest = await read_canary(cluster, place)
    shut = shut_gate(place, read_canary_status(place, manifest), gate)
    reference = GateReference.of(
        group=place.group,
        namespace=place.namespace,
        name=place.name,
        uid=manifest["metadata"].get("uid", ""),
        gate=shut,
    )
    ends = datetime.now(UTC) + valid
    made = GateLink(reference=reference, verb=verb, person=person, ends=ends)
    Screen().line(f"{dashboard.rstrip('/')}/link?{urlencode({'t': made.signed(key)})}")


link = click.command("link", epilog=_EXAMPLES)(_link)
