"""What workloads of every kind are made of, and one of each kind, from its case."""

from collections.abc import Mapping
from typing import Any

from canary.api.kinds import Manifest

SELECTOR = {"matchLabels": {"app": "podinfo"}}
TEMPLATE = {
    "metadata": {"labels": {"app": "podinfo"}},
    "spec": {"containers": [{"name": "podinfo", "image": "podinfo:1"}]},
}


def a_workload(kind: str, **spec: Any) -> Manifest:
    """Write a workload."""
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": "podinfo", "namespace": "test", "uid": "t", "generation": 1},
        "spec": {"selector": SELECTOR, "template": TEMPLATE, **spec},
    }


def owned(kind: str, name: str, labels: Mapping[str, str], **fields: Any) -> Manifest:
    """Write what the controller of a workload has made, such as a pod."""
    owner = {"kind": kind, "name": name, "uid": "t", "controller": True}
    return {"metadata": {"name": "x", "labels": labels, "ownerReferences": [owner]}, **fields}
