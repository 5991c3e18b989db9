"""The objects of a router: own or adopted, and given back.

What their specs say does not belong here.
"""

from collections.abc import Callable

from canary.api.canary import Canary
from canary.api.kinds import Manifest, ObjectKey
from canary.api.ownership import (
    GITOPS_ANNOTATIONS,
    adopted,
    adopted_metadata,
    original_spec,
    own_metadata,
    owned,
    released_metadata,
)
from canary.api.service import ServiceMetadata
from canary.routers import ClusterState, Restoration

Recognise = Callable[[Manifest], bool]
"""Tell whether a spec is one that tidegate, or the peer, has written for this Canary."""


def render_object(
    canary: Canary,
    cluster: ClusterState,
    key: ObjectKey,
    spec: Manifest,
    *,
    metadata: ServiceMetadata | None = None,
    ours: Recognise,
    owns: frozenset[str],
) -> Manifest:
    """Give an object with a spec; what others wrote into the existing one is kept.

    `owns` names the fields of its spec that are tidegate's: those that `spec` lacks are taken
    away. An own object also gets `metadata`, an adopted one the marks of its adoption.
    """
    existing = cluster.existing.get(key)
    if existing is None or owned(canary, existing):
        wanted = metadata or ServiceMetadata()
        written = own_metadata(
            canary,
            key.name,
            labels=wanted.labels,
            annotations={**wanted.annotations, **GITOPS_ANNOTATIONS},
            existing=existing,
        )
    else:
        shared = canary.spec.service.shared_with_gitops
        original = original_spec(existing, taken_over=ours)
        written = adopted_metadata(existing, original, shared=shared)
    theirs = (existing.get("spec") or {}) if existing else {}
    spec = {name: each for name, each in theirs.items() if name not in owns} | spec
    return {
        "apiVersion": key.kind.api_version(cluster.version(key.kind)),
        "kind": key.kind.kind,
        "metadata": written,
        "spec": spec,
    }


def restore_objects(
    canary: Canary, cluster: ClusterState, keys: tuple[ObjectKey, ...], *, ours: Recognise
) -> Restoration:
    """Put adopted objects back as they were found, and remove own ones."""
    write, remove = [], []
    for key in keys:
        existing = cluster.existing.get(key)
        if existing is None:
            continue
        if owned(canary, existing):
            remove.append(key)
        elif adopted(existing) or ours(existing.get("spec") or {}):
            original = original_spec(existing, taken_over=ours)
            write.append(
                {
                    "apiVersion": key.kind.api_version(cluster.version(key.kind)),
                    "kind": key.kind.kind,
                    "metadata": released_metadata(existing),
                    "spec": original,
                }
            )
    return Restoration(write=tuple(write), remove=tuple(remove))
