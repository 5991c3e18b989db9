"""What the demonstration says when it is left running."""

import shlex
from pathlib import Path

import click

from canary.cli import Deferred, main
from canary.demo.story import still_running


def test_it_tells_a_command_that_watches_ones_own_release():
    text = still_running(
        program="/x/tidegate", kubeconfig=Path("/k"), url="http://e", log=Path("/l")
    )
    lines = [line.strip() for line in text.splitlines()]
    (watching,) = (line for line in lines if line.startswith("/x/tidegate "))
    assert lines[lines.index(watching) - 1] == "export KUBECONFIG=/k"
    _, name, *arguments = shlex.split(watching)
    command = main.get_command(click.Context(main), name)
    assert isinstance(command, Deferred)
    read = command.load().make_context(name, arguments).params
    assert (read["name"], read["namespace"], read["watch"]) == ("podinfo", "demo", True)
