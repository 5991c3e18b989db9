"""The primary's autoscaler: a copy of the target's that scales the primary."""

from copy import deepcopy

from canary.api.canary import Canary
from canary.api.kinds import AUTOSCALER, Manifest
from canary.api.ownership import own_metadata
from canary.resources.names import primary_name


def primary_autoscaler(
    canary: Canary, autoscaler: Manifest, *, minimum: int = 0, existing: Manifest | None = None
) -> Manifest:
    """Give the primary's HorizontalPodAutoscaler.

    Metrics of every type and the behavior are the target's; a metric of the target itself becomes
    one of the primary. The bounds may be overridden in the Canary. The lower one is at least
    `minimum`, and never above the upper one.
    """
    spec: Manifest = deepcopy(autoscaler["spec"])
    target = canary.spec.target_ref
    spec["scaleTargetRef"] = {
        "apiVersion": target.api_version,
        "kind": target.kind,
        "name": canary.spec.primary_name,
    }
    for metric in spec.get("metrics") or ():
        described = (metric.get("object") or {}).get("describedObject") or {}
        if (described.get("kind"), described.get("name")) == (target.kind, target.name):
            described["name"] = canary.spec.primary_name
    reference = canary.spec.autoscaler_ref
    bounds = reference.primary_scaler_replicas if reference else None
    if bounds and bounds.min_replicas is not None:
        spec["minReplicas"] = bounds.min_replicas
    if bounds and bounds.max_replicas is not None:
        spec["maxReplicas"] = bounds.max_replicas
    if minimum > spec.get("minReplicas", 1):
        spec["minReplicas"] = min(minimum, spec["maxReplicas"])
    return {
        "apiVersion": AUTOSCALER.api_version(AUTOSCALER.versions[0]),
        "kind": AUTOSCALER.kind,
        "metadata": own_metadata(
            canary, primary_name(autoscaler["metadata"]["name"]), existing=existing
        ),
        "spec": spec,
    }
