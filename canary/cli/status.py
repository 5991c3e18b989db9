"""`tidegate get CANARY`, or `status`: where a Canary is, and what it is waiting for."""

from datetime import datetime
from typing import Any

import click

from canary.api.canary import CanarySpec
from canary.api.kinds import Manifest
from canary.api.validation import parse_canary
from canary.cli.common import here
from canary.cli.connection import Place, read_canary_status
from canary.cli.documents import as_json, as_yaml
from canary.cli.finding import read_canary
from canary.cli.naming import reading_command
from canary.cli.program import called
from canary.cli.screen import Screen
from canary.cli.silence import silence
from canary.cli.watching import Glimpse, watch_documents
from canary.cli.watching import watch as watch_blocks
from canary.cluster.cluster import Cluster
from canary.controller.both_sides import pods_of, ready_of
from canary.controller.canaries import FINALIZER
from canary.core.plan import plan
from canary.errors import CanaryError, InvalidSpec
from canary.views.blocks import Block, Line, Styled
from canary.views.canary import CanaryView
from canary.views.explain import next_commands
from canary.views.fleet import standing_line, subject_line
from canary.views.foreseen import foreseen_view
from canary.views.journey import way
from canary.views.moments import moment
from canary.views.pods import PodView, pods_block, ready_line
from canary.views.status import status_view
from canary.views.units import units

_HELP = """
Show where a Canary is, what it waits for and since when, and its last judgements.

How long a run still takes is said where nothing but analyses is between here and the promotion, or
the next gate. Ready pods are counted of workloads that you may read.

--watch repaints a terminal as things change, and prints a line per change elsewhere; with -o json
a document on a line. It ends when the run under way has ended, or the next one where there is none.
"""
_EXAMPLES = """\b
Examples:
  tidegate {name} shop --watch
  tidegate {name} shop --pods
  tidegate {name} shop -o json | jq .waiting
"""


def _command(name: str) -> click.Command:
    @reading_command
    async def show(
        cluster: Cluster, place: Place, *, watch: bool, pods: bool, form: str | None
    ) -> None:
        if form == "yaml" and watch:
            raise click.UsageError("--watch writes no YAML; choose -o json")
        if watch:
            looking = watch_documents if form else watch_blocks
            await looking(lambda: _looked_at(cluster, place, pods=pods))
            return
        manifest = await read_canary(cluster, place)
        found = await _pods(cluster, place, manifest) if pods else None
        view = await _view(cluster, place, manifest)
        if form:
            document = _document(view, found)
            Screen().lines(as_json(document) if form == "json" else as_yaml(document))
            return
        told = await _missing_controller(cluster, place, manifest)
        Screen().show((*_present(place, manifest, view), *told, *_pods_shown(found)))
        for each in next_commands(view, called()):
            Screen.aside().line(f"next: {each}")

    listed = "List the pods of both sides too, with why one does not run."
    show = click.option("--pods", is_flag=True, help=listed)(show)
    text = "Keep showing it until its run has ended, or Ctrl-C."
    show = click.option("-w", "--watch", is_flag=True, help=text)(show)
    text = "A form for programs."
    show = click.option("-o", "--output", "form", type=click.Choice(["json", "yaml"]), help=text)(
        show
    )
    return click.command(name=name, help=_HELP, epilog=_EXAMPLES.format(name=name))(show)


get = _command("get")
status = _command("status")


async def _looked_at(cluster: Cluster, place: Place, *, pods: bool) -> Glimpse:
    manifest = await read_canary(cluster, place)
    found = await _pods(cluster, place, manifest) if pods else None
    view = await _view(cluster, place, manifest)
    told = await _missing_controller(cluster, place, manifest)
    return Glimpse(
        whole=(*_present(place, manifest, view), *told, *_pods_shown(found)),
        lines=((standing_line(view),), *told),
        document=_document(view, found),
        running=view.run is not None,
    )


async def _pods(cluster: Cluster, place: Place, manifest: Manifest) -> tuple[PodView, ...]:
    """List the pods of both sides.

    Raises:
        CanaryError: the spec is not sound, or they may not be listed.
    """
    status = read_canary_status(place, manifest)
    return await pods_of(cluster, place.namespace, _spec(manifest), status)


async def _view(cluster: Cluster, place: Place, manifest: Manifest) -> CanaryView:
    """See a Canary with all that one alone is asked for: what is ahead of it, and its ready pods."""
    view, status = foreseen_view(manifest), read_canary_status(place, manifest)
    try:
        ready = await ready_of(cluster, place.namespace, _spec(manifest), status)
    except CanaryError:
        return view
    return view.model_copy(update={"ready": ready})


def _spec(manifest: Manifest) -> CanarySpec:
    return parse_canary({key: each for key, each in manifest.items() if key != "status"}).spec


def _pods_shown(found: tuple[PodView, ...] | None) -> Block:
    return () if found is None else pods_block(found, here())


def _document(view: CanaryView, found: tuple[PodView, ...] | None) -> dict[str, Any]:
    document = view.document()
    if found is None:
        return document
    return document | {"pods": [each.model_dump(mode="json", by_alias=True) for each in found]}


def _present(place: Place, manifest: Manifest, view: CanaryView) -> Block:
    status, now = read_canary_status(place, manifest), here()
    around = ((subject_line(view, now),), ready_line(view.ready), _way(manifest, view, now))
    return status_view(str(place), status, now, filter(None, around), units(manifest)).whole


def _way(manifest: Manifest, view: CanaryView, now: datetime) -> Line:
    """Draw the way of a run through its plan; nothing where there is none."""
    if view.run is None:
        return ()
    try:
        return way(plan(_spec(manifest).analysis), view, now)
    except InvalidSpec:
        return ()


async def _missing_controller(
    cluster: Cluster, place: Place, manifest: Manifest
) -> tuple[Line, ...]:
    """Say that no controller acts on a Canary, and what comes of that."""
    silent = await silence(cluster, place, manifest)
    told = (silent, _without_controller(manifest, here())) if silent else ()
    return tuple((Styled(each, "yellow"),) for each in told if each)


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
