"""Scaler `EffectiveHorizontalPodAutoscaler`, of Crane: an autoscaler that forecasts."""

from dataclasses import replace

from canary.api.canary import Canary
from canary.api.kinds import Kind, Manifest
from canary.objects.render import Render
from canary.scalers import SCALERS

FORECASTING = Kind(
    group="autoscaling.crane.io",
    versions=("v1alpha1",),
    kind="EffectiveHorizontalPodAutoscaler",
    plural="effectivehorizontalpodautoscalers",
)


class EffectiveHorizontalPodAutoscalerScaler:
    """Does what the scaler of HorizontalPodAutoscalers does, with another kind."""

    kind = FORECASTING
    pauses = False

    def __init__(self) -> None:
        self._autoscaler = SCALERS.load("HorizontalPodAutoscaler")()

    def primary(
        self, canary: Canary, source: Manifest, *, minimum: int, existing: Manifest | None
    ) -> Render:
        """Give the primary's autoscaler."""
        copy = self._autoscaler.primary(canary, source, minimum=minimum, existing=existing)
        identity = {
            "apiVersion": self.kind.api_version(self.kind.versions[0]),
            "kind": self.kind.kind,
        }
        return replace(
            copy, key=replace(copy.key, kind=self.kind), manifest=copy.manifest | identity
        )

    def minimum(self, manifest: Manifest) -> int:
        """Give the fewest replicas."""
        return self._autoscaler.minimum(manifest)

    def maximum(self, manifest: Manifest) -> int | None:
        """Give the most replicas."""
        return self._autoscaler.maximum(manifest)

    def paused(self, manifest: Manifest, *, replicas: int | None) -> Manifest | None:
        """Give nothing, as for a HorizontalPodAutoscaler."""
        return self._autoscaler.paused(manifest, replicas=replicas)
