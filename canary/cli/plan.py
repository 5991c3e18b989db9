"""`tidegate plan`: what a run would be, before there is one."""

from collections.abc import Iterable, Iterator
from typing import Any

import click

from canary.api.kinds import Manifest, ObjectKey
from canary.api.namespaces import Boundary
from canary.api.raw import part
from canary.cli.common import reaching_a_cluster
from canary.cli.connection import (
    connected,
    with_boundary,
    with_plugins,
    with_router,
)
from canary.cli.documents import as_json
from canary.cli.ending import AnsweredNo
from canary.cli.findings import number_of
from canary.cli.foreseeing import UNANSWERED, Foreseen, foresee
from canary.cli.images import pictured
from canary.cli.managed import managed, said
from canary.cli.naming import MeantCanary, everywhere_by_name, of_api_group
from canary.cli.offering import offer_canaries, offer_namespaces
from canary.cli.program import called
from canary.cli.questions import in_files, read_documents, record_of, stored_canary, templates_of
from canary.cli.screen import Screen
from canary.cli.silence import sighting, unserved
from canary.cli.stores import with_stores
from canary.cluster.cluster import Cluster
from canary.controller.canaries import CanaryRecord
from canary.controller.queries import Stores
from canary.resources.configs import references
from canary.views.blocks import Styled
from canary.views.outlook import shown
from canary.views.sight import shown as shown_sights

_HELP = """
Show what a run would be: its steps and their earliest times, who is asked, what is called and what
is written. Each query is asked once, and its answer shown; for a judge that compares both sides, how
large a regression must be to be proven at the present traffic, by the end of each step. What is
missing in the cluster, and the rights that you may need, are named.

Reads the Canary of the cluster, or with -f those of files, and changes nothing. Exit codes: 0 it
can be acted on, 3 it cannot.
"""
_EXAMPLES = """\b
Examples:
  tidegate plan shop
  tidegate plan shop --image app=registry.example/shop:6.1
  tidegate plan -f canary.yaml -n shop
"""


@click.command(help=_HELP, epilog=_EXAMPLES)
@click.argument("name", metavar="[CANARY]", required=False, shell_complete=offer_canaries)
@click.option(
    "-f", "--filename", "names", multiple=True, metavar="FILE", help="Plan for Canaries in files."
)
@click.option(
    "-n",
    "--namespace",
    shell_complete=offer_namespaces,
    help="Its namespace; that of the context when left out.",
)
@everywhere_by_name
@of_api_group
@click.option(
    "--image",
    "images",
    multiple=True,
    metavar="[CONTAINER=]IMAGE",
    help="An image that the release would have; may be repeated.",
)
@with_router
@with_stores
@click.option("-o", "--output", "form", type=click.Choice(["json"]), help="A form for programs.")
@with_plugins
@with_boundary
@reaching_a_cluster
def plan(
    name: str | None,
    names: tuple[str, ...],
    *,
    images: tuple[str, ...],
    router: str,
    boundary: Boundary,
    stores: Stores,
    form: str | None,
    kubeconfig: str | None,
    context: str | None,
    **options: Any,
) -> None:
    """Show what a run would be."""
    if name is None and not names:
        raise click.UsageError("name a Canary, or files with -f")
    meant = MeantCanary.take(name, options)
    if meant.everywhere and names:
        raise click.UsageError("files are planned for one namespace: choose it with --namespace")
    read = tuple(read_documents(names, "plan"))
    foreseen: list[Foreseen] = []
    alone: list[str] = []

    async def work(cluster: Cluster) -> None:
        if names:
            space = meant.namespace or cluster.credentials.namespace
            asked = tuple(in_files(read, space, meant.name or None))
        else:
            asked = (await stored_canary(cluster, await meant.find(cluster)),)
        for each in asked:
            run = await foresee(
                cluster,
                each.place,
                record_of(each, router, boundary),
                stores=stores,
                default_router=router,
                templates=templates_of(each),
                target=each.target,
                files=each.files,
            )
            foreseen.append(run)
            alone.append(unserved(await sighting(cluster), each.place, each.manifest))

    connected(kubeconfig, context, work)
    _show(foreseen, alone, images, form)
    if problems := sum(len(each.problems) for each in foreseen):
        raise AnsweredNo(f"{number_of('problem', problems)}: it could not be acted on")


def _show(
    foreseen: list[Foreseen], alone: list[str], images: tuple[str, ...], form: str | None
) -> None:
    screen = Screen()
    if form:
        plans = [
            _document(each, images) | {"unserved": why}
            for each, why in zip(foreseen, alone, strict=True)
        ]
        screen.lines(as_json({"plans": plans}))
        return
    for each, why in zip(foreseen, alone, strict=True):
        spec = each.record.canary.spec.target_ref
        screen.line(
            Styled(str(each.place), "bold"),
            f"  {spec.kind.lower()}/{spec.name}  {each.record.provider}",
        )
        screen.lines(pictured(each.target, images))
        screen.show(shown(each.run))
        screen.tell(f"writes {_written(each.writes)}{_copied(each.target)}")
        for told in (*_split(each.record), *(f"asked now: {answer}" for answer in each.answers)):
            screen.tell(told)
        if any(UNANSWERED in answer for answer in each.answers):
            screen.tell(
                "The controller may reach a store that this machine does not: forward its port to "
                "here, and name it with --metrics-server"
            )
        screen.show(shown_sights(each.sights))
        for seen in each.bursts:
            screen.tell(seen.told)
        for warning in each.record.warnings:
            screen.tell(Styled(f"warning: {warning}", "yellow"))
        for right in each.missing:
            screen.tell(Styled(f"you have no right to {right}", "yellow"))
        if why:
            screen.tell(Styled(f"warning: {why}", "yellow"))
        for problem in each.problems:
            screen.tell(Styled(f"problem: {problem}", "red"))
        if not each.problems:
            where = f"{each.place.name} -n {each.place.namespace}"
            Screen.aside().line(
                f"Nothing stands in the way; next: release, then {called()} wait {where}"
            )


def _written(keys: Iterable[ObjectKey]) -> str:
    """Name objects, those of a kind together."""
    by_kind: dict[str, list[str]] = {}
    for key in keys:
        by_kind.setdefault(key.kind.kind, []).append(key.name)
    return "; ".join(f"{kind} {', '.join(names)}" for kind, names in by_kind.items())


def _split(record: CanaryRecord) -> Iterator[str]:
    """Say of each route of the user's what in it is written."""
    service = record.canary.spec.service_name
    return (said(route, service) for _, route, _ in managed(record))


def _copied(target: Manifest | None) -> str:
    """Name the configs of which the primary gets copies."""
    template = part(part(target, "spec"), "template")
    named = references(template) if isinstance(template, dict) else ()
    copies = ", ".join(f"{each.kind} {each.name}" for each in named)
    return f"; copies of {copies}" if copies else ""


def _document(each: Foreseen, images: tuple[str, ...]) -> dict[str, object]:
    return {
        "canary": str(each.place),
        "changes": list(pictured(each.target, images)),
        "gates": list(each.run.gates),
        "steps": [
            {
                "name": step.name,
                "traffic": step.traffic,
                "pods": step.pods,
                "earliestSeconds": step.earliest.total_seconds(),
                "gates": list(step.gates),
            }
            for step in each.run.steps
        ],
        "judged": each.run.judged,
        "hooks": list(each.run.hooks),
        "writes": [f"{key.kind.kind}/{key.name}" for key in each.writes],
        "splits": [
            {"route": route.place, "rules": [rule.said for rule in route.rules]}
            for _, route, _ in managed(each.record)
        ],
        "answers": list(each.answers),
        "sees": [
            {
                "metric": seen.metric,
                "requestsPerMinute": seen.requests,
                "badPercent": 100 * seen.rate,
                "steps": [
                    {
                        "name": step.name,
                        "afterSeconds": step.end.total_seconds(),
                        "times": step.times,
                    }
                    for step in seen.steps
                ],
            }
            for seen in each.sights
        ],
        "bursts": [
            {
                "metric": seen.metric,
                "measured": seen.measured,
                "clustering": seen.allowance,
                "overSeconds": seen.over.total_seconds(),
            }
            for seen in each.bursts
        ],
        "warnings": [str(warning) for warning in each.record.warnings],
        "missingRights": list(each.missing),
        "problems": [str(problem) for problem in each.problems],
    }
