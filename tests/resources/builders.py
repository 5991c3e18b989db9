"""Canaries and workloads for the tests of what runs."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from canary.api.canary import Canary
from canary.api.kinds import Manifest
from canary.resources.names import SelectorLabel

LABEL = SelectorLabel("app", "podinfo")


def a_canary(*, service: Mapping[str, Any] | None = None, **spec: Any) -> Canary:
    """Build a Canary of podinfo."""
    return Canary.model_validate(
        {
            "apiVersion": "tidegate.dev/v1beta1",
            "kind": "Canary",
            "metadata": {"name": "podinfo", "namespace": "test", "uid": "canary-uid"},
            "spec": {
                "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "podinfo"},
                "service": {"port": 80, **(service or {})},
                "analysis": {"stepWeight": 10},
            }
            | spec,
        }
    )


#: The owner that everything made for the Canary has.
OWNER = {
    "apiVersion": "tidegate.dev/v1beta1",
    "kind": "Canary",
    "name": "podinfo",
    "uid": "canary-uid",
    "controller": True,
    "blockOwnerDeletion": True,
}


def a_deployment(
    *,
    pod: Mapping[str, Any] | None = None,
    container: Mapping[str, Any] | None = None,
    template: Mapping[str, Any] | None = None,
    labels: Mapping[str, str] | None = None,
    **spec: Any,
) -> Manifest:
    """Build the target, as an API server gives it."""
    selected = dict(labels or {"app": "podinfo"})
    containers = [{"name": "podinfod", "image": "podinfo:1", **(container or {})}]
    return deepcopy(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {
                "name": "podinfo",
                "namespace": "test",
                "uid": "target-uid",
                "resourceVersion": "5",
            },
            "spec": {
                "replicas": 2,
                "selector": {"matchLabels": selected},
                "template": {
                    "metadata": {"labels": selected, "creationTimestamp": None},
                    "spec": {"containers": containers, **(pod or {})},
                    **(template or {}),
                },
                **spec,
            },
            "status": {"replicas": 2},
        }
    )
