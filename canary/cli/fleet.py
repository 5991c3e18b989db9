"""`tidegate fleet`: coordinate the waves of a fleet, open one by hand, and see where each stands.

What compares the names in plans is in `fleet_lint.py`.

Each is about the hub: `--kubeconfig` and `--context` lead there.
"""

import asyncio
from importlib.metadata import version

import click

from canary.api.fleet_approval import LONGEST, WaveApproval, read_approvals
from canary.api.fleet_status import FleetCanary, FleetPlanStatus, read_plan_status
from canary.api.hub import FLEET_PLAN
from canary.api.kinds import Manifest
from canary.api.raw import items, part, text
from canary.cli.common import reaching_a_cluster
from canary.cli.connection import connected
from canary.cli.ending import Failed
from canary.cli.fleet_clusters import every
from canary.cli.fleet_lint import NO_PLANS, lint
from canary.cli.screen import Screen
from canary.cli.who import user_of
from canary.cluster.cluster import Cluster
from canary.controller import logs
from canary.coordinator.coordinator import LEASE_NAME
from canary.coordinator.process import coordinate
from canary.errors import NotFound
from canary.settings.options import listens


def _listens(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    """Refuse what can't be listened on."""
    if value and (remedy := listens(value)):
        raise click.BadParameter(f"{value!r}: {remedy}")
    return value


@click.group
def fleet() -> None:
    """Coordinate releases over clusters."""


@fleet.command
@click.option("--kubeconfig", envvar="TIDEGATE_KUBECONFIG", help="The kubeconfig of the hub.")
@click.option("--context", help="The context in it.")
@click.option("--lease-namespace", default="", help="Namespace of the Lease; its own by default.")
@click.option("--lease-name", default=LEASE_NAME, show_default=True, help="Name of the Lease.")
@click.option(
    "--listen",
    default="",
    callback=_listens,
    metavar="HOST:PORT",
    help="Where /healthz, /readyz and /metrics are served; nowhere by default.",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
    help="The least level that is logged.",
)
@click.option(
    "--log-format",
    type=click.Choice(["json", "console"]),
    default="json",
    show_default=True,
    help="For machines, or for people.",
)
def run(
    kubeconfig: str | None,
    context: str | None,
    lease_namespace: str,
    lease_name: str,
    listen: str,
    log_level: str,
    log_format: str,
) -> None:
    """Decide which clusters may begin a release, until SIGTERM."""
    logs.configure(log_level, log_format)
    work = coordinate(
        kubeconfig=kubeconfig,
        context=context,
        lease_namespace=lease_namespace,
        lease_name=lease_name,
        listen=listen,
        version=version("tidegate"),
    )
    asyncio.run(work)


@fleet.command
@click.argument("plan")
@click.argument("wave")
@click.option("--canary", default="", metavar="NAMESPACE/NAME", help="For this Canary alone.")
@click.option("--reason", default="", help="Why; everyone who looks reads it.")
@reaching_a_cluster
def approve(
    plan: str, wave: str, canary: str, reason: str, kubeconfig: str | None, context: str | None
) -> None:
    """Open a wave for the releases under way, or go on in spite of its rollbacks.

    PLAN is written as namespace/name. A release that comes later, or begins again, is not approved
    with it.
    """

    async def work(hub: Cluster) -> None:
        namespace, name, found = await _read(hub, plan)
        clusters = _clusters(plan, found, wave)
        entries = [
            each
            for each in read_plan_status(found.get("status")).canaries
            if each.release and not each.complete and canary in {"", each.canary}
        ]
        if not entries:
            whom = f" of Canary {canary}" if canary else ""
            raise Failed(f"FleetPlan {plan} has no release{whom} under way")
        user = await user_of(hub)
        approval = _approval(wave, f"{user}: {reason}" if reason else user, entries, clusters)
        approval = _beside(approval, found)
        if len(approval.value) > LONGEST:
            raise Failed(
                f"FleetPlan {plan} has too many Canaries under way to approve wave {wave} for all of "
                "them at once: approve it for one after the other, with --canary"
            )
        await hub.merge_patch(
            FLEET_PLAN,
            namespace,
            name,
            {"metadata": {"annotations": {approval.key: approval.value}}},
        )
        told = ", ".join(f"{each.canary} ({each.release})" for each in entries)
        Screen().line(f"Approved wave {wave} of FleetPlan {plan} for {told}")

    connected(kubeconfig, context, work)


@fleet.command
@click.argument("plan", default="")
@reaching_a_cluster
def status(plan: str, kubeconfig: str | None, context: str | None) -> None:
    """Show where the releases of a plan stand, or of all plans."""

    async def work(hub: Cluster) -> None:
        if plan:
            _, _, found = await _read(hub, plan)
            plans = [found]
        else:
            plans = await every(hub, FLEET_PLAN)
        if not plans:
            raise Failed(NO_PLANS)
        for each in plans:
            metadata = each["metadata"]
            name = f"{metadata.get('namespace', '')}/{metadata['name']}"
            Screen().lines(_shown(name, read_plan_status(each.get("status"))))

    connected(kubeconfig, context, work)


fleet.add_command(lint)


async def _read(hub: Cluster, plan: str) -> tuple[str, str, Manifest]:
    """Read a plan.

    Raises:
        Failed: there is none of that name.
    """
    namespace, slash, name = plan.partition("/")
    if not slash:
        raise click.UsageError("write the plan as namespace/name, such as releases/shop")
    try:
        return namespace, name, await hub.read(FLEET_PLAN, namespace, name)
    except NotFound as error:
        raise Failed(f"there is no FleetPlan {plan} on this hub; is this its context?") from error


def _clusters(plan: str, found: Manifest, wave: str) -> frozenset[str]:
    """Name the clusters of a wave.

    Raises:
        Failed: the plan has no such wave.
    """
    waves = {text(each, "name"): each for each in items(part(found.get("spec"), "waves"))}
    if wave not in waves:
        raise Failed(f"FleetPlan {plan} has no wave {wave}: it has {', '.join(waves)}")
    return frozenset(map(str, items(part(waves[wave], "clusters"))))


def _approval(
    wave: str, by: str, entries: list[FleetCanary], clusters: frozenset[str]
) -> WaveApproval:
    return WaveApproval(
        wave=wave,
        by=by,
        releases={each.canary: each.release for each in entries},
        since={each.canary: each.began for each in entries},
        forgiven={
            each.canary: names
            for each in entries
            if (names := tuple(one.name for one in each.failures if one.cluster in clusters))
        },
    )


def _beside(approval: WaveApproval, found: Manifest) -> WaveApproval:
    """Keep what was approved of the wave for other Canaries, and the coordinator has not seen yet."""
    annotations = found["metadata"].get("annotations") or {}
    unseen = {
        each.canary
        for each in read_plan_status(found.get("status")).canaries
        if not each.approved(approval.wave)
    }
    for each in read_approvals(annotations):
        if each.wave == approval.wave:
            releases = {name: told for name, told in each.releases.items() if name in unseen}
            since = {name: told for name, told in each.since.items() if name in unseen}
            forgiven = {name: told for name, told in each.forgiven.items() if name in unseen}
            return WaveApproval(
                wave=approval.wave,
                by=approval.by,
                releases={**releases, **approval.releases},
                since={**since, **approval.since},
                forgiven={**forgiven, **approval.forgiven},
            )
    return approval


def _shown(name: str, status: FleetPlanStatus) -> list[str]:
    silent = f"; silent: {', '.join(status.silent)}" if status.silent else ""
    if not status.canaries:
        return [f"{name}: no cluster has reported a Canary{silent}"]
    lines = [f"{name}{silent}"]
    for each in status.canaries:
        granted = ", ".join(grant.cluster for grant in each.grants)
        more = f"; granted: {granted}" if granted else ""
        lines.append(f"  {each.canary}: {each.message}{more}")
    return lines
