"""`tidegate get CANARY`, or `status`: where a Canary is, and what it is waiting for."""

from datetime import datetime

import click

from canary.api.kinds import Manifest
from canary.cli.common import here
from canary.cli.connection import Place, read_canary_status
from canary.cli.documents import as_json, as_yaml
from canary.cli.finding import read_canary
from canary.cli.naming import reading_command
from canary.cli.screen import Screen
from canary.cli.silence import silence
from canary.cli.watching import watch as watch_blocks
from canary.cluster.cluster import Cluster
from canary.controller.canaries import FINALIZER
from canary.views.blocks import Block, Styled
from canary.views.canary import canary_view
from canary.views.moments import moment
from canary.views.status import status_view

_HELP = """
Show where a Canary is, what it waits for and since when, and its last judgements.

--watch repaints a terminal as things change, and prints a block per change elsewhere.
"""
_EXAMPLES = """\b
Examples:
  tidegate {name} shop --watch
  tidegate {name} shop -o json | jq .waiting
"""


def _command(name: str) -> click.Command:
    @reading_command
    async def show(cluster: Cluster, place: Place, *, watch: bool, form: str | None) -> None:
        if form and watch:
            raise click.UsageError("--watch has no --output; leave one of them out")
        if form:
            document = canary_view(await read_canary(cluster, place), foresees=True).document()
            Screen().lines(as_json(document) if form == "json" else as_yaml(document))
        elif watch:
            await watch_blocks(lambda: _looked_at(cluster, place))
        else:
            Screen().show(await _looked_at(cluster, place))

    text = "A form for programs."
    show = click.option("-w", "--watch", is_flag=True, help="Keep showing it until Ctrl-C.")(show)
    show = click.option("-o", "--output", "form", type=click.Choice(["json", "yaml"]), help=text)(
        show
    )
    return click.command(name=name, help=_HELP, epilog=_EXAMPLES.format(name=name))(show)


get = _command("get")
status = _command("status")


async def _looked_at(cluster: Cluster, place: Place) -> Block:
    manifest = await read_canary(cluster, place)
    now = here()
    view = status_view(str(place), read_canary_status(place, manifest), now)
    silent = await silence(cluster, place, manifest)
    told = (silent, _without_controller(manifest, now)) if silent else ()
    return (*view.whole, *((Styled(each, "yellow"),) for each in told if each))


def _without_controller(manifest: Manifest, now: datetime) -> str:
    """Say of a Canary that is being deleted that no controller removes its finalizer."""
    metadata = manifest["metadata"]
    if "deletionTimestamp" not in metadata or FINALIZER not in (metadata.get("finalizers") or ()):
        return ""
    deleted = datetime.fromisoformat(metadata["deletionTimestamp"])
    return (
        f"It was deleted at {moment(deleted, now)}, and no controller is running to finish the deletion: install a "
        "controller again, or see: tidegate orphans --help"
    )
