"""Completion: scripts for shells, and answers for kubectl."""

import subprocess
import sys
from pathlib import Path

import pytest

from canary.cli.completion import NO_FILES, answers
from tests.cli.running import tidegate

FOLDER = Path(sys.executable).parent


def candidates(*words: str) -> list[str]:
    *found, last = answers(words)
    assert last == NO_FILES
    return [each.partition("\t")[0] for each in found]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
async def test_each_shell_gets_a_script_that_asks_tidegate(shell):
    code, output = await tidegate("completion", shell)
    assert code == 0, output
    assert f"_TIDEGATE_COMPLETE={shell}_complete" in output


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("expl",), ["explain"]),
        (("p",), ["pause", "plan", "promote"]),
        (("list", "--sort", ""), ["name", "attention", "since"]),
        (("list", "--no-h"), ["--no-headers"]),
        (("get", "sh"), []),
    ],
)
def test_kubectl_is_given_commands_options_and_choices(words, found):
    assert candidates(*words) == found


@pytest.mark.parametrize("name", ["canary", "tidegate"])
def test_kubectl_completes_the_plug_in_by_the_program_that_is_installed(name):
    ran = subprocess.run(
        (FOLDER / f"kubectl_complete-{name}", "hist"), capture_output=True, text=True, check=True
    )
    assert ran.stdout == f"history\tList the past runs of a Canary.\n{NO_FILES}\n"


@pytest.mark.parametrize("name", ["canary", "tidegate"])
def test_as_a_plug_in_the_usage_says_how_it_was_called(name):
    ran = subprocess.run(
        (FOLDER / f"kubectl-{name}", "list", "--help"), capture_output=True, text=True, check=True
    )
    assert ran.stdout.startswith(f"Usage: kubectl {name} list")
