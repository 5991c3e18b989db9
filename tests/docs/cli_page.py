"""The page of the command line: written from the commands themselves."""

import inspect
import re
from collections.abc import Iterable, Iterator

import click

from canary.cli import Deferred, main
from tests.docs.pages import DOCS

PAGE = DOCS / "cli.md"
_EXAMPLES = "<!-- not run: examples of its help; that the command understands them is tested -->"
START = "<!-- What follows is made from the commands; a test fails when it is stale. -->\n"


def page() -> str:
    """Write the page: what is there by hand, and every command under it."""
    by_hand, _, _ = PAGE.read_text(encoding="utf-8").partition(START)
    sections = (_command(words, command) for words, command in sections_of(commands()))
    return f"{by_hand}{START}\n" + "\n".join(sections)


def sections_of(
    found: Iterable[click.Command], before: str = ""
) -> Iterator[tuple[str, click.Command]]:
    """Give each command with the words that call it, and those of a group in the group's place."""
    for command in found:
        words = f"{before}{command.name}"
        if isinstance(command, click.Group):
            yield from sections_of(command.commands.values(), f"{words} ")
        else:
            yield words, command


def commands() -> Iterator[click.Command]:
    """Give every command, imported."""
    context = click.Context(main)
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        assert command is not None
        yield command.load() if isinstance(command, Deferred) else command


def _command(words: str, command: click.Command) -> str:
    context = click.Context(command, info_name=f"tidegate {words}")
    usage = " ".join(command.collect_usage_pieces(context))
    examples = inspect.cleandoc(command.epilog or "").replace("\b", "").split("Examples:\n")[-1]
    run = "\n".join(f"$ {line.strip()}" for line in examples.strip().splitlines())
    options = [each for each in command.get_params(context) if isinstance(each, click.Option)]
    # `run` is as long as all others together, and says where its settings come from.
    shown = [] if command.name == "run" else options
    rows = [
        row for each in shown if (row := each.get_help_record(context)) and "--help" not in row[0]
    ]
    table = [f"| `{_cell(flag)}` | {_cell(text)} |" for flag, text in rows]
    parts = [
        f"### {words}\n",
        f"`tidegate {words} {usage}`\n",
        f"{_told(command)}\n",
        f"{_EXAMPLES}\n```console\n{run}\n```\n" if run else "",
        "\n".join(["| option | |", "|---|---|", *table]) + "\n" if table else "",
        "Its settings are many: `tidegate run --help` lists them.\n"
        if not shown and options
        else "",
    ]
    return "\n".join(filter(None, parts))


def _told(command: click.Command) -> str:
    text = inspect.cleandoc(command.help or "").replace("\b", "")
    return "\n".join(re.sub(r"\s*\n\s*", " ", part) for part in text.split("\n\n"))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
