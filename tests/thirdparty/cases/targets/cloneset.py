"""CloneSets of OpenKruise."""

from tests.case import TargetCase
from tests.targets.workloads import TEMPLATE, a_workload, owned

CASE = TargetCase(
    written=a_workload("CloneSet", replicas=3) | {"apiVersion": "apps.kruise.io/v1alpha1"},
    running={"replicas": 3, "updatedReplicas": 2, "availableReplicas": 1},
    pod=owned("CloneSet", "podinfo", {"controller-revision-hash": "podinfo-abc"}),
    remembered={
        "metadata": {"name": "x"},
        "data": {"spec": {"template": {**TEMPLATE, "$patch": "replace"}}},
    },
)
