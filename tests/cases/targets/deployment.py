"""Deployments: their pods are those of ReplicaSets, which keep the templates."""

from tests.case import TargetCase
from tests.targets.workloads import TEMPLATE, a_workload, owned

CASE = TargetCase(
    written=a_workload("Deployment", replicas=3),
    running={"replicas": 3, "updatedReplicas": 2, "availableReplicas": 1},
    pod=owned("ReplicaSet", "podinfo-abc", {"pod-template-hash": "abc"}),
    remembered=owned(
        "Deployment",
        "podinfo",
        {"pod-template-hash": "abc"},
        spec={
            "template": {
                "metadata": {"labels": {"app": "podinfo", "pod-template-hash": "abc"}},
                "spec": TEMPLATE["spec"],
            }
        },
    ),
)
