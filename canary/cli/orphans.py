"""`tidegate orphans`: Canaries that are being deleted while no controller is there to let them go.

A deleted Canary is held by a finalizer until the controller has given back what it took: pods and
traffic to the target. Where no controller will ever come again, the finalizer can be removed here.
"""

import json
from dataclasses import dataclass
from datetime import datetime

import click

from canary.api.kinds import NAMESPACE, Kind, Manifest
from canary.api.meta import GROUP, PEER_GROUP
from canary.cli.common import here, reaching_a_cluster
from canary.cli.connection import all_when_left_out, connected, with_plugins
from canary.cli.ending import CommandRefused
from canary.cli.offering import offer_namespaces
from canary.cli.orphaned_routes import let_go, orphaned_routes
from canary.cli.screen import Screen
from canary.cluster.cluster import Cluster
from canary.controller.canaries import FINALIZER, canary_kind
from canary.errors import ClusterError, NotFound
from canary.replicas.presence import controllers
from canary.targets import Target, installed_target
from canary.views.moments import span


@dataclass(frozen=True, slots=True, kw_only=True)
class _Orphan:
    """A Canary whose deletion waits for a controller."""

    kind: Kind
    manifest: Manifest
    loss: str
    """What would stop serving if it were released now; empty where nothing would."""

    @property
    def place(self) -> str:
        """The Canary, as people write it."""
        metadata = self.manifest["metadata"]
        return f"{metadata['namespace']}/{metadata['name']}"

    @property
    def line(self) -> str:
        """The Canary, since when it waits, and what it holds up."""
        deleted = datetime.fromisoformat(self.manifest["metadata"]["deletionTimestamp"])
        since = span(here() - deleted)
        return f"{self.place} ({self.kind.group}) was deleted {since} ago" + (
            f"; {self.loss}" if self.loss else ""
        )


@click.command
@click.option(
    "-n",
    "--namespace",
    shell_complete=offer_namespaces,
    default="",
    is_eager=True,
    help="Only in this namespace; all when left out.",
)
@all_when_left_out
@click.option("--release", is_flag=True, help="Remove tidegate's finalizer, so that they go.")
@click.option("--force", is_flag=True, help="Do so although something would stop serving.")
@click.option(
    "--routes-kubeconfig",
    help="List as well the routes in another cluster whose Canary is gone, as for the controller.",
)
@click.option("--routes-context", help="Context of that file; its current one where left out.")
@click.option(
    "--remove",
    is_flag=True,
    help="Remove those routes, and put those that were taken over back as they were.",
)
@with_plugins
@reaching_a_cluster
def orphans(
    namespace: str,
    kubeconfig: str | None,
    context: str | None,
    *,
    release: bool,
    force: bool,
    routes_kubeconfig: str | None,
    routes_context: str | None,
    remove: bool,
) -> None:
    """List Canaries whose deletion waits for a controller that is not there.

    A controller that is installed again gives back what was taken (pods and traffic of the target)
    and releases them by itself. --release removes their finalizers as they are: their primaries,
    and the services and routes that tidegate made, go with them.
    """
    if not routes_kubeconfig and (routes_context or remove):
        raise click.UsageError("--routes-context and --remove need --routes-kubeconfig")
    screen = Screen()

    async def work(cluster: Cluster) -> None:
        await held(cluster)
        if routes_kubeconfig:
            to_routes = Cluster.connect(kubeconfig=routes_kubeconfig, context=routes_context)
            async with to_routes as routes:
                await routed(cluster, routes)

    async def routed(cluster: Cluster, routes: Cluster) -> None:
        left = await orphaned_routes(cluster, routes, namespace)
        if not left:
            screen.line("No route is left of a Canary that is gone.")
        for route in left:
            screen.line(route.line)
            if remove:
                await let_go(routes, route)
                screen.line(f"{route.place} is released")

    async def held(cluster: Cluster) -> None:
        found = await _orphans(cluster, namespace)
        if not found:
            screen.line("No Canary is waiting for a controller.")
            return
        for each in found:
            screen.line(each.line)
        if not release:
            screen.line(
                "Install a controller again, and it releases them; or see: tidegate orphans --help"
            )
            return
        await _check(cluster, found, force=force)
        for each in found:
            await _release(cluster, each)
            screen.line(f"{each.place} is released")

    connected(kubeconfig, context, work)


async def _orphans(cluster: Cluster, namespace: str) -> list[_Orphan]:
    found = []
    for kind in (canary_kind(GROUP), canary_kind(PEER_GROUP)):
        if await cluster.discover(kind) is None:
            continue
        async for manifests, _ in cluster.pages(kind, namespace):
            found += [
                _Orphan(kind=kind, manifest=each, loss=await _loss(cluster, each))
                for each in manifests
                if "deletionTimestamp" in each["metadata"]
                and FINALIZER in (each["metadata"].get("finalizers") or ())
            ]
    return found


async def _loss(cluster: Cluster, canary: Manifest) -> str:
    """Tell whether the primary, which goes with its Canary, is all that serves."""
    namespace = canary["metadata"]["namespace"]
    reference = (canary.get("spec") or {}).get("targetRef") or {}
    target = str(reference.get("name", ""))
    within = await _found(cluster, NAMESPACE, "", namespace)
    if within is not None and "deletionTimestamp" in within["metadata"]:
        return ""
    api_version = str(reference.get("apiVersion", ""))
    workload = installed_target(str(reference.get("kind", "")), api_version)
    if workload is None:
        return ""
    kind = workload.kind
    ready = _ready(workload, await _found(cluster, kind, namespace, f"{target}-primary"))
    if not ready or _ready(workload, await _found(cluster, kind, namespace, target)):
        return ""
    return (
        f"{target}-primary serves and goes with it, and {target} has no ready pod: first run "
        f"{_scaling(workload, namespace, target, ready)}"
    )


async def _found(cluster: Cluster, kind: Kind, namespace: str, name: str) -> Manifest | None:
    try:
        return await cluster.read(kind, namespace, name)
    except ClusterError:
        return None


def _ready(target: Target, workload: Manifest | None) -> int:
    return target.counts(workload).available if workload else 0


def _scaling(target: Target, namespace: str, name: str, replicas: int) -> str:
    """Give the command that runs a target which is parked."""
    kind = target.kind.kind.lower()
    if target.scales:
        return f"kubectl scale {kind}/{name} -n {namespace} --replicas={replicas}"
    patch = json.dumps(target.scaled(0, replicas))
    return f"kubectl patch {kind}/{name} -n {namespace} --type merge -p '{patch}'"


async def _check(cluster: Cluster, found: list[_Orphan], *, force: bool) -> None:
    """Refuse to release what a controller is giving back, or what serves.

    Raises:
        CommandRefused: says which, and what to do.
    """
    now = here()
    acting = [each.place for each in await controllers(cluster) if each.acts(now)]
    if acting and not force:
        raise CommandRefused(
            f"a controller is running (Lease {', '.join(acting)}) and releases them by itself; "
            "tidegate status says what it waits for. --force does not wait for it"
        )
    if any(each.loss for each in found) and not force:
        raise CommandRefused(
            "nothing was released, because something would stop serving; see above"
        )


async def _release(cluster: Cluster, orphan: _Orphan) -> None:
    metadata = orphan.manifest["metadata"]
    kept = [each for each in metadata["finalizers"] if each != FINALIZER]
    patch = {"metadata": {"finalizers": kept}}
    try:
        await cluster.merge_patch(
            orphan.kind,
            metadata["namespace"],
            metadata["name"],
            patch,
            resource_version=metadata["resourceVersion"],
        )
    except NotFound:
        # It has gone meanwhile.
        return
