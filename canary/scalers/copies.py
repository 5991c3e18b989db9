"""What the primary's autoscalers have in common, whatever their kind."""

from canary.api.canary import Canary
from canary.api.kinds import Kind, Manifest, ObjectKey
from canary.objects.render import Render, whole
from canary.objects.taking import made
from canary.resources.names import primary_name


def primary_reference(canary: Canary) -> Manifest:
    """Give the reference by which an autoscaler names the primary."""
    target = canary.spec.target_ref
    return {
        "apiVersion": target.api_version,
        "kind": target.kind,
        "name": canary.spec.primary_name,
    }


def set_bounds(canary: Canary, spec: Manifest, *, fewest: str, most: str) -> None:
    """Put the bounds that a Canary overrides into fields of a spec, in place.

    An API server refuses a least number above the greatest one: of the two, the one that the Canary
    says holds.
    """
    reference = canary.spec.autoscaler_ref
    bounds = reference.primary_scaler_replicas if reference else None
    if bounds and bounds.min_replicas is not None:
        spec[fewest] = bounds.min_replicas
        if most in spec:
            spec[most] = max(spec[most], spec[fewest])
    if bounds and bounds.max_replicas is not None:
        spec[most] = bounds.max_replicas
        if fewest in spec:
            spec[fewest] = min(spec[most], spec[fewest])


def primary_copy(
    canary: Canary, kind: Kind, source: Manifest, spec: Manifest, existing: Manifest | None
) -> Render:
    """Give the primary's autoscaler of a kind, named after the target's, with a spec of its own."""
    key = ObjectKey(
        kind=kind,
        namespace=canary.metadata.namespace,
        name=primary_name(source["metadata"]["name"]),
    )
    body = {"spec": spec}
    return made(canary, key, body, owns=whole(body), found=existing)
