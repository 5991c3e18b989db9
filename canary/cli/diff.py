"""`tidegate diff CANARY`: what the release at the target changes of what is promoted."""

import click

from canary.api.kinds import CONFIG_MAP, SECRET, Kind, Manifest
from canary.api.validation import parse_canary
from canary.cli.connection import Place, canary_command, read_canary_status, with_plugins
from canary.cli.documents import as_json
from canary.cli.ending import AnsweredNo, Failed
from canary.cli.finding import read_canary
from canary.cli.screen import Screen
from canary.cluster.cluster import Cluster
from canary.errors import Forbidden, NotFound
from canary.resources.configs import ConfigKind
from canary.targets import target_for
from canary.views.difference import Changed, config_changes, copies, template_changes

_EXAMPLES = """\b
Examples:
  tidegate diff shop
  tidegate diff shop --exit-code -o json
"""
_KINDS: dict[ConfigKind, Kind] = {ConfigKind.CONFIG_MAP: CONFIG_MAP, ConfigKind.SECRET: SECRET}


@click.command(name="diff", epilog=_EXAMPLES)
@click.option("--exit-code", is_flag=True, help="End with exit code 3 where something changes.")
@click.option("-o", "--output", "form", type=click.Choice(["json"]), help="A form for programs.")
@with_plugins
@canary_command
async def diff(cluster: Cluster, place: Place, *, exit_code: bool, form: str | None) -> None:
    """Show what the release changes: the target beside the primary, which has what is promoted.

    Images, env, resources, and which keys of ConfigMaps and Secrets change; no value of a Secret,
    and none of a variable whose name looks like one, is shown.
    """
    manifest = await read_canary(cluster, place)
    status = read_canary_status(place, manifest)
    spec = parse_canary({key: each for key, each in manifest.items() if key != "status"}).spec
    if status.names is not None:
        spec = spec.with_primary(status.names.primary)
    kind = target_for(spec.target_ref.kind).kind
    try:
        target = await cluster.read(kind, place.namespace, spec.target_ref.name)
        primary = await cluster.read(kind, place.namespace, spec.primary_name)
    except NotFound as error:
        raise Failed(f"{place}: there are no two sides to compare: {error}") from error
    changes = [*template_changes(target, primary, place.name)]
    unread: list[str] = []
    for reference, copy in copies(target, primary, place.name).items():
        if copy == reference.name:
            continue
        of_kind = _KINDS[reference.kind]
        try:
            before = await _found(cluster, of_kind, place.namespace, copy)
            after = await _found(cluster, of_kind, place.namespace, reference.name)
        except Forbidden:
            unread.append(f"{reference.kind.lower()} {reference.name}: you may not read it")
            continue
        changes += config_changes(reference, before, after)
    _show(changes, unread, form)
    if changes and exit_code:
        raise AnsweredNo(f"{place.name}: the release changes something")


async def _found(cluster: Cluster, kind: Kind, namespace: str, name: str) -> Manifest | None:
    try:
        return await cluster.read(kind, namespace, name)
    except NotFound:
        return None


def _show(changes: list[Changed], unread: list[str], form: str | None) -> None:
    screen = Screen()
    if form:
        rows = [{"what": each.what, "where": each.where, "detail": each.detail} for each in changes]
        screen.lines(as_json({"changes": rows, "unread": unread}))
        return
    screen.lines(str(each) for each in changes)
    aside = Screen.aside()
    aside.lines(unread)
    if not changes:
        aside.line("Nothing changes: the target is what is promoted.")
