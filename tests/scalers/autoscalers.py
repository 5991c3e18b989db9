"""What autoscalers of every kind are made of."""

from typing import Any

from canary.api.kinds import Manifest

TARGET = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "podinfo"}


def an_autoscaler(api_version: str, kind: str, **spec: Any) -> Manifest:
    """Write an autoscaler, as `kubectl apply` leaves it."""
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {
            "name": "scaler",
            "namespace": "test",
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"},
        },
        "spec": spec,
    }
