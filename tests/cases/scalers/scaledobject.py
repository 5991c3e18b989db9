"""ScaledObjects of KEDA."""

from tests.case import ScalerCase
from tests.scalers.autoscalers import an_autoscaler

CASE = ScalerCase(
    written=an_autoscaler(
        "keda.sh/v1alpha1",
        "ScaledObject",
        scaleTargetRef={"name": "podinfo"},
        minReplicaCount=2,
        maxReplicaCount=4,
        triggers=[
            {
                "type": "prometheus",
                "name": "rps",
                "metadata": {
                    "serverAddress": "http://prometheus:9090",
                    "query": 'sum(rate(requests_total{app="podinfo"}[1m]))',
                    "threshold": "100",
                },
            },
            {"type": "cpu", "metricType": "Utilization", "metadata": {"value": "80"}},
        ],
    )
)
