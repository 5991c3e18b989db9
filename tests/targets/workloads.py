"""A workload of each kind, and what its status says.

CloneSets are of the package in `tests/thirdparty`.
"""

from collections.abc import Mapping
from typing import Any

from canary.api.kinds import Manifest

SELECTOR = {"matchLabels": {"app": "podinfo"}}
TEMPLATE = {
    "metadata": {"labels": {"app": "podinfo"}},
    "spec": {"containers": [{"name": "podinfo", "image": "podinfo:1"}]},
}


def _workload(kind: str, **spec: Any) -> Manifest:
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": "podinfo", "namespace": "test", "uid": "t", "generation": 1},
        "spec": {"selector": SELECTOR, "template": TEMPLATE, **spec},
    }


def _owned(kind: str, name: str, labels: Mapping[str, str], **fields: Any) -> Manifest:
    owner = {"kind": kind, "name": name, "uid": "t", "controller": True}
    return {"metadata": {"name": "x", "labels": labels, "ownerReferences": [owner]}, **fields}


WORKLOADS: Mapping[str, Manifest] = {
    "CloneSet": _workload("CloneSet", replicas=3) | {"apiVersion": "apps.kruise.io/v1alpha1"},
    "DaemonSet": _workload("DaemonSet"),
    "Deployment": _workload("Deployment", replicas=3),
}
"""As their users write them."""

RUNNING: Mapping[str, Mapping[str, Any]] = {
    "CloneSet": {"replicas": 3, "updatedReplicas": 2, "availableReplicas": 1},
    "DaemonSet": {
        "desiredNumberScheduled": 3,
        "currentNumberScheduled": 3,
        "updatedNumberScheduled": 2,
        "numberAvailable": 1,
    },
    "Deployment": {"replicas": 3, "updatedReplicas": 2, "availableReplicas": 1},
}
"""Three pods: two of the newest template, one available."""

PODS: Mapping[str, Manifest] = {
    "CloneSet": _owned("CloneSet", "podinfo", {"controller-revision-hash": "podinfo-abc"}),
    "DaemonSet": _owned("DaemonSet", "podinfo", {"pod-template-generation": "4"}),
    "Deployment": _owned("ReplicaSet", "podinfo-abc", {"pod-template-hash": "abc"}),
}

REMEMBERED: Mapping[str, Manifest] = {
    "CloneSet": {
        "metadata": {"name": "x"},
        "data": {"spec": {"template": {**TEMPLATE, "$patch": "replace"}}},
    },
    "DaemonSet": {
        "metadata": {"name": "x"},
        "data": {
            "spec": {
                "template": {
                    "metadata": TEMPLATE["metadata"],
                    "spec": {
                        **TEMPLATE["spec"],
                        "nodeSelector": {"tidegate.dev/parked": "true"},
                    },
                    "$patch": "replace",
                }
            }
        },
    },
    "Deployment": _owned(
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
}
"""What the history holds of the template."""
