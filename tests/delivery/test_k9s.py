"""The plug-ins for k9s: each runs a command that exists, with options that it has, under a key of its own."""

import re
import shlex
from typing import Any

import click
import pytest
import yaml

from canary.api.annotations import VERBS
from canary.cli import main
from tests.testbed.tools import ROOT

PLUGINS: dict[str, dict[str, Any]] = yaml.safe_load(
    (ROOT / "deploy" / "k9s" / "plugins.yaml").read_text()
)["plugins"]
#: What k9s puts into a command, here of a Canary that is selected.
VALUES = {
    "NAME": "shop",
    "NAMESPACE": "web",
    "CONTEXT": "alice @ harbour",
    "RESOURCE_GROUP": "tidegate.dev",
}
#: Keys of k9s itself in a list of resources: sorting, and the jump to an owner.
TAKEN = {"Shift-A", "Shift-C", "Shift-J", "Shift-N", "Shift-O", "Shift-P", "Shift-S"}
ACTS = {name for name, each in PLUGINS.items() if each.get("dangerous")}


def words(plugin: dict[str, Any]) -> list[str]:
    """Give the words of its call of tidegate, as its shell reads them."""
    assert plugin["command"] == "sh"
    option, script = plugin["args"]
    assert option == "-c"
    call = re.split("[|;]", re.sub(r"\$(\w+)", lambda found: VALUES[found[1]], script))[0]
    return shlex.split(call)


@pytest.mark.parametrize("name", PLUGINS)
def test_its_command_is_one_of_tidegates_and_takes_its_options(name: str) -> None:
    tidegate, verb, *options = words(PLUGINS[name])
    assert (tidegate, f"tidegate-{verb}") == ("tidegate", name)
    with click.Context(main) as context:
        command = main.get_command(context, verb)
        assert command is not None
        parsed = command.make_context(verb, options, parent=context).params
    assert parsed["name"] == "shop"
    assert (parsed["namespace"], parsed["context"], parsed["api_group"]) == (
        "web",
        "alice @ harbour",
        "tidegate.dev",
    )


def test_every_plugin_has_a_key_that_nothing_else_has() -> None:
    keys = [each["shortCut"] for each in PLUGINS.values()]
    assert len(set(keys)) == len(keys)
    assert not TAKEN & set(keys)
    assert all(re.fullmatch("Shift-[A-Z]", each) for each in keys)


def test_what_gives_a_command_asks_first_and_is_left_out_where_k9s_only_reads() -> None:
    given = {f"tidegate-{verb}" for verb in VERBS}
    assert given & set(PLUGINS) == ACTS
    assert all(PLUGINS[each]["confirm"] for each in ACTS)
    assert given - ACTS == {"tidegate-expedite"}, (
        "an exception that is explained belongs to a shell"
    )


def test_they_are_there_for_canaries_alone() -> None:
    assert {tuple(each["scopes"]) for each in PLUGINS.values()} == {("canaries",)}
