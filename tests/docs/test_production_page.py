"""The page of production: each row has tests, and each command shows what it is said to show."""

import re
import shlex
from collections.abc import Iterator

import click
import pytest

from canary.cli import main
from tests.docs.claims import claimed
from tests.docs.pages import DOCS
from tests.docs.production import CHECKLIST, FAILURES, UPGRADE

PAGE = DOCS / "production.md"


def rows(heading: str) -> Iterator[list[str]]:
    """Give the cells of each row of the table below a heading, without the addresses of links."""
    (section,) = re.findall(
        rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", section)
    _, *found = re.findall(r"^\| (.*) \|$", text, re.MULTILINE)
    return (each.split(" | ") for each in found)


def test_each_thing_to_have_in_place_has_tests_and_there_are_no_others() -> None:
    assert [each[0] for each in rows("Checklist")] == [*CHECKLIST]


def test_each_thing_that_fails_has_tests_and_there_are_no_others() -> None:
    found = [re.sub(r" \(more\)$", "", each[0]) for each in rows("When things fail")]

    assert found == [*FAILURES]


@pytest.mark.parametrize(
    "row",
    [*CHECKLIST.items(), *FAILURES.items(), ("an upgrade", UPGRADE)],
    ids=lambda row: row[0],
)
def test_tests_claim_what_a_row_says(row: tuple[str, tuple[str, ...]]) -> None:
    assert [each for each in row[1] if not claimed(each)] == []


def test_each_command_of_ours_is_one_that_there_is() -> None:
    shown = [code for each in rows("Checklist") for code in re.findall(r"`(.+?)`", each[2])]
    ours = [shlex.split(each)[1:] for each in shown if each.startswith("tidegate ")]

    assert {each[0] for each in ours} >= {"notify", "doctor", "stop", "go"}
    for words in ours:
        command, name, rest = found(words)
        # Raises a UsageError for what the command does not take.
        command.make_context(name, rest)


def found(words: list[str]) -> tuple[click.Command, str, list[str]]:
    """Find the command that words call, with its name and the words behind that."""
    command: click.Command = main
    for place, name in enumerate(words):
        assert isinstance(command, click.Group)
        inner = command.get_command(click.Context(command), name)
        assert inner is not None, name
        command = inner
        if not isinstance(command, click.Group):
            return command, name, words[place + 1 :]
    raise AssertionError(words)
