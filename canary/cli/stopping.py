"""`tidegate stop` and `tidegate go`: keep Canaries from going on, and let them.

A stop is one DeliveryPolicy: in the controller's namespace for all Canaries, in any other for those
of that namespace. No Canary is written; each says in its status that it is stopped.
"""

import sys
from collections.abc import Callable

import click

from canary.api.deliverypolicy import StopMode
from canary.api.kinds import Manifest
from canary.api.meta import API_VERSION
from canary.api.raw import part
from canary.cli.common import here, reaching_a_cluster
from canary.cli.connection import connected
from canary.cli.ending import Failed
from canary.cli.offering import offer_namespaces
from canary.cli.screen import Screen
from canary.cli.who import user_of
from canary.cluster.cluster import Cluster
from canary.controller.policies import DELIVERY_POLICY
from canary.errors import ClusterError, Forbidden, NotFound
from canary.replicas.presence import controllers

EVERYTHING = "stop"
"""The name of the DeliveryPolicy that stops all Canaries; that of one namespace has another, so that
neither replaces the other where the namespace is the controller's."""
_ROLLS_BACK = "Every run that has begun and is not being promoted is rolled back now."


def _anywhere(command: Callable[..., None]) -> Callable[..., None]:
    """Offer the options that tell where a stop holds."""
    for option in (
        click.option(
            "--controller-namespace",
            default="",
            metavar="NAMESPACE",
            help="Where the controller runs; found by its Lease when left out.",
        ),
        click.option(
            "-n",
            "--namespace",
            shell_complete=offer_namespaces,
            default="",
            help="Only the Canaries of this namespace; all when left out.",
        ),
    ):
        command = option(command)
    return command


@click.command
@click.option("--reason", required=True, help="Why; everyone who waits reads it.")
@click.option("--roll-back", is_flag=True, help="Roll back the runs that have begun, too.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@_anywhere
@reaching_a_cluster
def stop(
    reason: str,
    namespace: str,
    controller_namespace: str,
    kubeconfig: str | None,
    context: str | None,
    *,
    roll_back: bool,
    yes: bool,
) -> None:
    """Stop all Canaries: no run starts, gets more traffic or is promoted until `tidegate go`."""
    if roll_back and not yes and sys.stdin.isatty():
        click.confirm(f"{_ROLLS_BACK} Go on?", abort=True)
    mode = StopMode.ROLL_BACK if roll_back else StopMode.HOLD

    async def work(cluster: Cluster) -> None:
        place, name = await _policy(cluster, namespace, controller_namespace)
        said = {"mode": mode.value, "reason": reason, "by": await user_of(cluster)}
        bound = {"namespaces": [namespace]} if namespace else {}
        await _write(cluster, place, name, {**bound, "stop": said})
        whom = f"in namespace {namespace}" if namespace else "in all namespaces"
        rolled = f" {_ROLLS_BACK}" if roll_back else ""
        Screen().line(
            f"Stopped {whom} with DeliveryPolicy {place}/{name}: no run starts, gets more traffic "
            f"or is promoted.{rolled} Go on with: tidegate go"
            + (f" -n {namespace}" if namespace else "")
        )

    connected(kubeconfig, context, work)


@click.command
@_anywhere
@reaching_a_cluster
def go(
    namespace: str, controller_namespace: str, kubeconfig: str | None, context: str | None
) -> None:
    """Let Canaries go on that `tidegate stop` has stopped."""

    async def work(cluster: Cluster) -> None:
        place, name = await _policy(cluster, namespace, controller_namespace)
        try:
            await cluster.merge_patch(DELIVERY_POLICY, place, name, {"spec": {"stop": None}})
        except NotFound as error:
            raise Failed(
                f"nothing was stopped: there is no DeliveryPolicy {place}/{name}"
                f"{await _still_stopped(cluster)}"
            ) from error
        Screen().line(
            f"DeliveryPolicy {place}/{name} no longer stops anything{await _still_stopped(cluster)}"
        )

    connected(kubeconfig, context, work)


async def _policy(cluster: Cluster, namespace: str, controller: str) -> tuple[str, str]:
    """Give the namespace and the name of the policy that stops one namespace, or everything."""
    if namespace:
        return namespace, f"{EVERYTHING}-{namespace}"
    return controller or await _home(cluster), EVERYTHING


async def _write(cluster: Cluster, namespace: str, name: str, spec: Manifest) -> None:
    """Write the policy, whether it exists or not.

    Raises:
        Failed: the cluster does not serve DeliveryPolicies.
        ClusterError: it could not be written.
    """
    try:
        await cluster.merge_patch(DELIVERY_POLICY, namespace, name, {"spec": spec})
    except NotFound:
        new = {
            "apiVersion": API_VERSION,
            "kind": DELIVERY_POLICY.kind,
            "metadata": {"name": name, "namespace": namespace},
            "spec": spec,
        }
        try:
            await cluster.create(new, DELIVERY_POLICY)
        except NotFound as error:
            raise Failed(
                f"{error.reason}: is there a namespace {namespace}, and does the cluster serve "
                f"{DELIVERY_POLICY.resource}? Its CRD comes with this release: tidegate crds"
            ) from error


async def _home(cluster: Cluster) -> str:
    """Find the namespace that the controller runs in, by its Lease.

    Raises:
        Failed: there is none to be seen, or several.
    """
    name_it = "name its namespace with --controller-namespace, or stop one namespace with -n"
    try:
        found = await controllers(cluster)
    except Forbidden as error:
        raise Failed(f"the controller's Lease may not be looked for: {name_it}") from error
    now = here()
    places = {each.namespace for each in found if each.acts(now)} or {
        each.namespace for each in found
    }
    if len(places) != 1:
        which = f"controllers run in {', '.join(sorted(places))}" if places else "no controller was"
        raise Failed(f"{which}{'' if places else ' found'}: {name_it}")
    return places.pop()


async def _still_stopped(cluster: Cluster) -> str:
    """Name the other policies that stop Canaries, as far as they may be listed."""
    try:
        stops = [
            f"{each['metadata']['namespace']}/{each['metadata']['name']}"
            async for page, _ in cluster.pages(DELIVERY_POLICY, "")
            for each in page
            if part(each.get("spec"), "stop")
        ]
    except ClusterError:
        return ""
    return f"; Canaries are still stopped by {', '.join(sorted(stops))}" if stops else ""
