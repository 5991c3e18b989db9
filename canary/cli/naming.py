"""Which Canary a command is about: how people write it, and where it is found."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Self

import click

from canary.api.meta import GROUP, PEER_GROUP
from canary.cli.common import reaching_a_cluster
from canary.cli.connection import Place, connected
from canary.cli.finding import find_anywhere, find_canary, find_labelled
from canary.cli.offering import offer_canaries, offer_namespaces
from canary.cluster.cluster import Cluster

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_CANARY_WORDS = frozenset({"canary", "canaries"})
AUTO = "auto"
"""Whichever API group it is in."""

_Command = Callable[..., None]

of_api_group = click.option(
    "--api-group",
    type=click.Choice([AUTO, GROUP, PEER_GROUP]),
    default=AUTO,
    show_default=True,
    help="The API group; with auto the one that has it, tidegate.dev first.",
)
"""The option that says whose Canary is meant."""


def groups_of(api_group: str) -> tuple[str, ...]:
    """Give the API groups that `--api-group` means, in the order in which they are looked into."""
    return (GROUP, PEER_GROUP) if api_group == AUTO else (api_group,)


everywhere_by_name = click.option(
    "-A",
    "--all-namespaces",
    "everywhere",
    is_flag=True,
    help="Find it by its name, in whichever namespace it is.",
)
"""The option that leaves the namespace to the cluster."""


def reading_command(work: Callable[..., Awaitable[None]]) -> _Command:
    """Make a command of a coroutine that reads one Canary, which may be in any namespace."""
    return everywhere_by_name(canary_command(work))


def canary_command(work: Callable[..., Awaitable[None]]) -> _Command:
    """Make a command of a coroutine that works on one Canary, whose namespace is said."""

    @wraps(work)
    def command(name: str, *, kubeconfig: str | None, context: str | None, **options: Any) -> None:
        meant = MeantCanary.take(name, options)

        async def on_canary(cluster: Cluster) -> None:
            await work(cluster, await meant.find(cluster), **options)

        connected(kubeconfig, context, on_canary)

    return click.argument("name", metavar="CANARY", shell_complete=offer_canaries)(
        _with_place(command)
    )


def canaries_command(work: Callable[..., Awaitable[None]]) -> _Command:
    """Make a command of a coroutine that works on several Canaries: by their names, or labels."""

    @wraps(work)
    def command(
        names: tuple[str, ...],
        *,
        selector: str,
        kubeconfig: str | None,
        context: str | None,
        **options: Any,
    ) -> None:
        if bool(names) == bool(selector):
            raise click.UsageError("name Canaries, or choose them with --selector")
        # Without a name it still takes the options that say where.
        meant = [MeantCanary.take(each, dict(options)) for each in names]
        labelled = MeantCanary.take(None, options)

        async def on_canaries(cluster: Cluster) -> None:
            places = [await each.find(cluster) for each in meant]
            if selector:
                places = await labelled.labelled(cluster, selector)
            await work(cluster, tuple(dict.fromkeys(places)), **options)

        connected(kubeconfig, context, on_canaries)

    made = everywhere_by_name(_with_place(command))
    made = click.option("-l", "--selector", default="", help="Those with these labels: app=shop.")(
        made
    )
    return click.argument("names", metavar="CANARY...", nargs=-1, shell_complete=offer_canaries)(
        made
    )


def _with_place(command: _Command) -> _Command:
    """Offer what says which Canary of which cluster is meant."""
    command = of_api_group(reaching_a_cluster(command))
    return click.option(
        "-n",
        "--namespace",
        shell_complete=offer_namespaces,
        help="Its namespace; that of the context when left out.",
    )(command)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeantCanary:
    """Which Canary a person means, before the cluster is asked where it is."""

    name: str
    namespace: str | None
    everywhere: bool
    groups: tuple[str, ...]

    @classmethod
    def take(cls, written: str | None, options: dict[str, Any]) -> Self:
        """Take it out of the options of a command, which may name none.

        Raises:
            UsageError: it cannot be a name, or its namespace is said twice.
        """
        namespace, everywhere = options.pop("namespace"), options.pop("everywhere", False)
        within, name = (namespace, "") if written is None else named_canary(written, namespace)
        if everywhere and within:
            raise click.UsageError("choose one of --namespace and --all-namespaces")
        groups = groups_of(options.pop("api_group"))
        return cls(name=name, namespace=within, everywhere=everywhere, groups=groups)

    async def find(self, cluster: Cluster) -> Place:
        """Say where it is.

        Raises:
            Failed: there is none, or there are several.
            ClusterError: the cluster does not say.
        """
        if self.everywhere:
            return await find_anywhere(cluster, self.name, self.groups)
        within = self.namespace or cluster.credentials.namespace
        return await find_canary(cluster, self.name, within, self.groups)

    async def labelled(self, cluster: Cluster, selector: str) -> list[Place]:
        """List those with labels.

        Raises:
            Failed: there is none.
            ClusterError: they cannot be listed.
        """
        within = "" if self.everywhere else self.namespace or cluster.credentials.namespace
        return await find_labelled(cluster, selector, within, self.groups)


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
