"""DaemonSets: their templates are kept in ControllerRevisions, as patches."""

from tests.case import TargetCase
from tests.targets.workloads import TEMPLATE, a_workload, owned

PARKED = {"nodeSelector": {"tidegate.dev/parked": "true"}}

CASE = TargetCase(
    written=a_workload("DaemonSet"),
    running={
        "desiredNumberScheduled": 3,
        "currentNumberScheduled": 3,
        "updatedNumberScheduled": 2,
        "numberAvailable": 1,
    },
    pod=owned("DaemonSet", "podinfo", {"pod-template-generation": "4"}),
    remembered={
        "metadata": {"name": "x"},
        "data": {
            "spec": {
                "template": {
                    "metadata": TEMPLATE["metadata"],
                    "spec": TEMPLATE["spec"] | PARKED,
                    "$patch": "replace",
                }
            }
        },
    },
)
