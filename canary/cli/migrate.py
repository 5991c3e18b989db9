"""`tidegate migrate`: Flagger's objects as tidegate's, what differs, and what stands in the way."""

from pathlib import Path

import click

from canary.api.meta import API_VERSION
from canary.cli.common import reaching_a_cluster, text_or_json
from canary.cli.connection import connected, with_plugins, with_router
from canary.cli.documents import as_json
from canary.cli.ending import AnsweredNo
from canary.cli.findings import Level, counted, number_of
from canary.cli.manifests import STDIN, Text, from_files, texts
from canary.cli.migrating import Migration, migration
from canary.cli.offering import offer_namespaces
from canary.cli.screen import Screen
from canary.cli.stored import as_text, file_of, peer_objects, phase_of_work
from canary.cluster.cluster import Cluster

_HELP = """
Turn Flagger's Canaries, MetricTemplates and AlertProviders into tidegate's, and the Rollouts of Argo
into Deployments and Canaries.

Says what changes in each, what tidegate does differently with it, and what stands in the way.
Nothing is written without --write, and nothing while something stands in the way. Only what must
change is written again: comments, order and all other objects of a file stay as they are. What has
been moved already is left alone. A Rollout stays, and what it becomes is a file of its own. Exit codes: 0 all can move, 3 something stands in the way, 1 there
is nothing to move.
"""
_EXAMPLES = """\b
Examples:
  tidegate migrate -f deploy/
  tidegate migrate -f deploy/ --write .
  tidegate migrate -f canary.yaml --write - | kubectl apply -f -
  tidegate migrate --cluster -n shop --write moved/
  tidegate migrate -f rollout.yaml -f service.yaml --write .
"""


@click.command(help=_HELP, epilog=_EXAMPLES)
@from_files
@click.option("--cluster", "from_cluster", is_flag=True, help="Read the objects of the cluster.")
@click.option(
    "-n",
    "--namespace",
    shell_complete=offer_namespaces,
    help="Of objects that name none; with --cluster, only this one.",
)
@with_router
@click.option(
    "--write",
    "place",
    metavar="DIR",
    help="Write the files that change below this folder, under the names they have; - prints them.",
)
@text_or_json
@with_plugins
@reaching_a_cluster
def migrate(
    named: tuple[str, ...],
    more: tuple[str, ...],
    namespace: str | None,
    router: str,
    place: str | None,
    form: str,
    kubeconfig: str | None,
    context: str | None,
    *,
    from_cluster: bool,
) -> None:
    """Say what becomes of Flagger's objects, and write them."""
    if from_cluster == bool(named or more):
        raise click.UsageError("name a file or a folder with -f, or --cluster")
    read: tuple[Text, ...] = ()
    busy: dict[str, str] = {}
    if from_cluster:

        async def gather(cluster: Cluster) -> None:
            nonlocal read
            found = [each async for each in peer_objects(cluster, namespace or "")]
            busy.update({file_of(each): phase for each in found if (phase := phase_of_work(each))})
            read = tuple(Text(file=file_of(each), content=as_text(each)) for each in found)

        connected(kubeconfig, context, gather)
    else:
        read = tuple(texts((*named, *more)))
    within = "" if from_cluster else namespace or ""
    _show(migration(read, busy, namespace=within, router=router), form, place)


def _show(become: Migration, form: str, place: str | None) -> None:
    """Print the report, and write what moves.

    Raises:
        AnsweredNo: something stands in the way.
    """
    printed = place == STDIN
    screen = Screen.aside() if printed else Screen()
    if form == "json":
        screen.lines(as_json(_report(become)))
    else:
        for each in become.found:
            screen.line(*each.shown)
    if become.blocked:
        errors = counted(each for each in become.found if each.level is Level.ERROR)
        raise AnsweredNo(f"{errors}: nothing was written; mend these first, and run it again")
    changed = tuple(become.files())
    if printed:
        # As they are: a screen would change what is in them. What came from a cluster is in ASCII.
        click.echo("\n---\n".join(each.content.removesuffix("\n") for each in changed))
    elif place is not None:
        for file in changed:
            _write(Path(place) / file.below, file.content)
    Screen.aside().line(_summary(become, changed, place))


def _write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode("utf-8"))


def _summary(become: Migration, changed: tuple[Text, ...], place: str | None) -> str:
    """Say what has moved or can move, and what to do next."""
    if not changed:
        return f"Nothing is left to move: all objects are of {API_VERSION}."
    what = f"{number_of('object', len(become.moving))} of {number_of('file', len(changed))}"
    if place is None:
        return f"{what} can move to {API_VERSION}; next: the same with --write DIR."
    next_ = "" if place == STDIN else f"; next: tidegate lint -f {place} --server"
    return f"{what} moved to {API_VERSION}{next_}."


def _report(become: Migration) -> dict[str, object]:
    return {
        "apiVersion": "view.tidegate.dev/v1",
        "kind": "MigrationReport",
        "blocked": become.blocked,
        "moving": [str(each) for each in become.moving],
        "findings": [each.document for each in become.found],
    }
