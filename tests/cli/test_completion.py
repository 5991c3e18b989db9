"""Completion: scripts for shells, and answers for kubectl."""

import json
import os
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
    ],
)
def test_kubectl_is_given_commands_options_and_choices(words, found):
    assert candidates(*words) == found


@pytest.mark.delivery
@pytest.mark.parametrize("name", ["canary", "tidegate"])
def test_kubectl_completes_the_plug_in_by_the_program_that_is_installed(name):
    ran = subprocess.run(
        (FOLDER / f"kubectl_complete-{name}", "hist"), capture_output=True, text=True, check=True
    )
    assert ran.stdout == f"history\tList the past runs of a Canary.\n{NO_FILES}\n"


@pytest.mark.delivery
@pytest.mark.parametrize("name", ["canary", "tidegate"])
def test_as_a_plug_in_the_usage_says_how_it_was_called(name):
    ran = subprocess.run(
        (FOLDER / f"kubectl-{name}", "list", "--help"), capture_output=True, text=True, check=True
    )
    assert ran.stdout.startswith(f"Usage: kubectl {name} list")


class Kubectl:
    """A program of that name, which answers by its words and keeps what it was asked."""

    def __init__(self, folder: Path) -> None:
        self._asked, self._answers = folder / "asked", folder / "answers.json"
        self.program = folder / "kubectl"
        self.program.write_text(
            f"""#!{sys.executable}
import json, sys
with open({str(self._asked)!r}, "a") as asked:
    asked.write(" ".join(sys.argv[1:]) + "\\n")
answers = json.load(open({str(self._answers)!r}))
if sys.argv[2] not in answers:
    sys.exit("error: the server doesn't have a resource type")
print("\\n".join(answers[sys.argv[2]]))
"""
        )
        self.program.chmod(0o755)

    def has(self, **names: list[str]) -> None:
        kinds = {"ours": "canaries.tidegate.dev", "peers": "canaries.flagger.app"}
        self._answers.write_text(
            json.dumps({kinds.get(kind, kind): listed for kind, listed in names.items()})
        )

    @property
    def asked(self) -> list[str]:
        """What it was asked, without the form of its answer."""
        lines = self._asked.read_text().splitlines() if self._asked.exists() else []
        return sorted(line.partition(" -o=")[0] for line in lines)


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kubectl:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.delenv("KUBECONFIG", raising=False)
    return Kubectl(tmp_path)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("get", ""), ["cart", "search", "shop"]),
        (("get", "s"), ["search", "shop"]),
        (("approve", "canary/sh"), ["canary/shop"]),
        (("explain", "web/c"), ["web/cart"]),
        (("wait", "shop", "s"), ["search"]),
        (("plan", "ca"), ["cart"]),
        (("get", "--api-group", "tidegate.dev", ""), ["search", "shop"]),
        (("get", "-n", "we"), ["web"]),
        (("list", "-n", ""), ["default", "web"]),
        (("doctor", "-n", "d"), ["default"]),
        (("dashboard", "-n", "w"), ["web"]),
        (("stop", "-n", "w"), ["web"]),
    ],
)
def test_names_of_the_cluster_are_offered_as_they_are_begun(kubectl, words, found):
    kubectl.has(ours=["shop", "search"], peers=["cart", "shop"], namespaces=["web", "default"])
    assert candidates(*words) == found


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ((), ""),
        (("-n", "web"), "--namespace=web "),
        (("-A",), "--all-namespaces "),
    ],
)
def test_names_are_asked_for_where_the_words_before_say(kubectl, words, asked):
    kubectl.has(ours=[])
    candidates("get", *words, "")
    assert kubectl.asked == [
        f"get canaries.{group} {asked}--request-timeout=2s"
        for group in ("flagger.app", "tidegate.dev")
    ]


def test_names_are_asked_of_the_cluster_and_for_the_person_that_are_named(kubectl):
    kubectl.has(namespaces=[])
    words = ("--context", "test", "--kubeconfig", "/k", "--as", "ann", "--as-group", "ops")
    candidates("get", *words, "-n", "")
    assert kubectl.asked == [
        "get namespaces --request-timeout=2s --kubeconfig=/k --context=test --as=ann --as-group=ops"
    ]


def test_a_group_that_is_not_served_takes_no_name_away_from_the_other(kubectl):
    kubectl.has(peers=["cart"])
    assert candidates("get", "") == ["cart"]


def test_what_is_no_name_is_not_offered(kubectl):
    kubectl.has(ours=["shop", "$(touch /tmp/x)", "a b", "\x1b[2J"])
    assert candidates("get", "") == ["shop"]


@pytest.mark.parametrize("program", ["exit 1", "echo shop; exit 3", "kill -9 $$"])
def test_a_kubectl_that_fails_offers_nothing_and_says_nothing(kubectl, capfd, program):
    kubectl.program.write_text(f"#!/bin/sh\necho trouble >&2\n{program}\n")
    assert candidates("get", "") == []
    assert capfd.readouterr() == ("", "")


def test_a_kubectl_that_cannot_be_started_offers_nothing(kubectl):
    kubectl.program.write_text("#!/no/such/interpreter\n")
    assert candidates("get", "") == []


def test_without_kubectl_there_are_no_names(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert candidates("get", "") == []


def test_a_kubectl_that_does_not_answer_is_given_up(kubectl):
    kubectl.program.write_text("#!/bin/sh\nexec sleep 600\n")
    assert candidates("get", "") == []


@pytest.mark.parametrize("words", [("expl",), ("get", "--all"), ("list", "--sort", "")])
def test_nothing_else_asks_for_names(kubectl, words):
    kubectl.has(ours=["shop"])
    candidates(*words)
    assert kubectl.asked == []
