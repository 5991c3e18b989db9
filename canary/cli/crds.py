"""`tidegate crds`: write the CustomResourceDefinitions made from the typed models."""

from pathlib import Path

import click

from canary.api.schema import render, render_hub


@click.command
@click.option(
    "--write",
    "directories",
    multiple=True,
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write one file a kind into this folder; may be given several times.",
)
@click.option(
    "--hub",
    is_flag=True,
    help="Those of a fleet's hub (FleetPlan, FleetReport) instead of a controller's own.",
)
def crds(directories: tuple[Path, ...], *, hub: bool) -> None:
    """Print the CustomResourceDefinitions as YAML, or write them into folders."""
    files = render_hub() if hub else render()
    if not directories:
        click.echo("---\n".join(files.values()), nl=False)
    for directory in directories:
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (directory / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    crds()
