"""`tidegate lint -f FILE`: everything that is wrong with manifests, before a cluster sees them."""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import click

from canary.api.namespaces import OPEN, Boundary
from canary.api.raw import part
from canary.cli.checks import Checker
from canary.cli.common import reaching_a_cluster
from canary.cli.connection import connected, with_boundary, with_plugins, with_router
from canary.cli.documents import as_json
from canary.cli.dry_runs import dry_runs
from canary.cli.ending import AnsweredNo, Failed
from canary.cli.findings import Finding, Level, counted, in_order, number_of, unreadable
from canary.cli.gathering import kinds_named
from canary.cli.kustomizations import patches
from canary.cli.manifests import Document, Text, Unreadable, documents, from_files, texts
from canary.cli.screen import Screen
from canary.cluster.cluster import Cluster

_HELP = """
Check the objects of tidegate and of Flagger in files: Canaries, MetricTemplates and the like.

Every problem is named at once, with its file and line, in the words of the controller: what the
API server and the controller would refuse, what the router cannot do, what is accepted and has no
effect, and what the objects of the files name. Other kinds are ignored, and no cluster is needed.
Exit codes: 0 nothing is wrong, 3 something is, 1 there is nothing to check.
"""
_EXAMPLES = """\b
Examples:
  tidegate lint -f deploy/
  kustomize build overlays/prod | tidegate lint -f - --strict
  tidegate lint -f canary.yaml -o github
  tidegate lint -f canary.yaml --server -n shop
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What was read, and what was found."""

    files: tuple[str, ...]
    documents: tuple[Document, ...]
    found: tuple[Finding, ...]
    router: str
    """The router of Canaries that name none."""

    @property
    def ours(self) -> int:
        """How many objects were checked."""
        return sum(each.ours for each in self.documents)

    def fails(self, *, strict: bool) -> bool:
        """Tell whether something is wrong."""
        failing = {Level.ERROR, Level.WARNING} if strict else {Level.ERROR}
        return any(each.level in failing for each in self.found)

    @property
    def summary(self) -> str:
        """Say in a few words what was checked, and what came of it."""
        named = [*(each.file for each in self.documents), *(each.file for each in self.found)]
        files = len(set(named))
        where = f"{number_of('object', self.ours)} of {number_of('file', files)}"
        unnamed = any(
            each.kind == "Canary" and not part(part(each.obj, "spec"), "provider")
            for each in self.documents
        )
        router = f"; Canaries without spec.provider are checked for {self.router} (--router)"
        return f"{counted(self.found) or 'no problem'} in {where}{router if unnamed else ''}"


@click.command(help=_HELP, epilog=_EXAMPLES)
@from_files
@click.option("-n", "--namespace", help="The namespace of objects that name none.")
@with_router
@click.option("--strict", is_flag=True, help="Fail on warnings too.")
@click.option("--server", is_flag=True, help="Ask the API server too, by a dry run.")
@click.option(
    "-o",
    "--output",
    "form",
    type=click.Choice(["text", "json", "github"]),
    default="text",
    show_default=True,
    help="Lines for people, one document for programs, or annotations of a workflow of GitHub.",
)
@with_plugins
@with_boundary
@reaching_a_cluster
def lint(
    named: tuple[str, ...],
    more: tuple[str, ...],
    namespace: str | None,
    router: str,
    boundary: Boundary,
    kubeconfig: str | None,
    context: str | None,
    *,
    strict: bool,
    server: bool,
    form: str,
) -> None:
    """Print what was found, and fail where something is wrong."""
    if not named and not more:
        raise click.UsageError("name a file or a folder with -f; - is standard input")
    checked = check(
        tuple(texts((*named, *more))), namespace=namespace or "", router=router, boundary=boundary
    )
    if server:

        async def ask(cluster: Cluster) -> None:
            nonlocal checked
            refused = await dry_runs(cluster, checked.documents, checked.found)
            checked = replace(checked, found=(*checked.found, *refused))

        connected(kubeconfig, context, ask)
    show(replace(checked, found=tuple(in_order(checked.found, checked.files))), form, strict=strict)


def check(
    read: tuple[Text, ...], *, namespace: str, router: str, boundary: Boundary = OPEN
) -> Checked:
    """Check the objects of files.

    Raises:
        Failed: none of ours is in there.
    """
    objects: list[Document] = []
    found: list[Finding] = []
    partial = patches(read)
    for text in read:
        for each in documents(text, "lint", kinds_named()):
            if isinstance(each, Unreadable):
                found.append(unreadable(each))
            elif text.file in partial:
                found += _patch(each)
            else:
                objects.append(each.within(namespace))
    if not found and not any(each.ours for each in objects):
        raise Failed(f"no object of tidegate or Flagger is in {number_of('file', len(read))}")
    found += asyncio.run(Checker(objects, router=router, boundary=boundary).findings())
    return Checked(
        files=tuple(each.file for each in read),
        documents=tuple(objects),
        found=tuple(found),
        router=router,
    )


def _patch(document: Document) -> Iterator[Finding]:
    """Say of a patch where it is checked: in what kustomize makes of it."""
    if document.ours:
        yield Finding(
            level=Level.NOTICE,
            file=document.file,
            line=document.line(),
            object=str(document),
            message="it is a patch; check what comes out: kustomize build DIR | tidegate lint -f -",
        )


def show(checked: Checked, form: str, *, strict: bool) -> None:
    """Print what was found.

    Raises:
        AnsweredNo: something is wrong.
    """
    screen = Screen()
    match form:
        case "json":
            screen.lines(as_json(_report(checked.found, checked.ours)))
        case "github":
            screen.lines(each.annotation for each in checked.found)
        case _:
            for each in checked.found:
                screen.line(*each.shown)
    if checked.fails(strict=strict):
        raise AnsweredNo(checked.summary)
    Screen.aside().line(f"{checked.summary}.")


def _report(found: Iterable[Finding], objects: int) -> dict[str, object]:
    return {
        "apiVersion": "view.tidegate.dev/v1",
        "kind": "LintReport",
        "objects": objects,
        "findings": [each.document for each in found],
    }
