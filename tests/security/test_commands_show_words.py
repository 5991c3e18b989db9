"""S10: whatever the cluster or a store answers, a command prints it as words."""

import ast
import re
from pathlib import Path
from typing import Any

import click
import pytest

import canary.cli
from canary.cli import main
from tests.cli.running import tidegate
from tests.controller.faults import kubeconfig
from tests.security.hostile import HOSTILE
from tests.security.strange_cluster import strange_cluster

OWN_WORDS = {
    "completion",
    "crds",
    "dashboard",
    "demo",
    "lint",
    "migrate",
    "monitoring",
    "run",
    "simulate",
    "slo",
    "version",
}
"""Commands that ask no cluster themselves; pictures and pages are tried elsewhere."""
SHORT = {name: text for name, text in HOSTILE.items() if len(text) < 1000}
EVERYTHING = " ".join(SHORT.values())
ARGUMENTS = {
    "doctor": (),
    "fleet": ("status",),
    "fleet lint": (),
    "go": ("--controller-namespace", "default"),
    "notify": ("test", "podinfo"),
    "stop": ("--reason", EVERYTHING, "--controller-namespace", "default"),
    # A file that is long enough for a key.
    "link": ("podinfo", "--for", "bob", "--key-file", __file__, "--dashboard", "https://t.test"),
    "list": (),
    "orphans": ("--release", "--force"),
    "metrics": ("podinfo", "--metrics-server"),
    "plan": ("podinfo", "--metrics-server"),
    "replay": ("podinfo", "--metrics-server"),
    "backtest": ("podinfo", "--since", "2h", "--metrics-server"),
}
OF_ITS_OWN = {"link", "stop"}
"""Commands that show nothing of a cluster that does as they ask."""
COMMANDS = sorted({*main.list_commands(click.Context(main)), "fleet lint"} - OWN_WORDS)
UNPRINTABLE = re.compile(r"[^\x20-\x7e\n]")
OURS = set("–…✔✘?▁▂▃▄▅▆▇█╌┤└≤≥")


async def ran(command: str, text: str, tmp_path: Path, **refusals: Any) -> tuple[int, str]:
    async with strange_cluster(text, **refusals) as cluster:
        arguments = ARGUMENTS.get(command, ("podinfo",))
        if "--metrics-server" in arguments:
            arguments = (*arguments, cluster.url)
        path = kubeconfig(tmp_path / "kubeconfig", cluster.url)
        return await tidegate(*command.split(), *arguments, "--kubeconfig", str(path))


def strangers(output: str) -> set[str]:
    return set(UNPRINTABLE.findall(output)) - OURS


@pytest.mark.parametrize("command", COMMANDS)
async def test_a_command_shows_what_a_cluster_holds_as_words(command, tmp_path):
    code, output = await ran(command, EVERYTHING, tmp_path)
    assert code in {0, 1, 3, 6}, output
    assert strangers(output) == set()
    assert "Traceback" not in output
    assert "[bold red]all is well[/]" in output or command in OF_ITS_OWN, "it was shown at all"


@pytest.mark.parametrize("command", [each for each in COMMANDS if each != "doctor"])
async def test_a_refusal_is_one_line_of_words(command, tmp_path):
    code, output = await ran(command, EVERYTHING, tmp_path, refuses=403)
    assert (code, len(output.splitlines())) == (1, 1), output
    assert strangers(output) == set()
    assert "[bold red]all is well[/]" in output, "it was shown at all"


async def test_what_a_store_refuses_is_shown_as_words(tmp_path):
    code, output = await ran("metrics", EVERYTHING, tmp_path, store_refuses=True)
    assert (code, strangers(output)) == (1, set())
    assert "no metric could be read" in output


@pytest.mark.parametrize("text", SHORT.values(), ids=SHORT)
async def test_each_text_is_shown_by_status(text, tmp_path):
    code, output = await ran("status", text, tmp_path)
    assert (code, strangers(output)) == (0, set())


def test_no_command_prints_past_the_screen():
    """`canary.cli.screen` and `canary.cli.ending` are the ways out; rich has its own contract."""
    allowed = {
        "completion.py": {"click.echo"},
        "crds.py": {"click.echo"},
        "migrate.py": {"click.echo"},
        "monitoring.py": {"click.echo"},
        "version.py": {"click.echo"},
    }
    ways = {"click.echo", "click.secho", "click.ClickException", "print", "sys.stdout.write"}
    folder = Path(canary.cli.__file__).parent
    found = {
        (path.name, called)
        for path in folder.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and (called := ast.unparse(node.func)) in ways - allowed.get(path.name, set())
    }
    assert found == set()
