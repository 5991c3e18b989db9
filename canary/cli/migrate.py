"""`tidegate migrate`: Flagger's objects as tidegate's, what differs, and what stands in the way."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import click
import yaml

from canary.api.kinds import Manifest
from canary.api.meta import API_VERSION, PEER_GROUP
from canary.api.raw import part, text
from canary.cli.checks import Checker
from canary.cli.connection import connected, reaching_a_cluster, with_plugins
from canary.cli.documents import as_json
from canary.cli.ending import AnsweredNo, Failed
from canary.cli.findings import Finding, Level, counted, in_order, number_of, unreadable
from canary.cli.gathering import kinds_named
from canary.cli.manifests import STDIN, Document, Text, Unreadable, documents, from_files, texts
from canary.cli.moving import Moved, moved, written
from canary.cli.screen import Screen
from canary.cluster.cluster import Cluster
from canary.controller.canaries import canary_kind
from canary.controller.templates import alert_provider_kind, metric_template_kind
from canary.core.phases import IDLE
from canary.views.migration import differences

_HELP = """
Turn Flagger's Canaries, MetricTemplates and AlertProviders into tidegate's.

Says what changes in each, what tidegate does differently with it, and what stands in the way.
Nothing is written without --write, and nothing while something stands in the way. Only what must
change is written again: comments, order and all other objects of a file stay as they are. What has
been moved already is left alone. Exit codes: 0 all can move, 3 something stands in the way, 1 there
is nothing to move.
"""
_EXAMPLES = """\b
Examples:
  tidegate migrate -f deploy/
  tidegate migrate -f deploy/ --write .
  tidegate migrate -f canary.yaml --write - | kubectl apply -f -
  tidegate migrate --cluster -n shop --write moved/
"""
_KEPT_METADATA = ("name", "namespace", "labels", "annotations")
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_KINDS = (canary_kind, metric_template_kind, alert_provider_kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Migration:
    """What was read, what becomes of it, and what is said about it."""

    read: tuple[Text, ...]
    moved: tuple[Moved, ...]
    found: tuple[Finding, ...]

    @property
    def moving(self) -> tuple[Moved, ...]:
        """The objects that change."""
        return tuple(each for each in self.moved if each.changes)

    @property
    def blocked(self) -> bool:
        """Whether something stands in the way."""
        return any(each.level is Level.ERROR for each in self.found)

    def files(self) -> Iterator[Text]:
        """Give each file that changes, as it will be."""
        for file in self.read:
            moving = (each for each in self.moving if each.before.file == file.file)
            if changes := [change for each in moving for change in each.changes]:
                yield replace(file, content=written(file.content, changes))


@click.command(help=_HELP, epilog=_EXAMPLES)
@from_files
@click.option("--cluster", "from_cluster", is_flag=True, help="Read the objects of the cluster.")
@click.option("-n", "--namespace", help="Of objects that name none; with --cluster, only this one.")
@click.option("--router", default="istio", show_default=True, help="The controller's default.")
@click.option(
    "--write",
    "place",
    metavar="DIR",
    help="Write the files that change below this folder, under the names they have; - prints them.",
)
@click.option(
    "-o",
    "--output",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Lines for people, or one document for programs.",
)
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
            found = [each async for each in _objects(cluster, namespace or "")]
            busy.update({_file(each): phase for each in found if (phase := _busy(each))})
            read = tuple(Text(file=_file(each), content=_as_text(each)) for each in found)

        connected(kubeconfig, context, gather)
    else:
        read = tuple(texts((*named, *more)))
    migration = _migration(
        read, busy, namespace="" if from_cluster else namespace or "", router=router
    )
    _show(migration, form, place)


def _migration(
    read: tuple[Text, ...], busy: dict[str, str], *, namespace: str, router: str
) -> _Migration:
    """Move the objects of files, and find out what must be said about them.

    Raises:
        Failed: none of Flagger's or of ours is in there.
    """
    found: list[Finding] = []
    every: list[Moved] = []
    for file in read:
        for document in documents(file, "migrate", kinds_named()):
            if isinstance(document, Unreadable):
                found.append(unreadable(document))
            else:
                every.append(moved(document.within(namespace)))
    if not found and not any(each.before.ours for each in every):
        raise Failed("no Canary, MetricTemplate or AlertProvider is there")
    found += asyncio.run(Checker((each.after for each in every), router=router).findings())
    for each in every:
        found += _told(each, busy.get(each.before.file, ""))
    return _Migration(
        read=read,
        moved=tuple(every),
        found=tuple(in_order(found, (each.file for each in read))),
    )


def _told(each: Moved, phase: str) -> Iterator[Finding]:
    """Say what changes in an object, what becomes different, and that it must come to rest first."""
    for change in each.changes:
        if change.field != "apiVersion":
            yield _finding(each.before, Level.CHANGE, change.field, str(change))
    if not each.changes:
        return
    for field, difference in differences(each.after.obj):
        yield _finding(each.before, Level.DIFFERENCE, field, f"{field}: {difference}")
    if phase:
        message = f"status.phase: {phase!r}: wait until its run has ended before Flagger is stopped"
        yield _finding(each.before, Level.ERROR, "status.phase", message)


def _finding(document: Document, level: Level, field: str, message: str) -> Finding:
    return Finding(
        level=level,
        file=document.file,
        line=document.line(field),
        object=str(document),
        field=field,
        message=message,
    )


# ---------------------------------------------------------------------------- from the cluster


async def _objects(cluster: Cluster, namespace: str) -> AsyncIterator[Manifest]:
    """Read the objects of Flagger's group.

    Raises:
        Failed: the cluster does not serve them.
        ClusterError: they cannot be read.
    """
    if await cluster.discover(canary_kind(PEER_GROUP)) is None:
        raise Failed(f"the cluster does not serve {canary_kind(PEER_GROUP).resource}")
    for make in _KINDS:
        kind = make(PEER_GROUP)
        if await cluster.discover(kind) is None:
            continue
        async for page, _ in cluster.pages(kind, namespace):
            for each in page:
                yield each


def _file(manifest: Manifest) -> str:
    metadata = manifest["metadata"]
    return f"{metadata['namespace']}/{manifest['kind'].lower()}-{metadata['name']}.yaml"


def _busy(manifest: Manifest) -> str:
    """Give the phase of a Canary in the midst of something; empty where it is at rest."""
    phase = text(part(manifest, "status"), "phase")
    return phase if phase and phase not in {each.value for each in IDLE} else ""


def _as_text(manifest: Manifest) -> str:
    """Write an object as a person would, without what the API server and clients keep in it."""
    metadata = {key: manifest["metadata"].get(key) for key in _KEPT_METADATA}
    annotations = {
        key: value for key, value in (metadata["annotations"] or {}).items() if key != _LAST_APPLIED
    }
    metadata = {
        key: value for key, value in (metadata | {"annotations": annotations}).items() if value
    }
    document = {key: manifest[key] for key in ("apiVersion", "kind")}
    return yaml.safe_dump(
        document | {"metadata": metadata, "spec": manifest.get("spec")}, sort_keys=False
    )


# ------------------------------------------------------------------------------------- output


def _show(migration: _Migration, form: str, place: str | None) -> None:
    """Print the report, and write what moves.

    Raises:
        AnsweredNo: something stands in the way.
    """
    printed = place == STDIN
    screen = Screen.aside() if printed else Screen()
    if form == "json":
        screen.lines(as_json(_report(migration)))
    else:
        for each in migration.found:
            screen.line(*each.shown)
    if migration.blocked:
        errors = counted(each for each in migration.found if each.level is Level.ERROR)
        raise AnsweredNo(f"{errors}: nothing was written; mend these first, and run it again")
    changed = tuple(migration.files())
    if printed:
        # As they are: a screen would change what is in them. What came from a cluster is in ASCII.
        click.echo("\n---\n".join(each.content.removesuffix("\n") for each in changed))
    elif place is not None:
        for file in changed:
            _write(Path(place) / file.below, file.content)
    Screen.aside().line(_summary(migration, changed, place))


def _write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode("utf-8"))


def _summary(migration: _Migration, changed: tuple[Text, ...], place: str | None) -> str:
    """Say what has moved or can move, and what to do next."""
    if not changed:
        return f"Nothing is left to move: all objects are of {API_VERSION}."
    what = f"{number_of('object', len(migration.moving))} of {number_of('file', len(changed))}"
    if place is None:
        return f"{what} can move to {API_VERSION}; next: the same with --write DIR."
    next_ = "" if place == STDIN else f"; next: tidegate lint -f {place} --server"
    return f"{what} moved to {API_VERSION}{next_}."


def _report(migration: _Migration) -> dict[str, object]:
    return {
        "apiVersion": "view.tidegate.dev/v1",
        "kind": "MigrationReport",
        "blocked": migration.blocked,
        "moving": [str(each.before) for each in migration.moving],
        "findings": [each.document for each in migration.found],
    }
