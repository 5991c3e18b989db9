"""The command itself: its list of commands, and how little it takes to show it."""

import os
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from canary.cli import Deferred, main

HEAVY = {"aiohttp", "httpx", "kopf", "kubernetes", "pydantic", "rich", "slack_sdk"}
NAMES = main.list_commands(click.Context(main))


def found(name: str) -> click.Command:
    command = main.get_command(click.Context(main), name)
    assert command is not None
    return command


@pytest.mark.parametrize("name", NAMES)
def test_every_command_is_there_under_its_name_and_says_what_it_does(name):
    command = found(name)
    itself = command.load() if isinstance(command, Deferred) else command
    assert (itself.name, bool(itself.help)) == (name, True)
    shown = CliRunner().invoke(main, [name, "--help"])
    assert (shown.exit_code, shown.output.splitlines()[0].split()[:3]) == (
        0,
        ["Usage:", "main", name],
    )


def test_help_lists_every_command_with_its_whole_line():
    shown = CliRunner().invoke(main, ["--help"], terminal_width=100).output
    rows = [" ".join(line.split()) for line in shown.splitlines()]
    lines = {name: command.short_help or command.help for name in NAMES if (command := found(name))}
    assert [name for name, line in lines.items() if f"{name} {line}" not in rows] == []


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"_TIDEGATE_COMPLETE": "bash_complete", "COMP_WORDS": "tidegate st", "COMP_CWORD": "1"},
    ],
    ids=["help", "completion"],
)
def test_help_and_completion_import_nothing_heavy(environment):
    program = (
        "import atexit, sys\n"
        f"atexit.register(lambda: print(sorted({HEAVY!r} & sys.modules.keys())))\n"
        "from canary.cli import main\n"
        "main(['--help'], prog_name='tidegate')\n"
    )
    ran = subprocess.run(
        (sys.executable, "-c", program),
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "status" in ran.stdout, ran.stderr
    assert ran.stdout.splitlines()[-1] == "[]"


def test_a_list_does_not_build_what_checks_specs():
    program = (
        "import canary.cli.listing\n"
        "from canary.api.canary import CanarySpec\n"
        "print(CanarySpec.__pydantic_complete__)\n"
    )
    ran = subprocess.run(
        (sys.executable, "-c", program), capture_output=True, text=True, check=False
    )
    assert ran.stdout == "False\n", ran.stderr


def test_an_unknown_command_is_refused_by_name():
    shown = CliRunner().invoke(main, ["nope"])
    assert (shown.exit_code, "No such command 'nope'" in shown.output) == (2, True)
