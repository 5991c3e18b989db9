"""`tidegate list`: the Canaries of a namespace or of the cluster, one a line."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field

import click

from canary.api.kinds import Kind, Manifest
from canary.api.meta import GROUP, PEER_GROUP
from canary.api.status import Phase
from canary.cli.common import here, reaching_a_cluster
from canary.cli.connection import Place, connected
from canary.cli.documents import as_json, as_yaml
from canary.cli.ending import Failed
from canary.cli.list_watch import ChangingRows, watch_rows
from canary.cli.naming import AUTO, groups_of
from canary.cli.offering import offer_namespaces
from canary.cli.program import called
from canary.cli.screen import Screen
from canary.cli.silence import sighting, unserved
from canary.cli.watching import until_interrupted
from canary.cluster.cluster import Cluster
from canary.controller.canaries import canary_kind
from canary.controller.logs import printable
from canary.replicas.silence import Sighting
from canary.views.canary import API_VERSION, CanaryView, canary_view
from canary.views.fleet import Columns, Selection, by_age, by_attention, header, row

_PHASES = [each.value or "New" for each in Phase]
_ORDERS = {"attention": by_attention, "since": by_age}

_ALONE_AT_MOST = 5
"""So many Canaries that no controller acts on are named."""

_EXAMPLES = """\b
Examples:
  tidegate list -A --sort attention
  tidegate list --held -o name
  tidegate list -A --watch
"""


@dataclass(slots=True)
class Alone:
    """The Canaries of a list that no controller acts on."""

    seen: Sighting | None = None
    found: list[tuple[Place, str]] = field(default_factory=list)

    def look(self, views: Iterable[CanaryView], manifests: Iterable[Manifest]) -> None:
        """Find them among some."""
        for view, manifest in zip(views, manifests, strict=True):
            place = Place(namespace=view.namespace, name=view.name, group=view.group)
            if why := unserved(self.seen, place, manifest):
                self.found.append((place, why))

    @property
    def told(self) -> Iterator[str]:
        """Say which they are, and why."""
        gone = self.seen is not None and self.seen.found and self.seen.no_controller(here())
        if gone:
            yield f"{gone}."
        yield from (f"{place}: {why}." for place, why in self.found[:_ALONE_AT_MOST])
        if (more := len(self.found) - _ALONE_AT_MOST) > 0:
            yield f"And {more} more that no controller takes."


@click.command(name="list", epilog=_EXAMPLES)
@click.option(
    "-n",
    "--namespace",
    shell_complete=offer_namespaces,
    help="Only this namespace; that of the context when left out.",
)
@click.option("-A", "--all-namespaces", "everywhere", is_flag=True, help="All namespaces.")
@click.option("-l", "--selector", default="", help="Only those with these labels: app=shop.")
@click.option(
    "--phase",
    "phases",
    multiple=True,
    type=click.Choice(_PHASES, case_sensitive=False),
    help="Only those in this phase; may be repeated.",
)
@click.option("--held", is_flag=True, help="Only those at a gate, or paused.")
@click.option("--failing", is_flag=True, help="Only failed and stuck ones, and failing runs.")
@click.option(
    "--sort",
    "order",
    type=click.Choice(["name", *_ORDERS]),
    default="name",
    show_default=True,
    help="The order; attention puts first what needs a person.",
)
@click.option("-w", "--watch", is_flag=True, help="Go on with rows that change, until Ctrl-C.")
@click.option("--no-headers", is_flag=True, help="Leave out the names of the columns.")
@click.option(
    "-o",
    "--output",
    "form",
    type=click.Choice(["wide", "json", "yaml", "name"]),
    help="More columns, or a form for programs.",
)
@click.option(
    "--api-group",
    type=click.Choice([AUTO, GROUP, PEER_GROUP]),
    default=AUTO,
    show_default=True,
    help="The API group; with auto all that are served.",
)
@reaching_a_cluster
def list_canaries(
    namespace: str | None,
    selector: str,
    phases: tuple[str, ...],
    order: str,
    form: str | None,
    api_group: str,
    kubeconfig: str | None,
    context: str | None,
    *,
    everywhere: bool,
    held: bool,
    failing: bool,
    watch: bool,
    no_headers: bool,
) -> None:
    """List Canaries: where each one is, and what it waits for.

    With --watch a row follows for each Canary that changes, and with -o json a document on a line.
    """
    if everywhere and namespace:
        raise click.UsageError("choose one of --namespace and --all-namespaces")
    if watch and (form == "yaml" or order != "name"):
        raise click.UsageError("--watch has no --sort, and no -o yaml; leave them out")
    selection = Selection(phases=frozenset(phases), held=held, failing=failing)
    groups = groups_of(api_group)
    alone = Alone()

    async def work(cluster: Cluster) -> None:
        within = "" if everywhere else namespace or cluster.credentials.namespace
        # What must be known first is asked for at once: a cluster may be far away.
        kinds, alone.seen = await asyncio.gather(_served(cluster, groups), sighting(cluster))
        if watch:
            rows = ChangingRows(selection, everywhere=everywhere, headers=not no_headers, form=form)
            with until_interrupted():
                await watch_rows(cluster, kinds, within, selector, rows)
            return
        pages = _pages(cluster, kinds, within, selector, selection, alone)
        if order != "name":
            pages = _sorted(pages, order)
        if form in {"json", "yaml"}:
            await _document(pages, form)
        elif form == "name":
            async for page in pages:
                Screen().lines(f"canary.{view.group}/{view.name}" for view in page)
        else:
            found = await _table(
                pages, everywhere=everywhere, wide=form == "wide", headers=not no_headers
            )
            if not found:
                Screen.aside().tell(
                    _none(within, selected=bool(selector) or selection != Selection())
                )
        Screen.aside().lines(alone.told)

    connected(kubeconfig, context, work)


def _none(namespace: str, *, selected: bool) -> str:
    """Say that there is no row, and where there may be some."""
    which = "No Canary matches" if selected else "There is no Canary"
    if not namespace:
        return f"{which} in any namespace."
    return f"{which} in namespace {namespace}; {called()} list -A shows all namespaces."


async def _served(cluster: Cluster, groups: Iterable[str]) -> list[Kind]:
    """Keep the kinds that a cluster serves.

    Raises:
        Failed: it serves none.
    """
    kinds = [canary_kind(group) for group in groups]
    found = await asyncio.gather(*map(cluster.discover, kinds))
    served = [kind for kind, version in zip(kinds, found, strict=True) if version is not None]
    if served:
        return served
    missing = " nor ".join(kind.resource for kind in kinds)
    context = cluster.credentials.context
    raise Failed(
        f"the cluster does not serve {missing}: install tidegate, or choose another cluster with "
        f"--context{f' (this is {context})' if context else ''}"
    )


async def _pages(
    cluster: Cluster,
    kinds: Iterable[Kind],
    namespace: str,
    labels: str,
    selection: Selection,
    alone: Alone,
) -> AsyncIterator[list[CanaryView]]:
    for kind in kinds:
        async for manifests, _ in cluster.pages(kind, namespace, labels=labels):
            views = [canary_view(each) for each in manifests]
            alone.look(views, manifests)
            yield [each for each in views if selection.takes(each)]


async def _sorted(
    pages: AsyncIterator[list[CanaryView]], order: str
) -> AsyncIterator[list[CanaryView]]:
    everything = [each async for page in pages for each in page]
    yield sorted(everything, key=_ORDERS[order])


async def _document(pages: AsyncIterator[list[CanaryView]], form: str) -> None:
    items = [each.document() async for page in pages for each in page]
    document = {"apiVersion": API_VERSION, "kind": "CanaryViewList", "items": items}
    Screen().lines(as_json(document) if form == "json" else as_yaml(document))


async def _table(
    pages: AsyncIterator[list[CanaryView]], *, everywhere: bool, wide: bool, headers: bool
) -> bool:
    """Print rows page by page, in columns as wide as the first page needs; tell if there were any."""
    screen, columns = Screen(), None
    now = here()
    names = header(everywhere=everywhere, wide=wide)
    async for page in pages:
        rows = [
            tuple(map(printable, row(each, now, everywhere=everywhere, wide=wide))) for each in page
        ]
        if rows and columns is None:
            width = None if wide or not screen.has_end else screen.width
            columns = Columns.of([names, *rows], flexible=names.index("WAITING FOR"), width=width)
            if headers:
                screen.line(columns.line(names))
        for each in rows:
            assert columns is not None
            screen.line(columns.line(each))
    return columns is not None
