"""The command line: `tidegate`, and the same as `kubectl canary`.

One module a group of commands, imported when its command is called, so that `tidegate --help`
does not load a client of everything.
"""

from difflib import get_close_matches
from errno import EPIPE
from importlib import import_module
from typing import Any

import click

from canary.errors import CanaryError

_COMMANDS = {
    "abort": ("canary.cli.commands", "Roll the run under way back."),
    "approve": ("canary.cli.commands", "Open the gate that a Canary waits at."),
    "backtest": (
        "canary.cli.backtest",
        "Release in many past times, and count what a gate would have made of them.",
    ),
    "crds": ("canary.cli.crds", "Print the CustomResourceDefinitions, or write them into folders."),
    "completion": ("canary.cli.completion", "Print the script that completes commands in a shell."),
    "dashboard": ("canary.cli.dashboard", "Watch Canaries in a browser, and act on them."),
    "demo": ("canary.cli.demo", "Watch a good release promoted and a bad one rolled back."),
    "diff": ("canary.cli.diff", "Show what the release changes of what is promoted."),
    "doctor": ("canary.cli.doctor", "Check everything that tidegate needs in a cluster."),
    "events": ("canary.cli.events", "List the events of a Canary, the oldest first."),
    "explain": ("canary.cli.explain", "Say why a Canary is where it is, and what to do."),
    "expedite": (
        "canary.cli.commands",
        "Pass the windows and the line of every DeliveryPolicy, for one run.",
    ),
    "fleet": ("canary.cli.fleet", "Coordinate releases over clusters."),
    "get": ("canary.cli.status", "Show where a Canary is and what it waits for."),
    "go": ("canary.cli.stopping", "Let Canaries go on that stop has stopped."),
    "history": ("canary.cli.history", "List the past runs of a Canary."),
    "link": ("canary.cli.link", "Make a link that answers a gate, once."),
    "lint": ("canary.cli.lint", "Name everything that is wrong with manifests in files."),
    "list": ("canary.cli.listing", "List Canaries: where each is, and what it waits for."),
    "logs": ("canary.cli.logs", "Show what the controller's replicas logged of a Canary."),
    "metrics": ("canary.cli.metrics", "Draw each metric of a Canary over time, with its bound."),
    "migrate": (
        "canary.cli.migrate",
        "Turn Flagger's objects into tidegate's, and say what differs.",
    ),
    "monitoring": ("canary.cli.monitoring", "Write the Grafana dashboards and the alert rules."),
    "notify": ("canary.cli.notify", "Send a test alert to the receiver of an AlertProvider."),
    "orphans": ("canary.cli.orphans", "List Canaries whose deletion no controller finishes."),
    "pause": ("canary.cli.commands", "Hold the run under way at its weight."),
    "plan": ("canary.cli.plan", "Show what a run would be, before there is one."),
    "promote": ("canary.cli.commands", "Promote the revision under test without further analysis."),
    "reject": ("canary.cli.commands", "Refuse at the gate, and roll the run back."),
    "replay": ("canary.cli.replay", "Judge a past time again, by the present gate or another."),
    "resume": ("canary.cli.commands", "Go on with a paused run."),
    "retry": ("canary.cli.commands", "Run a failed revision again as it is."),
    "run": ("canary.cli.run", "Run the controller until it receives SIGTERM."),
    "simulate": (
        "canary.cli.simulate",
        "Release a Canary often in a calculated world, and count how often its gate is wrong.",
    ),
    "skip": ("canary.cli.commands", "Go on from the step of the run at once."),
    "slo": (
        "canary.cli.slo",
        "Write gates of the objectives of OpenSLO, Sloth and Pyrra in files.",
    ),
    "status": ("canary.cli.status", "The same as get."),
    "stop": ("canary.cli.stopping", "Stop all Canaries, or those of a namespace, with one write."),
    "version": ("canary.cli.version", "Print the version, and those of the controllers."),
    "wait": ("canary.cli.wait", "Wait until a release is promoted, or ends otherwise."),
}
"""The module of each command, which names it as we do, and what it does in a line."""
_ATTRIBUTES = {"list": "list_canaries"}
"""What a command is called in its module, where that is not its name."""
_EXTRAS = {"demo": "demo"}
"""The extra that a command needs, by the command's name."""
INTERRUPTED = 130
"""The exit code after Ctrl-C."""


class Deferred(click.Command):
    """A command that is imported when it is called: to list or complete it takes its line alone."""

    def __init__(self, name: str, module: str, line: str) -> None:
        super().__init__(name, short_help=line)
        self._module = module

    def load(self) -> click.Command:
        """Import the command itself; one whose dependencies are not installed says which."""
        try:
            module = import_module(self._module)
        except ModuleNotFoundError as error:
            if self.name not in _EXTRAS:
                raise
            raise _failed(
                f"{error.name} is not installed, and tidegate {self.name} needs it; install it "
                f"with: pip install 'tidegate[{_EXTRAS[self.name]}]'"
            ) from error
        command = getattr(module, _ATTRIBUTES.get(str(self.name), str(self.name)))
        assert isinstance(command, click.Command)
        return command

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """Hand over to the command itself: from here on its context is what click works with."""
        return self.load().make_context(*args, **extra)


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name every command."""
        return sorted({*super().list_commands(ctx), *_COMMANDS})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Find a command without importing it."""
        if cmd_name not in _COMMANDS:
            return super().get_command(ctx, cmd_name)
        return Deferred(cmd_name, *_COMMANDS[cmd_name])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what it cannot do is one sentence, and Ctrl-C has a code of its own."""
        try:
            return super().invoke(ctx)
        except CanaryError as error:
            raise _failed(str(error)) from error
        except OSError as error:
            if error.errno == EPIPE:
                raise
            told = error.strerror and error.filename
            raise _failed(f"{error.filename}: {error.strerror}" if told else str(error)) from error
        except KeyboardInterrupt as error:
            raise SystemExit(INTERRUPTED) from error

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is called; of one that there is not, name the nearest."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            near = get_close_matches(args[0], self.list_commands(ctx), 1)
            if not near:
                raise
            raise click.UsageError(f"{error.message} Did you mean {near[0]!r}?", ctx) from error


def _failed(message: str) -> click.ClickException:
    from canary.cli.ending import Failed

    return Failed(message)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Progressive delivery for Kubernetes: run the controller, and look after its canaries."""
