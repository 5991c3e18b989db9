"""What every command that talks to a cluster shares: its options, and the connection."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import wraps
from typing import Any

import click

from canary.api.fields import parse_duration
from canary.api.kinds import Kind, Manifest
from canary.api.meta import PEER_GROUP
from canary.api.peer import read_peer_status
from canary.api.status import CanaryStatus, read_status
from canary.controller.canaries import canary_kind
from canary.controller.cluster import Cluster
from canary.errors import CanaryError


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a Canary is."""

    namespace: str
    name: str
    group: str

    @property
    def kind(self) -> Kind:
        """The kind of the Canary."""
        return canary_kind(self.group)


class Span(click.ParamType[timedelta]):
    """A duration, as it is written in a Canary."""

    name = "duration"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """Read a duration."""
        if isinstance(value, timedelta):
            return value
        try:
            return timedelta(seconds=parse_duration(str(value)))
        except ValueError:
            self.fail(f"{value!r} is no duration; write it like 30m, 1h or 1h30m", param, ctx)


def read_canary_status(place: Place, manifest: Manifest) -> CanaryStatus:
    """Read the status of a Canary of either API group."""
    read = read_peer_status if place.group == PEER_GROUP else read_status
    return read(manifest.get("status"))


_Command = Callable[..., None]


def reaching_a_cluster(command: _Command) -> _Command:
    """Offer the options that tell which cluster is meant."""
    command = click.option("--context", help="The context in the kubeconfig.")(command)
    return click.option("--kubeconfig", envvar="KUBECONFIG", help="The kubeconfig file.")(command)


def connected(
    kubeconfig: str | None, context: str | None, work: Callable[[Cluster], Awaitable[None]]
) -> None:
    """Do something with a cluster; what it refuses is told in one sentence."""

    async def working() -> None:
        async with Cluster.connect(
            kubeconfig=kubeconfig, context=context, user_agent="tidegate-cli"
        ) as cluster:
            await work(cluster)

    try:
        asyncio.run(working())
    except CanaryError as error:
        raise click.ClickException(str(error)) from error


def canary_command(work: Callable[..., Awaitable[None]]) -> _Command:
    """Make a command of a coroutine that works on one Canary."""

    @click.argument("name", metavar="CANARY")
    @click.option("-n", "--namespace", default="default", show_default=True, help="Its namespace.")
    @click.option(
        "--api-group",
        default="tidegate.dev",
        show_default=True,
        help="The API group of the Canary: tidegate.dev or flagger.app.",
    )
    @reaching_a_cluster
    @wraps(work)
    def command(
        name: str,
        namespace: str,
        api_group: str,
        kubeconfig: str | None,
        context: str | None,
        **options: Any,
    ) -> None:
        place = Place(namespace=namespace, name=name, group=api_group)
        connected(kubeconfig, context, lambda cluster: work(cluster, place, **options))

    return command
