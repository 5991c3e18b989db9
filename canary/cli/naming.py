"""Which Canary a command is about: how people write it, and where it is found."""

import re
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

import click

from canary.api.meta import GROUP, PEER_GROUP
from canary.cli.connection import connected, reaching_a_cluster
from canary.cli.finding import find_anywhere, find_canary
from canary.cluster.cluster import Cluster

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_CANARY_WORDS = frozenset({"canary", "canaries"})
_AUTO = "auto"

_Command = Callable[..., None]

of_api_group = click.option(
    "--api-group",
    type=click.Choice([_AUTO, GROUP, PEER_GROUP]),
    default=_AUTO,
    show_default=True,
    help="The API group of the Canary; with auto the one that has it, tidegate.dev first.",
)
"""The option that says whose Canary is meant."""


def groups_of(api_group: str) -> tuple[str, ...]:
    """Give the API groups that `--api-group` means, in the order in which they are looked into."""
    return (GROUP, PEER_GROUP) if api_group == _AUTO else (api_group,)


def canary_command(work: Callable[..., Awaitable[None]]) -> _Command:
    """Make a command of a coroutine that works on one Canary."""

    @wraps(work)
    def command(**options: Any) -> None:
        _on_canary(work, everywhere=False, **options)

    return _with_name(command)


def reading_command(work: Callable[..., Awaitable[None]]) -> _Command:
    """Make a command of a coroutine that reads one Canary, which may be in any namespace."""

    @click.option(
        "-A",
        "--all-namespaces",
        "everywhere",
        is_flag=True,
        help="Find it by its name, in whichever namespace it is.",
    )
    @wraps(work)
    def command(**options: Any) -> None:
        _on_canary(work, **options)

    return _with_name(command)


def _with_name(command: _Command) -> _Command:
    """Offer what says which Canary of which cluster is meant."""
    command = of_api_group(reaching_a_cluster(command))
    command = click.option(
        "-n", "--namespace", help="Its namespace; that of the context when left out."
    )(command)
    return click.argument("name", metavar="CANARY")(command)


def _on_canary(
    work: Callable[..., Awaitable[None]],
    *,
    name: str,
    namespace: str | None,
    everywhere: bool,
    api_group: str,
    kubeconfig: str | None,
    context: str | None,
    **options: Any,
) -> None:
    within, name = named_canary(name, namespace)
    if everywhere and within:
        raise click.UsageError("choose one of --namespace and --all-namespaces")
    groups = groups_of(api_group)

    async def on_canary(cluster: Cluster) -> None:
        if everywhere:
            place = await find_anywhere(cluster, name, groups)
        else:
            place = await find_canary(
                cluster, name, within or cluster.credentials.namespace, groups
            )
        await work(cluster, place, **options)

    connected(kubeconfig, context, on_canary)


def named_canary(written: str, namespace: str | None) -> tuple[str | None, str]:
    """Read a Canary as people write it: `name`, `canary/name` or `namespace/name`.

    Raises:
        UsageError: it is written otherwise, or two namespaces are named.
    """
    before, slash, name = written.rpartition("/")
    within = namespace or None if not slash or before in _CANARY_WORDS else before
    for each in (name, within):
        if each is not None and not _NAME.fullmatch(each):
            raise click.UsageError(f"{each!r} is not a valid name; write NAME or NAMESPACE/NAME")
    if namespace not in {None, "", within}:
        raise click.UsageError(f"{written} is not in the namespace of --namespace {namespace}")
    return within, name
