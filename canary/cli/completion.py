"""Completion in a shell: scripts of ours, and the answers that kubectl asks a plug-in for."""

import sys
from collections.abc import Iterator, Sequence

import click
from click.shell_completion import ShellComplete, get_completion_class

from canary.cli import main

NO_FILES = ":4"
"""What tells kubectl not to offer the names of files instead."""

_EXAMPLES = """\b
Examples:
  source <(tidegate completion bash)
  tidegate completion zsh > "${fpath[1]}/_tidegate"
  tidegate completion fish > ~/.config/fish/completions/tidegate.fish
"""


@click.command(epilog=_EXAMPLES)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script that completes commands and options in a shell."""
    made = get_completion_class(shell)
    assert made is not None
    # click asks bash for its version in source(), where the script is for another machine's as well.
    asked = made(main, {}, "tidegate", "_TIDEGATE_COMPLETE")
    click.echo(asked.source_template % asked.source_vars())


def answers(words: Sequence[str]) -> Iterator[str]:
    """Complete the last of the words after `kubectl canary`, as kubectl reads it from a plug-in."""
    *before, begun = words or ("",)
    complete = ShellComplete(main, {}, "kubectl canary", "")
    for each in complete.get_completions(list(before), begun):
        if each.type == "plain":
            yield f"{each.value}\t{each.help}" if each.help else str(each.value)
    yield NO_FILES


def for_kubectl() -> None:
    """Answer kubectl, which calls `kubectl_complete-canary` with the words so far."""
    for line in answers(sys.argv[1:]):
        click.echo(line)
