"""Kubernetes alone: the selector of the apex Service."""

from tests.case import RouterCase
from tests.routers.vocabulary import METADATA

CASE = RouterCase(
    canaries=(
        {"service": {**METADATA, "name": "shop", "portDiscovery": True}},
        {"analysis": {"stepWeight": None, "iterations": 3}},
    ),
    foreign={
        "Service": {
            "clusterIP": "10.96.0.9",
            "selector": {"app": "podinfo", "tier": "web"},
            "ports": [{"name": "web", "port": 80, "protocol": "TCP", "targetPort": "http"}],
        }
    },
)
