"""`tidegate diff CANARY`: what the release at the target changes of what is promoted."""

import click

from canary.api.validation import parse_canary
from canary.cli.connection import Place, read_canary_status, with_plugins
from canary.cli.documents import as_json
from canary.cli.ending import AnsweredNo, Failed
from canary.cli.finding import read_canary
from canary.cli.naming import reading_command
from canary.cli.screen import Screen
from canary.cluster.cluster import Cluster
from canary.controller.differences import ReleaseChanges, release_changes
from canary.errors import NotFound

_EXAMPLES = """\b
Examples:
  tidegate diff shop
  tidegate diff shop --exit-code -o json
"""


@click.command(name="diff", epilog=_EXAMPLES)
@click.option("--exit-code", is_flag=True, help="End with exit code 3 where something changes.")
@click.option("-o", "--output", "form", type=click.Choice(["json"]), help="A form for programs.")
@with_plugins
@reading_command
async def diff(cluster: Cluster, place: Place, *, exit_code: bool, form: str | None) -> None:
    """Show what the release changes: the target beside the primary, which has what is promoted.

    Of a StatefulSet it is the template beside the revision that the pods run which it holds back.
    Images, env, resources, and which keys of ConfigMaps and Secrets change; no value of a Secret,
    and none of a variable whose name looks like one, is shown.
    """
    manifest = await read_canary(cluster, place)
    status = read_canary_status(place, manifest)
    spec = parse_canary({key: each for key, each in manifest.items() if key != "status"}).spec
    try:
        found = await release_changes(cluster, place.namespace, place.name, spec, status)
    except NotFound as error:
        raise Failed(f"{place}: there are no two sides to compare: {error}") from error
    _show(found, form)
    if found.changes and exit_code:
        raise AnsweredNo(f"{place.name}: the release changes something")


def _show(found: ReleaseChanges, form: str | None) -> None:
    screen = Screen()
    if form:
        rows = [
            {"what": each.what, "where": each.where, "detail": each.detail}
            for each in found.changes
        ]
        screen.lines(as_json({"changes": rows, "unread": list(found.unread)}))
        return
    screen.lines(str(each) for each in found.changes)
    aside = Screen.aside()
    aside.lines(found.unread)
    if not found.changes:
        aside.line("Nothing changes: the target is what is promoted.")
