"""`tidegate doctor`: whether all that tidegate needs is there, and who else writes what it writes."""

from functools import partial

import click

from canary.cli.common import reaching_a_cluster
from canary.cli.connection import all_when_left_out, connected, with_plugins, with_router
from canary.cli.documents import as_json
from canary.cli.ending import AnsweredNo
from canary.cli.examining import (
    Examination,
    Examined,
    State,
    acting,
    definitions,
    examined,
    policy,
    rights,
    server,
)
from canary.cli.examining_admission import admission
from canary.cli.examining_canaries import canaries
from canary.cli.findings import number_of
from canary.cli.offering import offer_namespaces
from canary.cli.screen import Screen
from canary.cluster.cluster import Cluster
from canary.views.blocks import Styled

_HELP = """
Check everything that tidegate needs in a cluster, and name what is wrong with the remedy: the API
server and the CRDs with their versions, the controllers with their Leases and clocks, your own
rights, the policy on commands, the admission webhook, the kinds that routers need, metric stores,
and other writers of the objects that tidegate writes.

Changes nothing. Exit codes: 0 nothing is wrong, 3 something is. What you may not read is marked
with a question mark, and is no failure.
"""
_EXAMPLES = """\b
Examples:
  tidegate doctor
  tidegate doctor -n shop -o json
"""
_SIGNS = {
    State.GOOD: Styled("✔", "green"),
    State.BAD: Styled("✘", "red"),
    State.UNKNOWN: Styled("?", "yellow"),
}


@click.command(help=_HELP, epilog=_EXAMPLES)
@click.option(
    "-n",
    "--namespace",
    shell_complete=offer_namespaces,
    is_eager=True,
    help="Look at Canaries of this namespace only; all when left out.",
)
@all_when_left_out
@with_router
@click.option("-o", "--output", "form", type=click.Choice(["json"]), help="A form for programs.")
@with_plugins
@reaching_a_cluster
def doctor(
    namespace: str | None,
    router: str,
    form: str | None,
    kubeconfig: str | None,
    context: str | None,
) -> None:
    """Examine a cluster."""
    found: list[Examined] = []

    async def work(cluster: Cluster) -> None:
        for examine in _examinations(namespace or "", router):
            found.extend([each async for each in examined(examine, cluster)])

    connected(kubeconfig, context, work)
    screen = Screen()
    if form:
        rows = [{"state": each.state, "what": each.what, "message": each.message} for each in found]
        screen.lines(as_json({"examined": rows}))
    else:
        for each in found:
            screen.tell(_SIGNS[each.state], f" {each.what}: {each.message}")
    if wrong := sum(each.state is State.BAD for each in found):
        raise AnsweredNo(f"{number_of('thing', wrong)} wrong: see ✘ above")


def _examinations(namespace: str, router: str) -> tuple[Examination, ...]:
    """List what is examined, in the order in which a person would."""
    return (
        server,
        definitions,
        acting,
        partial(rights, namespace=namespace),
        policy,
        partial(admission, namespace=namespace),
        partial(canaries, namespace=namespace, router=router),
    )
