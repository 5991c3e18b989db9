"""`tidegate version`: ours, and that of each controller in the cluster."""

import os
from importlib.metadata import version as installed_version
from typing import Any

import click

from canary.cli.common import acts_for, common, reaching_a_cluster

_HELP = """
Print the version of this command, and of each controller that has a Lease in the cluster.

The first is printed at once. It is printed alone where there is no cluster, or where its Leases may
not be read; nothing fails then.
"""
_NO_KUBECONFIG = "no kubeconfig was found; name one with --kubeconfig or KUBECONFIG"
_EXAMPLES = """\b
Examples:
  tidegate version
  tidegate version --client
  tidegate version -o json | jq -r .controllers[].version
"""


@click.command(help=_HELP, epilog=_EXAMPLES)
@click.option("--client", is_flag=True, help="Only that of this command; no cluster is asked.")
@click.option(
    "-o", "--output", "form", type=click.Choice(["json", "yaml"]), help="A form for programs."
)
@reaching_a_cluster
def version(*, client: bool, form: str | None, kubeconfig: str | None, context: str | None) -> None:
    """Print versions."""
    ours = installed_version("tidegate")
    document: dict[str, Any] = {"client": {"version": ours}}
    if not form:
        click.echo(ours)
    if not client and _nowhere(kubeconfig):
        acts_for()  # What is wrong usage elsewhere is so here.
        document |= {"controllers": None, "reason": _NO_KUBECONFIG}
        if not (form or common().quiet):
            click.echo(f"no controller's version is known: {_NO_KUBECONFIG}", err=True)
    elif not client:
        # A client of the cluster takes longer to import than all that is printed without one.
        from canary.cli.versions import controller_versions, show_versions

        found = controller_versions(kubeconfig, context)
        document |= found
        if not form:
            show_versions(found)
    if form:
        from canary.cli.documents import as_json, as_yaml

        for line in as_json(document) if form == "json" else as_yaml(document):
            click.echo(line)


def _nowhere(kubeconfig: str | None) -> bool:
    """Tell, without a client, that there is no cluster to ask: no kubeconfig, and this is no pod."""
    named = kubeconfig or os.environ.get("KUBECONFIG") or "~/.kube/config"
    # Who has no home, as in a container, has no file there: expanduser leaves the `~`.
    files = (os.path.expanduser(each) for each in named.split(os.pathsep) if each)  # noqa: PTH111
    return "KUBERNETES_SERVICE_HOST" not in os.environ and not any(map(os.path.exists, files))
