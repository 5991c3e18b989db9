"""EffectiveHorizontalPodAutoscalers of Crane."""

from tests.case import ScalerCase
from tests.scalers.autoscalers import TARGET, an_autoscaler

CASE = ScalerCase(
    written=an_autoscaler(
        "autoscaling.crane.io/v1alpha1",
        "EffectiveHorizontalPodAutoscaler",
        scaleTargetRef=TARGET,
        minReplicas=2,
        maxReplicas=4,
    )
)
