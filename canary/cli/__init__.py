"""The command line: `tidegate`, and the same as `kubectl canary`.

One module a group of commands, imported when its command is called, so that `tidegate --help`
does not load a client of everything.
"""

from importlib import import_module
from importlib.metadata import version as installed_version

import click

_COMMANDS = {
    "abort": "canary.cli.commands:abort",
    "approve": "canary.cli.commands:approve",
    "crds": "canary.cli.crds:crds",
    "demo": "canary.cli.demo:demo",
    "metrics": "canary.cli.metrics:metrics",
    "pause": "canary.cli.commands:pause",
    "promote": "canary.cli.commands:promote",
    "reject": "canary.cli.commands:reject",
    "resume": "canary.cli.commands:resume",
    "retry": "canary.cli.commands:retry",
    "run": "canary.cli.run:run",
    "status": "canary.cli.status:status",
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name every command."""
        return sorted({*super().list_commands(ctx), *_COMMANDS})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        place = _COMMANDS.get(cmd_name)
        if place is None:
            return super().get_command(ctx, cmd_name)
        module, name = place.split(":")
        command = getattr(import_module(module), name)
        assert isinstance(command, click.Command)
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Progressive delivery for Kubernetes: run the controller, and look after its canaries."""


@main.command()
def version() -> None:
    """Print the version."""
    click.echo(installed_version("tidegate"))
