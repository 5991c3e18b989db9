"""What every command that talks to a cluster shares: its options, and the connection."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import click

from analysis.errors import UnknownPlugin
from analysis.plugins import enable
from canary.api.kinds import Kind, Manifest
from canary.api.meta import PEER_GROUP
from canary.api.namespaces import Boundary
from canary.api.peer import read_peer_status
from canary.api.status import CanaryStatus, read_status
from canary.cli.common import acts_for, common
from canary.cli.ending import Failed
from canary.cluster.cluster import Cluster
from canary.cluster.limits import Limits
from canary.controller.canaries import canary_kind
from canary.errors import ClusterError, Forbidden, Unreachable


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a Canary is."""

    namespace: str
    name: str
    group: str

    def __str__(self) -> str:
        """Write it as commands take it."""
        return f"{self.namespace}/{self.name}"

    @property
    def kind(self) -> Kind:
        """The kind of the Canary."""
        return canary_kind(self.group)


def read_canary_status(place: Place, manifest: Manifest) -> CanaryStatus:
    """Read the status of a Canary of either API group."""
    read = read_peer_status if place.group == PEER_GROUP else read_status
    return read(manifest.get("status"))


_Command = Callable[..., None]


def _enable(_context: click.Context, _parameter: click.Parameter, written: str) -> None:
    try:
        enable(name for each in written.split(",") if (name := each.strip()))
    except UnknownPlugin as error:
        raise click.BadParameter(str(error)) from error


def with_plugins(command: _Command) -> _Command:
    """Offer the option that names the plug-ins of installed packages that the controller uses."""
    return click.option(
        "--plugins",
        default="",
        envvar="TIDEGATE_PLUGINS",
        expose_value=False,
        callback=_enable,
        help="Plug-ins of installed packages that may be used, as for the controller.",
    )(command)


with_router = click.option(
    "--router", default="istio", show_default=True, help="The controller's default."
)


def with_boundary(command: _Command) -> _Command:
    """Offer the options of a controller that refuses references to other namespaces."""

    @click.option(
        "--no-cross-namespace-refs",
        "closed",
        is_flag=True,
        envvar="TIDEGATE_NO_CROSS_NAMESPACE_REFS",
        help="Refuse references to other namespaces, as for the controller.",
    )
    @click.option(
        "--shared-namespaces",
        "shared",
        default="",
        envvar="TIDEGATE_SHARED_NAMESPACES",
        help="Namespaces that may be referred to all the same, as for the controller.",
    )
    @wraps(command)
    def bounded(*, closed: bool, shared: str, **given: Any) -> None:
        if shared and not closed:
            raise click.UsageError(
                "--shared-namespaces needs --no-cross-namespace-refs: without it every namespace "
                "may be referred to"
            )
        names = tuple(filter(None, (each.strip() for each in shared.split(","))))
        command(boundary=Boundary(closed=closed, shared=names), **given)

    return bounded


def connected(
    kubeconfig: str | None,
    context: str | None,
    work: Callable[[Cluster], Awaitable[None]],
    *,
    patience: float | None = None,
) -> None:
    """Do something with a cluster, and report its refusal in one sentence."""
    acting, patience = acts_for(), patience or common().request_timeout.total_seconds()

    async def working() -> None:
        async with Cluster.connect(
            kubeconfig=kubeconfig,
            context=context,
            user_agent="tidegate-cli",
            limits=Limits(request_seconds=patience),
        ) as cluster:
            try:
                await work(cluster.as_user(*acting) if acting else cluster)
            except ClusterError as error:
                raise Failed(explained(error, cluster)) from error

    asyncio.run(working())


def explained(error: ClusterError, cluster: Cluster) -> str:
    """Say in one sentence why the cluster did not do it, where it was asked, and what to do."""
    context = cluster.credentials.context
    here = f"context {context}" if context else "the service account of this pod"
    match error:
        case Unreachable():
            answers = error.reason[:1].isdecimal()
            who = f"the API server at {cluster.credentials.server} answers " if answers else ""
            return (
                f"{who}{error.reason} ({here}); try again later, or choose another cluster with "
                "--context"
            )
        case Forbidden() if error.reason.startswith("401"):
            return (
                f"the API server at {cluster.credentials.server} does not accept your credentials "
                f"({here}): log in again, or choose other ones with --context"
            )
        case Forbidden():
            return (
                f"{error.reason.removeprefix('403: ')} ({here}): ask an admin for this permission"
            )
        case _:
            return f"{error} ({here})"


def _one_or_all(context: click.Context, _parameter: click.Parameter, everywhere: object) -> None:
    if everywhere and context.params.get("namespace"):
        raise click.UsageError("choose one of --namespace and --all-namespaces")


all_when_left_out = click.option(
    "-A",
    "--all-namespaces",
    is_flag=True,
    expose_value=False,
    callback=_one_or_all,
    help="All namespaces, as when no --namespace is given.",
)
"""The option that says what a command without a namespace does anyway."""
