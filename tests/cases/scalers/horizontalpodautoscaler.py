"""HorizontalPodAutoscalers."""

from tests.case import ScalerCase
from tests.scalers.autoscalers import TARGET, an_autoscaler

CASE = ScalerCase(
    written=an_autoscaler(
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        scaleTargetRef=TARGET,
        minReplicas=2,
        maxReplicas=4,
    )
)
