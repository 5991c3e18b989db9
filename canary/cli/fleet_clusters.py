"""Which clusters a hub knows, and how the names in FleetPlans compare with them.

A name in a plan is that of a namespace on the hub. Two lists know such names: the inventory, which
are ClusterProfiles that a cluster manager keeps, and the members that have shown a sign of life.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from canary.api.hub import FLEET_PLAN, FLEET_REPORT, MEMBER_LABEL
from canary.api.kinds import Kind, Manifest
from canary.api.raw import part, text
from canary.cli.findings import Level
from canary.cluster.cluster import Cluster
from canary.coordinator.reading import PlanObject, ReportObject, plan_object, report_object
from canary.errors import Forbidden, NotFound
from canary.replicas.leases import LEASE
from canary.views.blocks import Line

CLUSTER_PROFILE = Kind(
    group="multicluster.x-k8s.io",
    versions=("v1alpha1",),
    kind="ClusterProfile",
    plural="clusterprofiles",
)
"""A cluster in the inventory of a cluster manager, in the API of Kubernetes' SIG Multicluster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfiledCluster:
    """A ClusterProfile: a cluster manager names the object, and may give it another name to show."""

    namespace: str
    name: str
    display_name: str = ""

    @property
    def names(self) -> frozenset[str]:
        """What a plan may call the cluster."""
        return frozenset(filter(None, (self.name, self.display_name)))


@dataclass(frozen=True, slots=True, kw_only=True)
class HubClusters:
    """What a hub says of clusters."""

    profiles: tuple[ProfiledCluster, ...] = ()
    unread: str = ""
    """Why the inventory could not be read; empty where it was, or where there is none."""
    beating: frozenset[str] = frozenset()
    """The members that have a Lease."""
    reports: tuple[ReportObject, ...] = ()

    @property
    def inventory(self) -> frozenset[str]:
        """The names of clusters that have a ClusterProfile."""
        return frozenset(name for each in self.profiles for name in each.names)

    @property
    def members(self) -> frozenset[str]:
        """The clusters that have ever spoken to the hub."""
        return self.beating | {each.cluster for each in self.reports}

    def reporting_to(self, plan: str) -> list[str]:
        """Name the clusters that have Canaries of a plan."""
        return sorted(each.cluster for each in self.reports if each.plan == plan and each.canaries)


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetFinding:
    """One sentence about a cluster's name; what it is not about is empty."""

    level: Level
    message: str
    plan: str = ""
    wave: str = ""
    cluster: str = ""

    @property
    def shown(self) -> Line:
        """Write it for people: level, plan, wave, and the sentence."""
        plan = f"FleetPlan {self.plan}: " if self.plan else ""
        wave = f"wave {self.wave}: " if self.wave else ""
        return (self.level.styled, f": {plan}{wave}{self.message}")

    @property
    def document(self) -> dict[str, Any]:
        """Write it for programs."""
        return {
            "level": self.level.value,
            "plan": self.plan,
            "wave": self.wave,
            "cluster": self.cluster,
            "message": self.message,
        }


def compare(plans: Sequence[PlanObject], known: HubClusters) -> Iterator[FleetFinding]:
    """Compare the names in plans with the clusters of a hub."""
    missing: set[str] = set()
    for each in plans:
        if each.plan is None:
            message = f"it cannot be acted on: {each.problem}"
            yield FleetFinding(level=Level.ERROR, plan=each.full_name, message=message)
            continue
        yield from _of_plan(each, known)
        named = _named(each)
        for cluster in known.reporting_to(each.full_name):
            if cluster not in named:
                missing.add(cluster)
                yield FleetFinding(
                    level=Level.ERROR,
                    plan=each.full_name,
                    cluster=cluster,
                    message=f"the cluster {cluster} has Canaries of this plan and is in no wave, so "
                    "their runs never start; add it to a wave, or delete its FleetReport if the "
                    "cluster is gone",
                )
    if all(each.plan is not None for each in plans):
        # A plan that cannot be read may name any cluster.
        yield from _in_no_wave(frozenset().union(*map(_named, plans)) | missing, known)


def _of_plan(found: PlanObject, known: HubClusters) -> Iterator[FleetFinding]:
    """Judge each name of a plan, where it stands first."""
    waves = found.plan.spec.waves if found.plan is not None else ()
    first: dict[str, str] = {}
    for number, wave in enumerate(waves):
        for place, cluster in enumerate(wave.clusters):
            if cluster in first:
                told = Level.WARNING, _twice(cluster, first[cluster])
            else:
                told = _judged(cluster, found, known, f"spec.waves[{number}].clusters[{place}]")
            first.setdefault(cluster, wave.name)
            level, message = told
            if message:
                yield FleetFinding(
                    level=level,
                    plan=found.full_name,
                    wave=wave.name,
                    cluster=cluster,
                    message=message,
                )


def _judged(cluster: str, found: PlanObject, known: HubClusters, where: str) -> tuple[Level, str]:
    """Judge a name by the lists; without a message there is nothing to say of it."""
    speaks, listed = cluster in known.members, cluster in known.inventory
    if speaks and known.profiles and not listed:
        message = f"the cluster {cluster} reports, and no ClusterProfile has its name"
        return Level.WARNING, message
    if listed and not speaks:
        message = (
            f"the cluster {cluster} has never reported to this hub, and the waves after this one "
            "wait for it; start its controller with --fleet-kubeconfig"
        )
        return Level.WARNING, message
    if speaks:
        return Level.NOTICE, ""
    lists = "no ClusterProfile has this name, and no such" if known.profiles else "no such"
    # The right name is one that the plan lacks.
    names = {*known.members, *(each.name for each in known.profiles)} - _named(found)
    near = get_close_matches(cluster, sorted(names), n=1)
    remedy = f"did you mean {near[0]}?" if near else "correct the name, or connect the cluster"
    message = (
        f"the cluster {cluster} ({where}) is not known: {lists} cluster has ever reported; {remedy}"
    )
    return Level.ERROR, message


def _twice(cluster: str, wave: str) -> str:
    return f"the cluster {cluster} belongs to wave {wave}, which names it first; name it once"


def _in_no_wave(named: Iterable[str], known: HubClusters) -> Iterator[FleetFinding]:
    """Name the clusters that no plan reaches."""
    reached = frozenset(named)
    for each in known.profiles:
        if not each.names & reached:
            yield _unreached(each.name, f" (ClusterProfile {each.namespace}/{each.name})")
    for cluster in sorted(known.members - known.inventory - reached):
        yield _unreached(cluster, "")


def _unreached(cluster: str, of: str) -> FleetFinding:
    message = f"the cluster {cluster}{of} is in no wave of any FleetPlan"
    return FleetFinding(level=Level.WARNING, cluster=cluster, message=message)


def _named(found: PlanObject) -> frozenset[str]:
    waves = found.plan.spec.waves if found.plan is not None else ()
    return frozenset(cluster for wave in waves for cluster in wave.clusters)


# ------------------------------------------------------------------------------------- reading


async def every(hub: Cluster, kind: Kind, *, labels: str = "") -> list[Manifest]:
    """Read every object of a kind; none where the kind is not installed."""
    try:
        return [each async for page, _ in hub.pages(kind, "", labels=labels) for each in page]
    except NotFound:
        return []


async def plans_of(hub: Cluster) -> list[PlanObject]:
    """Read every plan, in the order of their names."""
    plans = map(plan_object, await every(hub, FLEET_PLAN))
    return sorted(plans, key=lambda each: each.full_name)


async def clusters_of(hub: Cluster) -> HubClusters:
    """Read what a hub says of clusters; who may not read the inventory goes on without it."""
    profiles, unread = [], ""
    try:
        profiles = [_profile(each) for each in await every(hub, CLUSTER_PROFILE)]
    except Forbidden as error:
        unread = str(error)
    leases = await every(hub, LEASE, labels=MEMBER_LABEL)
    return HubClusters(
        profiles=tuple(sorted(profiles, key=lambda each: (each.namespace, each.name))),
        unread=unread,
        beating=frozenset(text(each["metadata"], "namespace") for each in leases),
        reports=tuple(map(report_object, await every(hub, FLEET_REPORT))),
    )


def _profile(manifest: Mapping[str, Any]) -> ProfiledCluster:
    metadata = manifest["metadata"]
    return ProfiledCluster(
        namespace=text(metadata, "namespace"),
        name=text(metadata, "name"),
        display_name=text(part(manifest, "spec"), "displayName"),
    )
