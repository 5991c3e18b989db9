"""An autoscaler of each kind, as its user writes it: between 2 and 4 replicas.

EffectiveHorizontalPodAutoscalers are of the package in `tests/thirdparty`.
"""

from collections.abc import Mapping

from canary.api.kinds import Manifest

_TARGET = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "podinfo"}
_METADATA = {
    "name": "scaler",
    "namespace": "test",
    "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"},
}

AUTOSCALERS: Mapping[str, Manifest] = {
    "EffectiveHorizontalPodAutoscaler": {
        "apiVersion": "autoscaling.crane.io/v1alpha1",
        "kind": "EffectiveHorizontalPodAutoscaler",
        "metadata": _METADATA,
        "spec": {"scaleTargetRef": _TARGET, "minReplicas": 2, "maxReplicas": 4},
    },
    "HorizontalPodAutoscaler": {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": _METADATA,
        "spec": {"scaleTargetRef": _TARGET, "minReplicas": 2, "maxReplicas": 4},
    },
    "ScaledObject": {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": _METADATA,
        "spec": {
            "scaleTargetRef": {"name": "podinfo"},
            "minReplicaCount": 2,
            "maxReplicaCount": 4,
            "triggers": [
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
        },
    },
}
