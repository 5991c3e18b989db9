"""KEDA's kind without KEDA: its CRD, and the ScaledObject of the app."""

from canary.api.kinds import SCALED_OBJECT, Manifest
from canary.demo.manifests import APP
from tests.controller.running import AnyWorld

REFERENCE = {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": APP}
PAUSED = "autoscaling.keda.sh/paused-replicas"


def definition() -> Manifest:
    """Give the CRD, which keeps whatever is written."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1alpha1", "served": True, "storage": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "scaledobjects.keda.sh"},
        "spec": {
            "group": "keda.sh",
            "scope": "Namespaced",
            "names": {
                "plural": "scaledobjects",
                "singular": "scaledobject",
                "kind": "ScaledObject",
            },
            "versions": [version | {"schema": {"openAPIV3Schema": schema}}],
        },
    }


async def create_scaled_object(world: AnyWorld, query: str) -> None:
    """Create the app's ScaledObject, with one trigger by a query."""
    trigger = {"type": "prometheus", "metadata": {"query": query}}
    await world.api.create(
        {
            "apiVersion": "keda.sh/v1alpha1",
            "kind": "ScaledObject",
            "metadata": {"name": APP, "namespace": world.namespace},
            "spec": {"scaleTargetRef": {"name": APP}, "minReplicaCount": 2, "triggers": [trigger]},
        },
        SCALED_OBJECT,
    )
