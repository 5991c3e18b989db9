"""`tidegate version`: ours, and that of each controller in the cluster."""

from importlib.metadata import version as installed_version
from typing import Any

import click

from canary.cli.common import reaching_a_cluster

_HELP = """
Print the version of this command, and of each controller that has a Lease in the cluster.

Fails nowhere: without a cluster, or where its Leases may not be read, the first is printed alone.
"""
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
    if not client:
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
