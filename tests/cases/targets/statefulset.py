"""StatefulSets: the status names two revisions, and the partition says which ordinal runs which."""

from tests.case import TargetCase
from tests.targets.workloads import TEMPLATE, a_workload, owned

CASE = TargetCase(
    written=a_workload(
        "StatefulSet",
        replicas=3,
        serviceName="podinfo",
        updateStrategy={"type": "RollingUpdate", "rollingUpdate": {"partition": 1}},
    ),
    running={
        "observedGeneration": 1,
        "replicas": 3,
        "currentReplicas": 1,
        "updatedReplicas": 2,
        "availableReplicas": 2,
        "currentRevision": "podinfo-1",
        "updateRevision": "podinfo-2",
    },
    pod=owned("StatefulSet", "podinfo", {"controller-revision-hash": "podinfo-2"}),
    remembered={
        "metadata": {"name": "x"},
        "data": {"spec": {"template": TEMPLATE | {"$patch": "replace"}}},
    },
)
