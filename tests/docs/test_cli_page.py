"""The page of the command line."""

import re

import click

from tests.docs.cli_page import PAGE, commands, sections_of


def test_every_command_and_each_of_its_options_says_what_it_is_for():
    silent = [
        f"{words} {each.opts[0]}"
        for words, command in sections_of(commands())
        for each in command.params
        if isinstance(each, click.Option) and not each.help
    ]
    assert silent == []
    headings = re.findall(r"^### (.+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert headings == [words for words, _ in sections_of(commands())]
