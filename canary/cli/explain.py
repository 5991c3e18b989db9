"""`tidegate explain CANARY`: why it is where it is, and what to do."""

import click

from canary.cli.common import here
from canary.cli.connection import Place
from canary.cli.documents import as_json
from canary.cli.finding import read_canary
from canary.cli.naming import reading_command
from canary.cli.program import called
from canary.cli.screen import Screen
from canary.cli.silence import silence
from canary.cluster.cluster import Cluster
from canary.dashboard.rights import Rights
from canary.views.explain import explanation, explanation_document
from canary.views.foreseen import foreseen_view

_EXAMPLES = """\b
Examples:
  tidegate explain shop
  kubectl canary explain shop -n web
  tidegate explain shop -o json | jq '.sentences[]'
"""


@click.command(epilog=_EXAMPLES)
@click.option("-o", "--output", "form", type=click.Choice(["json"]), help="A form for programs.")
@reading_command
async def explain(cluster: Cluster, place: Place, *, form: str | None) -> None:
    """Say why a Canary is where it is: what it waits for, until when, and what you may do now."""
    manifest = await read_canary(cluster, place)
    view = foreseen_view(manifest)
    now = here()
    silent = await silence(cluster, place, manifest)
    allowed = await Rights(cluster).to_canaries(place.group, place.namespace)

    def lacks(verb: str) -> str | None:
        return allowed.lacks(verb, place.name) if allowed.known else None

    screen = Screen()
    if form:
        document = explanation_document(view, now, program=called(), lacks=lacks)
        screen.lines(as_json(document | {"controller": silent}))
        return
    screen.show(explanation(view, now, program=called(), lacks=lacks, silent=silent))
