"""The objects of a router: own or adopted, and given back.

What their specs say does not belong here.
"""

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType

from canary.api.canary import Canary
from canary.api.kinds import Manifest, ObjectKey, copy_of
from canary.api.service import ServiceMetadata
from canary.objects.adoption import original_spec
from canary.objects.ownership import GITOPS_ANNOTATIONS, adopted, owned
from canary.objects.places import Path
from canary.objects.render import Render, Restoration
from canary.objects.taking import Recognise, adopted_as, made, released
from canary.routers import ClusterState

_NONE: Mapping[str, str] = MappingProxyType({})
Owned = tuple[ObjectKey, tuple[Path, ...]]
"""An object, and the places of it that are tidegate's."""


def render_object(
    canary: Canary,
    cluster: ClusterState,
    owned_object: Owned,
    spec: Manifest,
    *,
    metadata: ServiceMetadata | None = None,
    annotations: Mapping[str, str] = _NONE,
    ours: Recognise,
) -> Render:
    """Want an object with a spec and some annotations, in the places that are tidegate's.

    An own object also gets `metadata`, an adopted one the marks of its adoption.
    """
    key, owns = owned_object
    found, version, body = cluster.existing.get(key), cluster.version(key.kind), {"spec": spec}
    if found is None or owned(canary, found):
        wanted = metadata or ServiceMetadata()
        return made(
            canary,
            key,
            body,
            owns=owns,
            found=found,
            labels=wanted.labels,
            annotations={**wanted.annotations, **annotations, **GITOPS_ANNOTATIONS},
            version=version,
        )
    return adopted_as(
        canary,
        key,
        body,
        owns=owns,
        found=found,
        original=original_spec(found, taken_over=ours),
        annotations=annotations,
        version=version,
    )


def spec_before(
    canary: Canary, cluster: ClusterState, key: ObjectKey, *, ours: Recognise
) -> Manifest:
    """Give the spec of an adopted object as its user wrote it; empty where there is none."""
    found = cluster.existing.get(key)
    if found is None or owned(canary, found) or not isinstance(found.get("spec"), dict):
        return {}
    return original_spec(found, taken_over=ours)


def options(
    canary: Canary, backends: Iterable[Manifest], *, but: Collection[str], by: str = "name"
) -> Manifest:
    """Give what a user's route says of how the app is spoken to; both sides are spoken to so.

    `but` are the fields that say which backend it is, and what its share is. Of several for the app
    the first one counts.
    """
    ours = (each for each in backends if each.get(by) == canary.spec.service_name)
    found: Manifest = next(ours, {})
    return copy_of({name: value for name, value in found.items() if name not in but})


def restore_objects(
    canary: Canary, cluster: ClusterState, objects: Iterable[Owned], *, ours: Recognise
) -> Restoration:
    """Put adopted objects back as they were found, and remove own ones."""
    write, remove = [], []
    for key, owns in objects:
        found = cluster.existing.get(key)
        if found is None:
            continue
        if owned(canary, found):
            remove.append(key)
        elif adopted(found) or ours(found.get("spec") or {}):
            original, version = original_spec(found, taken_over=ours), cluster.version(key.kind)
            write.append(released(key, original, owns=owns, found=found, version=version))
    return Restoration(write=tuple(write), remove=tuple(remove))
