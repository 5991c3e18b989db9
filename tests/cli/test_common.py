"""The options that every command of a cluster has: they are there, and do what they say."""

import asyncio
import re
from datetime import UTC
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from canary.cli import main
from canary.cli.common import here, with_common
from tests.cli.running import tidegate
from tests.controller.faults import kubeconfig as write_kubeconfig
from tests.docs.cli_page import commands, sections_of
from tests.receiver import Answer, Receiver, receiving

COMMON = {"--as", "--as-group", "--request-timeout", "--quiet", "--utc", "--no-color"}
COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-7]m")


def options_of(command: click.Command) -> set[str]:
    return {name for each in command.params for name in (*each.opts, *each.secondary_opts)}


REACHING = {
    words: options_of(command)
    for words, command in sections_of(commands())
    if {"--kubeconfig", "--context"} <= options_of(command) and words not in {"run", "fleet run"}
}


def test_every_command_that_asks_a_cluster_has_them() -> None:
    assert {"list", "approve", "doctor", "dashboard"} <= set(REACHING)
    assert {words: COMMON - options for words, options in REACHING.items()} == {
        words: set() for words in REACHING
    }


async def asked(receiver: Receiver, tmp_path: Path, *arguments: str) -> tuple[int, str]:
    path = write_kubeconfig(tmp_path / "config", receiver.url)
    return await tidegate(*arguments, "--kubeconfig", str(path))


async def test_a_command_may_act_for_another_user(tmp_path: Path) -> None:
    """Whether that is allowed is the API server's to say: it is asked by impersonation."""
    async with receiving() as receiver:
        receiver.answers(Answer(status=403))
        groups = ("--as-group", "sre", "--as-group", "shop")
        code, _ = await asked(receiver, tmp_path, "explain", "shop", "--as", "alice", *groups)
        assert code == 1
        sent = [each.headers for each in receiver.requests]
    assert sent
    assert {each["Impersonate-User"] for each in sent} == {"alice"}


async def test_without_that_it_acts_for_who_calls_it(tmp_path: Path) -> None:
    async with receiving() as receiver:
        receiver.answers(Answer(status=403))
        await asked(receiver, tmp_path, "explain", "shop")
        assert receiver.requests
        assert not any("Impersonate-User" in each.headers for each in receiver.requests)


async def test_groups_alone_are_nobody(tmp_path: Path) -> None:
    async with receiving() as receiver:
        code, output = await asked(receiver, tmp_path, "explain", "shop", "--as-group", "sre")
        assert not receiver.requests
    assert code == 2
    assert "--as-group needs a user: name one with --as" in output


async def test_a_request_takes_no_longer_than_is_allowed(tmp_path: Path) -> None:
    async with receiving() as receiver:
        receiver.answers(Answer(hangs=True))
        code, output = await asked(receiver, tmp_path, "list", "--request-timeout", "50ms")
        receiver.release()
    assert code == 1
    assert "does not answer in time" in output


@pytest.mark.usefixtures("cluster")
async def test_a_quiet_command_prints_its_data_alone(kubeconfig: Path) -> None:
    nothing = ("list", "-n", "elsewhere", "--kubeconfig", str(kubeconfig))
    none = "There is no Canary in namespace elsewhere; tidegate list -A shows all namespaces.\n"
    assert await tidegate(*nothing) == (0, none)
    assert await tidegate(*nothing, "-q") == (0, "")


@pytest.mark.usefixtures("cluster")
async def test_a_quiet_command_still_says_why_it_failed(kubeconfig: Path) -> None:
    code, output = await tidegate("get", "lost", "-q", "--kubeconfig", str(kubeconfig))
    assert code == 1
    assert "lost" in output


@pytest.mark.parametrize(("options", "coloured"), [((), True), (("--no-color",), False)])
async def test_colours_are_left_out_where_that_is_asked(
    kubeconfig: Path, options: tuple[str, ...], coloured: bool
) -> None:
    runner = CliRunner(env={"FORCE_COLOR": "1", "NO_COLOR": "", "TERM": "xterm-256color"})
    arguments = ("doctor", "--kubeconfig", str(kubeconfig), *options)
    result = await asyncio.to_thread(runner.invoke, main, arguments)
    assert bool(COLOUR.search(result.output)) is coloured


def test_times_are_in_utc_where_that_is_asked() -> None:
    """The zone of this machine may be UTC as well: what tells them apart is the zone's own object."""
    zones = []

    @click.command
    @with_common
    def command() -> None:
        zones.append(here().tzinfo)

    for options in ((), ("--utc",)):
        assert CliRunner().invoke(command, options).exit_code == 0
    assert [zone is UTC for zone in zones] == [False, True]
