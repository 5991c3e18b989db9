"""`tidegate monitoring`: write the Grafana dashboards and the alert rules."""

from pathlib import Path

import click

from canary.monitoring.alerts import RUNBOOKS
from canary.monitoring.files import RULES, render


@click.command
@click.option(
    "--write",
    "directory",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write dashboards/*.json and rules.yaml into this folder.",
)
@click.option(
    "--runbooks",
    metavar="URL",
    default=RUNBOOKS,
    show_default=True,
    help="The address of the folder of runbooks, for links in alerts.",
)
def monitoring(directory: Path | None, runbooks: str) -> None:
    """Print the alert rules as YAML, or write them with the Grafana dashboards into a folder."""
    files = render(runbooks)
    if directory is None:
        click.echo(files[RULES], nl=False)
        return
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
