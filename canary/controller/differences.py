"""What a release changes, read from the cluster with the rights of the person who asks."""

from dataclasses import dataclass

from canary.api.canary import CanarySpec
from canary.api.kinds import CONFIG_MAP, SECRET, Kind, Manifest
from canary.api.status import CanaryStatus
from canary.cluster.cluster import Cluster
from canary.errors import Forbidden, NotFound
from canary.resources.configs import ConfigKind
from canary.targets import Target, target_for
from canary.views.difference import Changed, config_changes, copies, template_changes

_KINDS: dict[ConfigKind, Kind] = {ConfigKind.CONFIG_MAP: CONFIG_MAP, ConfigKind.SECRET: SECRET}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseChanges:
    """What a release changes, as far as the person may read it."""

    changes: tuple[Changed, ...]
    unread: tuple[str, ...]
    """The ConfigMaps and Secrets that the person may not read, each in a sentence."""


async def release_changes(
    cluster: Cluster, namespace: str, canary: str, spec: CanarySpec, status: CanaryStatus
) -> ReleaseChanges:
    """Compare a Canary's target with its primary, which has what is promoted.

    Raises:
        NotFound: one of the two is not there.
        ClusterError: they cannot be read.
    """
    if status.names is not None:
        spec = spec.with_primary(status.names.primary)
    workload = target_for(spec.target_ref.kind, spec.target_ref.api_version)
    kind = workload.kind
    if workload.holds_primary or spec.keep_target:
        name = spec.target_ref.name
        raise NotFound(f"{kind.kind} {name} has both sides in it: compare its revisions there")
    target = await cluster.read(kind, namespace, spec.target_ref.name)
    if workload.divides:
        primary = await _serving(cluster, workload, target)
    else:
        primary = await cluster.read(kind, namespace, spec.primary_name)
    changes = [*template_changes(target, primary, canary)]
    unread: list[str] = []
    for reference, copy in copies(target, primary, canary).items():
        if copy == reference.name:
            continue
        of_kind = _KINDS[reference.kind]
        try:
            before = await _found(cluster, of_kind, namespace, copy)
            after = await _found(cluster, of_kind, namespace, reference.name)
        except Forbidden:
            unread.append(f"{reference.kind.lower()} {reference.name}: you may not read it")
            continue
        changes += config_changes(reference, before, after)
    return ReleaseChanges(changes=tuple(changes), unread=tuple(unread))


async def _serving(cluster: Cluster, workload: Target, target: Manifest) -> Manifest:
    """Read a divided workload as the pods have it that do not run its newest template.

    Raises:
        NotFound: it has no such pods yet, or its history is gone.
    """
    divided, name = workload.divided(target), target["metadata"]["name"]
    if divided is None or not divided.serving or workload.history is None:
        raise NotFound(f"{workload.kind.kind} {name} names no revision that its pods run yet")
    namespace = target["metadata"]["namespace"]
    revision = await cluster.read(workload.history, namespace, divided.serving)
    return target | {"spec": target["spec"] | {"template": workload.remembered(revision)}}


async def _found(cluster: Cluster, kind: Kind, namespace: str, name: str) -> Manifest | None:
    try:
        return await cluster.read(kind, namespace, name)
    except NotFound:
        return None
