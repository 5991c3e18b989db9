"""The pods of both sides of a Canary, read with the rights of the person who asks."""

import asyncio

from canary.api.canary import CanarySpec
from canary.api.kinds import POD
from canary.api.status import CanaryStatus
from canary.cluster.cluster import Cluster
from canary.errors import ClusterError, NotFound
from canary.targets import Target, target_for
from canary.views.canary import ReadyView
from canary.views.pods import PodSide, PodView, pod_view


async def pods_of(
    cluster: Cluster, namespace: str, spec: CanarySpec, status: CanaryStatus
) -> tuple[PodView, ...]:
    """List the pods of both sides, the canary's first; none where others look after them.

    Raises:
        ClusterError: they cannot be read.
    """
    target = target_for(spec.target_ref.kind, spec.target_ref.api_version)
    sides = _sides(spec, status)
    newest = await _newest(cluster, namespace, target, spec) if target.divides else ""
    found = []
    async for page, _ in cluster.pages(POD, namespace):
        for pod in page:
            member = target.member(pod)
            side = sides.get(member.workload) if member is not None else None
            if member is None or side is None:
                continue
            if target.divides and member.version != newest:
                side = PodSide.PRIMARY
            found.append(pod_view(side, pod))
    return tuple(sorted(found, key=lambda each: (each.side, each.name)))


async def ready_of(
    cluster: Cluster, namespace: str, spec: CanarySpec, status: CanaryStatus
) -> tuple[ReadyView, ...]:
    """Count the ready pods of each side that has any to have, the primary's first.

    A side is left out where its workload may not be read, or where one has the pods of both: `pods_of`
    tells these apart.
    """
    target = target_for(spec.target_ref.kind, spec.target_ref.api_version)
    if target.serves or target.divides:
        return ()
    named = sorted(_sides(spec, status).items(), key=lambda each: each[1], reverse=True)
    found = await asyncio.gather(
        *(_ready(cluster, namespace, target, name, side) for name, side in named)
    )
    return tuple(each for each in found if each is not None and each.wanted)


async def _ready(
    cluster: Cluster, namespace: str, target: Target, name: str, side: PodSide
) -> ReadyView | None:
    try:
        counts = target.counts(await cluster.read(target.kind, namespace, name))
    except ClusterError:
        return None
    return ReadyView(side=side.value, ready=counts.available, wanted=counts.replicas)


def _sides(spec: CanarySpec, status: CanaryStatus) -> dict[str, PodSide]:
    """Name the workloads of both sides."""
    if status.names is not None:
        spec = spec.with_primary(status.names.primary)
    primary = spec.target_ref.name if spec.keep_target else spec.primary_name
    return {spec.canary_name: PodSide.CANARY, primary: PodSide.PRIMARY}


async def _newest(cluster: Cluster, namespace: str, target: Target, spec: CanarySpec) -> str:
    """Name the revision that the canary's pods run of a workload with both sides in it."""
    try:
        workload = await cluster.read(target.kind, namespace, spec.target_ref.name)
    except NotFound:
        return ""
    divided = target.divided(workload)
    return divided.newest if divided is not None and divided.newest != divided.serving else ""
