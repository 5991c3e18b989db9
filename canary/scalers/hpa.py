"""HorizontalPodAutoscalers: inactive while their workload has no replicas, so never paused."""

from typing import ClassVar

from canary.api.canary import Canary
from canary.api.kinds import AUTOSCALER, Kind, Manifest, copy_of
from canary.objects.render import Render
from canary.scalers.copies import primary_copy, primary_reference, set_bounds
from canary.scalers.defaults import ScalerDefaults


class HorizontalPodAutoscalerScaler(ScalerDefaults):
    """Read and render HorizontalPodAutoscalers."""

    kind: ClassVar[Kind] = AUTOSCALER
    pauses: ClassVar[bool] = False

    def primary(
        self,
        canary: Canary,
        source: Manifest,
        *,
        minimum: int = 0,
        existing: Manifest | None = None,
    ) -> Render:
        """Give the primary's HorizontalPodAutoscaler.

        Metrics of every type and the behavior are the target's; a metric of the target itself
        becomes one of the primary.
        """
        spec: Manifest = copy_of(source["spec"])
        target = canary.spec.target_ref
        spec["scaleTargetRef"] = primary_reference(canary)
        for metric in spec.get("metrics") or ():
            described = (metric.get("object") or {}).get("describedObject") or {}
            if (described.get("kind"), described.get("name")) == (target.kind, target.name):
                described["name"] = canary.spec.primary_name
        set_bounds(canary, spec, fewest="minReplicas", most="maxReplicas")
        if minimum > spec.get("minReplicas", 1):
            spec["minReplicas"] = min(minimum, spec["maxReplicas"])
        return primary_copy(canary, self.kind, source, spec, existing)

    def minimum(self, manifest: Manifest) -> int:
        """Give the fewest replicas; one where none are set."""
        fewest = manifest["spec"].get("minReplicas")
        return 1 if fewest is None else int(fewest)

    def maximum(self, manifest: Manifest) -> int | None:
        """Give the most replicas."""
        most: int | None = manifest["spec"].get("maxReplicas")
        return most

    def paused(self, manifest: Manifest, *, replicas: int | None) -> Manifest | None:  # noqa: ARG002 - of the protocol
        """Give nothing: it does not scale a workload without replicas."""
        return None
